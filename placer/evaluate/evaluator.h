#pragma once

// Placements in, outcomes out. Searching, learning and comparing know nothing else: a simulator, a
// closed-form objective, the measuring executor and a pool of worker processes all stand behind
// this.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "placer/base/units.h"
#include "placer/placement/placement.h"

namespace placer {

enum class InfeasibleReason : std::uint8_t {
  kOutOfMemory,
  kUnsupported,
  kTimeOut,
  kFailed,
  kCrashed
};

struct Infeasible {
  InfeasibleReason reason = InfeasibleReason::kFailed;
  std::optional<DeviceId> device;
  std::optional<NodeId> node;  // the op that failed or did not fit
  Bytes missing;               // kOutOfMemory
  std::string text;            // for people; names device and node
};

// What a placement costs, or why it cannot run. Infeasible is a value, not an error.
struct Outcome {
  std::optional<Infeasible> infeasible;
  SimTime step_time;  // meaningful only when feasible()
  // What the objective minimises where that is not the step time: bytes, or a combination.
  std::optional<std::int64_t> score = std::nullopt;
  std::vector<Bytes> peak_memory;  // [devices]
  std::vector<SimTime> busy;       // [devices]: time spent in ops
  // Of a measurement: every timed step behind step_time, which is their median. Empty: predicted.
  std::vector<SimTime> timed_steps = {};
  std::size_t new_steps = 0;  // how many of them were run for this outcome
  // False: nothing was run for it, all of it is what earlier measurements gave.
  bool fresh = true;

  [[nodiscard]] bool feasible() const { return !infeasible.has_value(); }
  // What a search minimises.
  [[nodiscard]] std::int64_t cost() const { return score.value_or(step_time.ps); }
};

class IncrementalEvaluator;
struct Constraints;

// Thread-compatible: one thread at a time.
class Evaluator {
 public:
  virtual ~Evaluator() = default;

  // results[i] is of placements[i]; its old content is overwritten and its memory reused. A
  // simulator gives the same bits whatever the batch, order or number of threads; a measuring
  // evaluator says in name() how it measures.
  virtual void evaluate(std::span<const Placement> placements, std::span<Outcome> results) = 0;
  [[nodiscard]] virtual std::string name() const = 0;
  // One placement at a time, changed unit by unit, where that is cheaper than judging it anew;
  // nullptr: it is not. `constraints` and this outlive the result; each result may be used by a
  // thread of its own.
  [[nodiscard]] virtual std::unique_ptr<IncrementalEvaluator> incremental(
      const Constraints& constraints);

  [[nodiscard]] Outcome evaluate_one(const Placement& placement);
};

// Strict weak order: feasible before infeasible, then by cost(). Infeasible ones: out of memory
// first, the fewest missing bytes first.
[[nodiscard]] bool better(const Outcome& a, const Outcome& b);

}  // namespace placer
