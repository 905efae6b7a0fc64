#pragma once

// Trains one "gnn" over many problems, so that it can place graphs that it has not seen.
//
// In every round `workers` problems are searched side by side with the same weights, by the loop of
// trainer.h; the gradients of all that is learned on the way are added up, and one step of Adam
// follows their mean. What comes out depends on the seed and the number of workers, not on the
// number of cores.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "placer/base/progress.h"
#include "placer/evaluate/budget.h"

namespace placer::policy {

// A problem that owns what it is made of.
class Instance {
 public:
  virtual ~Instance() = default;
  [[nodiscard]] virtual Problem problem() = 0;
  // Placements that a search of it starts from; empty: it makes its own.
  [[nodiscard]] virtual std::vector<Placement> initial() { return {}; }
};

// Of what is trained on, and of what is held back from it; the same index gives the same problem.
// Called from several threads.
struct InstanceSource {
  std::function<std::unique_ptr<Instance>(std::uint64_t index)> training;
  std::function<std::unique_ptr<Instance>(std::uint64_t index)> held_back;
};

struct GeneralistOptions {
  std::vector<std::pair<std::string, std::string>> parameters;  // of "gnn"
  std::uint64_t seed = 1;
  Budget budget;                    // evaluations: those of training
  std::uint64_t evaluations = 200;  // of one problem
  std::size_t workers = 8;          // problems of a round
  // Every so many rounds the policy places what is held back: so many problems, so many
  // evaluations each.
  std::uint64_t test_every = 50;
  std::uint64_t test_problems = 8;
  std::uint64_t test_evaluations = 200;
  std::size_t threads = 1;
  std::stop_token stop;
  ProgressSink progress;                            // may be empty
  std::function<void(const std::string&)> metrics;  // one flat JSON object a round; may be empty
  // Where the policy is kept, every test and at the end. When the file exists training goes on
  // from it.
  std::string output;
};

// Step times of held-back problems relative to that of the placement that each search began with:
// geometric means.
struct GeneralistTest {
  std::uint64_t round = 0;
  double zero_shot = 1;  // after decoding alone
  double searched = 1;   // after test_evaluations
  double untrained = 1;  // the same with the weights that training began with
};

struct GeneralistResult {
  std::uint64_t rounds = 0;
  std::uint64_t evaluations = 0;
  double seconds = 0;
  std::vector<GeneralistTest> tests;
};

// Throws Error(kUsage) for parameters that are not "gnn"'s, Error(kBadInput) for an output file
// that is damaged or of another training.
[[nodiscard]] GeneralistResult train_generalist(const InstanceSource& source,
                                                const GeneralistOptions& options);

}  // namespace placer::policy
