#pragma once

// Trains one policy over many problems, so that it can place graphs that it has not seen.
//
// In every round `workers` problems are searched side by side with the same weights, each by the
// loop of trainer.h; every step of Adam follows the mean of their gradients (JointOptimizer). What
// comes out depends on the seed and the number of workers, not on the number of cores.

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
  // What it is to be compared with: placements of heuristics.
  [[nodiscard]] virtual std::vector<Placement> references() = 0;
};

// Of what is trained on, and of what is held back from it; the same index gives the same problem.
// Called from several threads.
struct InstanceSource {
  std::function<std::unique_ptr<Instance>(std::uint64_t index)> training;
  std::function<std::unique_ptr<Instance>(std::uint64_t index)> held_back;
  // What both draw from, by name: a training that is resumed has to have the same.
  std::vector<std::pair<std::string, std::string>> identity = {};
};

struct GeneralistOptions {
  std::string algorithm = "gnn";                                // one that transfers
  std::vector<std::pair<std::string, std::string>> parameters;  // of it
  std::uint64_t seed = 1;
  Budget budget;                    // evaluations: those of training
  std::uint64_t evaluations = 200;  // of one problem
  std::size_t workers = 8;          // problems of a round
  // Policies of the same algorithm, files or kShippedPolicy: every problem is first placed by each
  // of them, decoded so many times, and the best placement of each is imitated besides.
  std::vector<std::string> teachers;
  std::uint64_t teacher_rollouts = 64;
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

// Costs of held-back problems relative to the best reference of each: geometric means over the
// problems on which both are feasible.
struct GeneralistTest {
  std::uint64_t round = 0;
  double zero_shot = 1;      // after decoding alone
  double searched = 1;       // after test_evaluations
  std::uint64_t failed = 0;  // problems on which decoding found nothing feasible
  // Where there are teachers, decoding alone over the best of theirs: cost, geometric mean; and
  // CPU seconds, judging included, of all problems.
  std::optional<double> over_teacher;
  std::optional<double> effort;
};

struct GeneralistResult {
  std::uint64_t rounds = 0;
  std::uint64_t evaluations = 0;
  double seconds = 0;
  // Rounds that blew the policy up: weights and optimizer are as if they had not been.
  std::uint64_t rollbacks = 0;
  std::string trouble;                // why it ended early, or that it rolled back; empty: neither
  std::vector<GeneralistTest> tests;  // of this run; of a new one the first is of the first weights
};

// Throws Error(kUsage) for an algorithm that does not transfer or parameters that are not its own,
// Error(kBadInput) for an output file that is damaged or of another training.
[[nodiscard]] GeneralistResult train_generalist(const InstanceSource& source,
                                                const GeneralistOptions& options);

}  // namespace placer::policy
