#include "placer/algorithm/move_judge.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace placer {
namespace {

class IncrementalJudge : public MoveJudge {
 public:
  explicit IncrementalJudge(std::unique_ptr<IncrementalEvaluator> evaluator)
      : evaluator_(std::move(evaluator)) {}

  bool start(std::span<const DeviceId> choice) override {
    choice_.assign(choice.begin(), choice.end());
    evaluator_->load(choice);
    value_ = evaluator_->value();
    bottleneck_ = evaluator_->bottleneck();
    changed_.clear();
    return true;
  }

  std::size_t judge(std::span<const Move> moves, std::span<MoveValue> values) override {
    for (std::size_t i = 0; i < moves.size(); ++i) {
      undo();
      for (const Step& step : moves[i]) {
        values[i] = evaluator_->move(step.unit, step.to);
        changed_.push_back(step.unit);
      }
      tried_ = &moves[i];
    }
    return moves.size();
  }

  void commit(const Move& move, const MoveValue& value) override {
    if (changed_.empty() || tried_ != &move) {
      undo();
      for (const Step& step : move) {
        static_cast<void>(evaluator_->move(step.unit, step.to));
      }
    }
    take(move);
    value_ = value;
    changed_.clear();
    bottleneck_ = evaluator_->bottleneck();
  }

  [[nodiscard]] DeviceId bottleneck() const override { return bottleneck_; }
  [[nodiscard]] std::size_t batch() const override { return 1; }

 private:
  // Most moves are refused, and the next one is tried from the same choice.
  void undo() {
    for (auto unit = changed_.rbegin(); unit != changed_.rend(); ++unit) {
      static_cast<void>(evaluator_->move(*unit, choice_[*unit]));
    }
    changed_.clear();
  }

  std::unique_ptr<IncrementalEvaluator> evaluator_;
  const Move* tried_ = nullptr;         // made in the evaluator, not in choice_
  std::vector<std::uint32_t> changed_;  // units of tried_
  DeviceId bottleneck_{};
};

class BatchJudge : public MoveJudge {
 public:
  BatchJudge(const UnitTable& units, Incumbent& incumbent, std::size_t batch)
      : units_(units), incumbent_(incumbent), placements_(batch) {}

  bool start(std::span<const DeviceId> choice) override {
    choice_.assign(choice.begin(), choice.end());
    const Placement placement = units_.placement(choice_);
    if (incumbent_.evaluate({&placement, 1}) == 0) {
      return false;
    }
    value_ = value_of(incumbent_.outcomes().front());
    set_bottleneck(incumbent_.outcomes().front());
    return true;
  }

  std::size_t judge(std::span<const Move> moves, std::span<MoveValue> values) override {
    placements_.resize(moves.size());
    std::vector<DeviceId> changed;
    for (std::size_t i = 0; i < moves.size(); ++i) {
      changed = choice_;
      for (const Step& step : moves[i]) {
        changed[step.unit] = step.to;
      }
      placements_[i] = units_.placement(changed);
    }
    const std::size_t count = incumbent_.evaluate(placements_);
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = value_of(incumbent_.outcomes()[i]);
    }
    first_ = moves.data();
    return count;
  }

  void commit(const Move& move, const MoveValue& value) override {
    take(move);
    value_ = value;
    set_bottleneck(incumbent_.outcomes()[static_cast<std::size_t>(&move - first_)]);
  }

  [[nodiscard]] DeviceId bottleneck() const override { return bottleneck_; }
  [[nodiscard]] std::size_t batch() const override { return placements_.size(); }

 private:
  static MoveValue value_of(const Outcome& outcome) {
    MoveValue value;
    if (outcome.feasible()) {
      value.cost = static_cast<double>(outcome.cost());
    } else if (outcome.infeasible->reason == InfeasibleReason::kOutOfMemory && outcome.cost() > 0) {
      value.cost = static_cast<double>(outcome.cost());
      value.overload_bytes =
          static_cast<double>(std::max(outcome.infeasible->missing.count, std::int64_t{1}));
    } else {
      value.cost = std::numeric_limits<double>::infinity();
    }
    return value;
  }

  void set_bottleneck(const Outcome& outcome) {
    const auto most = std::ranges::max_element(outcome.busy);
    if (most != outcome.busy.end()) {
      bottleneck_ = id_at<DeviceId>(static_cast<std::size_t>(most - outcome.busy.begin()));
    }
  }

  const UnitTable& units_;
  Incumbent& incumbent_;
  std::vector<Placement> placements_;
  const Move* first_ = nullptr;  // of the moves judged last
  DeviceId bottleneck_{};
};

}  // namespace

std::unique_ptr<MoveJudge> make_incremental_judge(std::unique_ptr<IncrementalEvaluator> evaluator) {
  return std::make_unique<IncrementalJudge>(std::move(evaluator));
}

std::unique_ptr<MoveJudge> make_batch_judge(const UnitTable& units, Incumbent& incumbent,
                                            std::size_t batch) {
  return std::make_unique<BatchJudge>(units, incumbent, batch);
}

}  // namespace placer
