#pragma once

// A method's side of the training loop (trainer.h): it proposes placements and is taught by what
// became of them. Evaluations, rewards, restarts, checkpoints and budgets are the loop's.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "placer/base/random.h"
#include "placer/evaluate/evaluator.h"
#include "placer/placement/placement.h"

namespace placer::policy {

// Something drawn from a policy.
struct Proposal {
  Placement placement;
  // Whatever else was drawn and decided the placement, such as a grouping; empty: nothing was.
  std::vector<std::int32_t> latent;

  bool operator==(const Proposal&) const = default;
};

[[nodiscard]] inline std::vector<Placement> placements_of(std::span<const Proposal> proposals) {
  std::vector<Placement> placements;
  for (const Proposal& proposal : proposals) placements.push_back(proposal.placement);
  return placements;
}

struct Lesson {
  std::span<const double> advantages;  // [K], of what was sampled last; 0: must not teach
  // [K], likewise: what became of it. Comparable over all updates, as advantages are not.
  std::span<const Outcome> outcomes;
  // Of those that may teach: what a value baseline learns.
  std::span<const double> rewards = {};
  double entropy_weight = 0;          // of the entropy bonus, per decision
  std::vector<Proposal> elites = {};  // to imitate besides, each once
  double elite_weight = 0;
  // What local search made of the samples, and how much each is to be imitated, in [0, 1]; empty:
  // there was none.
  std::vector<Proposal> refined = {};
  std::vector<double> refined_weights = {};
};

// Numbers of a method's own, by the names that they have in metrics.jsonl.
using Details = std::vector<std::pair<std::string, double>>;

struct LessonReport {
  bool applied = false;  // false: the loss or its gradient was not finite, nothing changed
  double loss = 0;       // of the samples, before the step
  double entropy = 0;    // nats per decision, before the step
  double grad_norm = 0;  // of the last step, before clipping
  // Its step may leave no choice where there was one, and means to: one of the cross-entropy method.
  bool settles = false;
  Details details = {};
};

// Named numbers of a learner, as bytes.
struct Blob {
  std::string name;
  std::string dtype;  // "float32", "float64"
  std::vector<std::int64_t> shape;
  std::string bytes;

  bool operator==(const Blob&) const = default;
};

// Deterministic: what it does depends on nothing but its problem, seed and calls.
class Learner {
 public:
  virtual ~Learner() = default;

  // Draws K = rngs.size() proposals that use allowed devices only; sample k draws from rngs[k]
  // first, so that it does not depend on who else is drawn. What several samples share comes from
  // the stream of the first of them.
  [[nodiscard]] virtual std::vector<Proposal> sample(std::span<Rng> rngs) = 0;
  // For methods that improve a placement (TrainingParameters::improves): the one to go on from, at
  // first and whenever the search has found a better one. Comes before everything but reset() and
  // loading.
  virtual void rebase(const Placement& /*placement*/) {}
  // What the policy thinks best of the present placement, the same for the same weights; nothing:
  // only samples are worth trying. At most `most` of them (at least 1), unless a setting of the
  // method says how many.
  [[nodiscard]] virtual std::vector<Proposal> decode(std::optional<std::size_t> /*most*/) {
    return {};
  }
  // What it expects a sample's reward to be, by what it read for the last ones; nothing: it learns
  // no value (BaselineKind::kValue).
  [[nodiscard]] virtual std::optional<double> value() const { return std::nullopt; }
  // Learns from the proposals that were sampled last.
  virtual LessonReport teach(const Lesson& lesson) = 0;

  // What drawing this placement would have been; nothing: the method cannot imitate placements that
  // it did not draw.
  [[nodiscard]] virtual std::optional<Proposal> proposal_of(const Placement& placement) const = 0;
  // One step towards proposals to imitate, unless the cross-entropy, nats per decision, is below
  // `enough`. The loss in the report is the cross-entropy.
  virtual LessonReport imitate(std::span<const Proposal> proposals, double enough) = 0;

  // Whether it can have drawn this proposal, which came from a file.
  [[nodiscard]] virtual bool takes(const Proposal& proposal) const {
    return proposal.latent.empty();
  }

  // Forgets everything: fresh weights, which depend on seed and round only. A new learner is one of
  // round 0.
  virtual void reset(std::uint64_t seed, std::uint64_t round) = 0;
  // In how many ways fresh weights begin; those of a round in the way numbered round modulo this.
  [[nodiscard]] virtual std::uint64_t ways_to_begin() const { return 1; }

  // What is learned, and what the optimizer keeps besides. Loading replaces all or, where something
  // is missing, has another type or shape or is not finite, throws Error(kBadInput) naming `path`
  // and changes nothing.
  [[nodiscard]] virtual std::vector<Blob> weights() const = 0;
  [[nodiscard]] virtual std::vector<Blob> optimizer_state() const = 0;
  virtual void load_weights(const std::filesystem::path& path, std::span<const Blob> blobs) = 0;
  virtual void load_optimizer_state(const std::filesystem::path& path,
                                    std::span<const Blob> blobs) = 0;
};

}  // namespace placer::policy
