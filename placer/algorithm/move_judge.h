#pragma once

// What a local search asks about moves from where it is: through an IncrementalEvaluator where the
// objective offers one, else by batches of whole placements.

#include <memory>
#include <span>
#include <tuple>
#include <vector>

#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/neighbourhood.h"
#include "placer/evaluate/incremental.h"

namespace placer {

// What fits before what does not, then by cost, then by guide.
[[nodiscard]] inline bool better(const MoveValue& a, const MoveValue& b) {
  return std::tie(a.overload_bytes, a.cost, a.guide) < std::tie(b.overload_bytes, b.cost, b.guide);
}

class MoveJudge {
 public:
  virtual ~MoveJudge() = default;

  // Starts from this choice. False: the budget does not allow it.
  virtual bool start(std::span<const DeviceId> choice) = 0;
  // values[i] is of moves[i] from the current choice, which stays. Returns how many the budget
  // allowed: a prefix.
  virtual std::size_t judge(std::span<const Move> moves, std::span<MoveValue> values) = 0;
  // Makes a move, the one that was judged last at no cost.
  virtual void commit(const Move& move, const MoveValue& value) = 0;

  [[nodiscard]] const MoveValue& value() const { return value_; }
  [[nodiscard]] std::span<const DeviceId> choice() const { return choice_; }
  [[nodiscard]] virtual DeviceId bottleneck() const = 0;
  // How many moves to judge at once.
  [[nodiscard]] virtual std::size_t batch() const = 0;

 protected:
  void take(const Move& move) {
    for (const Step& step : move) {
      choice_[step.unit] = step.to;
    }
  }
  std::vector<DeviceId> choice_;
  MoveValue value_;
};

// For one thread of its own. Does not ask the budget: the caller counts.
[[nodiscard]] std::unique_ptr<MoveJudge> make_incremental_judge(
    std::unique_ptr<IncrementalEvaluator> evaluator);
// Asks and counts through `incumbent`. All outlive it.
[[nodiscard]] std::unique_ptr<MoveJudge> make_batch_judge(const UnitTable& units,
                                                          Incumbent& incumbent, std::size_t batch);

}  // namespace placer
