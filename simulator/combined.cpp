#include "simulator/combined.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "placer/base/error.h"
#include "placer/evaluate/incremental.h"

namespace placer::sim {
namespace {

constexpr double kSumScale = 1e12;
constexpr double kMostScore = 9e18;
constexpr double kFirstScale = 1e9;
constexpr double kMostFirst = 0x1p36;
constexpr double kSecondScale = 0x1p20;
constexpr double kSecondRange = 0x1p26;

// The score of the values of the sums, before it is rounded.
double score_of(std::span<const double> sums) {
  if (sums.size() == 1) {
    return std::min(sums[0] * kSumScale, kMostScore);
  }
  const double first = std::min(std::round(sums[0] * kFirstScale), kMostFirst);
  return first * kSecondRange + std::min(sums[1] * kSecondScale, kSecondRange - 1);
}

class CombinedMoves : public IncrementalEvaluator {
 public:
  CombinedMoves(std::vector<std::unique_ptr<IncrementalEvaluator>> parts,
                const std::vector<WeightedSum>& sums)
      : parts_(std::move(parts)), sums_(sums), values_(parts_.size()) {}

  void load(std::span<const DeviceId> choice) override {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      parts_[i]->load(choice);
      values_[i] = parts_[i]->value();
    }
  }
  MoveValue move(std::uint32_t unit, DeviceId to) override {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      values_[i] = parts_[i]->move(unit, to);
    }
    return value();
  }
  [[nodiscard]] MoveValue value() const override {
    std::vector<double> costs;
    std::vector<double> guides;
    for (const WeightedSum& sum : sums_) {
      double cost = 0;
      double guide = 0;
      for (const WeightedTerm& term : sum) {
        cost += term.weight * values_[term.part].cost / term.unit;
        guide += term.weight * values_[term.part].guide / term.unit;
      }
      costs.push_back(cost);
      guides.push_back(guide);
    }
    const bool has_cost =
        std::ranges::all_of(costs, [](double cost) { return std::isfinite(cost); });
    MoveValue result{.cost = has_cost ? score_of(costs) : std::numeric_limits<double>::infinity(),
                     .guide = score_of(guides),
                     .overload_bytes = 0};
    for (const MoveValue& value : values_) {
      result.overload_bytes = std::max(result.overload_bytes, value.overload_bytes);
    }
    return result;
  }
  [[nodiscard]] DeviceId device(std::uint32_t unit) const override {
    return parts_.front()->device(unit);
  }
  [[nodiscard]] DeviceId bottleneck() const override { return parts_.front()->bottleneck(); }

 private:
  std::vector<std::unique_ptr<IncrementalEvaluator>> parts_;
  std::vector<WeightedSum> sums_;
  std::vector<MoveValue> values_;  // [parts]
};

class Combined : public Evaluator {
 public:
  Combined(std::string name, std::vector<std::unique_ptr<Evaluator>> parts,
           std::vector<WeightedSum> sums)
      : name_(std::move(name)), parts_(std::move(parts)), sums_(std::move(sums)) {
    PLACER_CHECK(sums_.size() == 1 || sums_.size() == 2, "one sum, or two");
  }

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    std::vector<std::vector<double>> value(sums_.size(), std::vector<double>(placements.size()));
    for (std::size_t part = 0; part < parts_.size(); ++part) {
      const bool first = part == 0;
      std::vector<Outcome> others(first ? 0 : placements.size());
      const std::span<Outcome> outcomes = first ? results : std::span<Outcome>(others);
      parts_[part]->evaluate(placements, outcomes);
      for (std::size_t i = 0; i < placements.size(); ++i) {
        add(part, static_cast<double>(outcomes[i].cost()), i, value);
        if (!first && results[i].feasible() && !outcomes[i].feasible()) {
          results[i].infeasible = std::move(outcomes[i].infeasible);
        }
      }
    }
    std::vector<double> sums(sums_.size());
    for (std::size_t i = 0; i < placements.size(); ++i) {
      for (std::size_t sum = 0; sum < sums.size(); ++sum) {
        sums[sum] = value[sum][i];
      }
      results[i].score = std::llround(score_of(sums));
    }
  }

  [[nodiscard]] std::string name() const override { return name_; }

  [[nodiscard]] std::unique_ptr<IncrementalEvaluator> incremental(
      const Constraints& constraints) override {
    std::vector<std::unique_ptr<IncrementalEvaluator>> moves;
    for (const auto& part : parts_) {
      moves.push_back(part->incremental(constraints));
      if (moves.back() == nullptr) {
        return nullptr;
      }
    }
    return std::make_unique<CombinedMoves>(std::move(moves), sums_);
  }

 private:
  void add(std::size_t part, double cost, std::size_t placement,
           std::vector<std::vector<double>>& value) const {
    for (std::size_t sum = 0; sum < sums_.size(); ++sum) {
      for (const WeightedTerm& term : sums_[sum]) {
        value[sum][placement] += term.part == part ? term.weight * cost / term.unit : 0;
      }
    }
  }

  std::string name_;
  std::vector<std::unique_ptr<Evaluator>> parts_;
  std::vector<WeightedSum> sums_;
};

}  // namespace

std::unique_ptr<Evaluator> make_combined(std::string name,
                                         std::vector<std::unique_ptr<Evaluator>> parts,
                                         std::vector<WeightedSum> sums) {
  return std::make_unique<Combined>(std::move(name), std::move(parts), std::move(sums));
}

double single_device_cost(Evaluator& objective, const Constraints& constraints) {
  std::vector<Placement> placements(constraints.memory_limit.size());
  for (std::size_t d = 0; d < placements.size(); ++d) {
    for (const std::uint64_t allowed : constraints.allowed) {
      const bool here = (allowed >> d & 1) != 0;
      const auto lowest = static_cast<std::size_t>(std::countr_zero(allowed));
      placements[d].device.push_back(id_at<DeviceId>(here ? d : lowest));
    }
  }
  std::vector<Outcome> outcomes(placements.size());
  objective.evaluate(placements, outcomes);
  double best = 0;
  bool feasible = false;
  for (const Outcome& outcome : outcomes) {
    const auto cost = static_cast<double>(outcome.cost());
    const bool wins = outcome.feasible() != feasible ? outcome.feasible() : cost < best;
    if (cost > 0 && (wins || best == 0)) {
      best = cost;
      feasible = outcome.feasible();
    }
  }
  return best > 0 ? best : 1;
}

}  // namespace placer::sim
