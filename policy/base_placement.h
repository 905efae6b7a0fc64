#pragma once

// The placement that a learner improves, and the walk from one to the next.

#include <cstdint>
#include <optional>
#include <span>

#include "placer/algorithm/incumbent.h"
#include "policy/checkpoint_file.h"
#include "policy/learner.h"
#include "policy/parameters.h"

namespace placer::policy {

// Tells the learner whenever the base changes. Not thread-safe; all that it is given outlives it.
class BasePlacement {
 public:
  BasePlacement(const Problem& problem, const TrainingParameters& training, std::uint64_t seed,
                Incumbent& incumbent, Learner& learner);

  // Starts as other searches do.
  void find();
  // What a policy that has learned before makes of the start, as long as that gains something;
  // `most` as of Learner::decode().
  void decode(std::optional<std::size_t> most);
  // What an outcome gains on it.
  [[nodiscard]] double reward(const Outcome& outcome) const {
    return improvement(base_.cost, outcome);
  }
  // Goes on from the best sample of the update, where it is good enough (simulated annealing).
  void step(std::uint64_t update, std::span<const Proposal> proposals,
            std::span<const Outcome> outcomes);

  [[nodiscard]] const Base& state() const { return base_; }
  void restore(Base base);

 private:
  [[nodiscard]] bool accepts(std::uint64_t update, const Outcome& outcome) const;

  const Problem& problem_;
  const TrainingParameters& training_;
  std::uint64_t seed_;
  Incumbent& incumbent_;
  Learner& learner_;
  Base base_;
};

}  // namespace placer::policy
