#include "placer/algorithm/expanding_evaluator.h"

#include <memory>
#include <utility>
#include <vector>

#include "placer/evaluate/incremental.h"

namespace placer {
namespace {

class ExpandingEvaluator : public Evaluator {
 public:
  ExpandingEvaluator(Evaluator& fine, const Grouping& grouping)
      : fine_(fine), grouping_(grouping) {}

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    expanded_.clear();
    for (const Placement& placement : placements) {
      expanded_.push_back(expand(placement, grouping_));
    }
    fine_.evaluate(expanded_, results);
  }
  [[nodiscard]] std::string name() const override { return fine_.name(); }

  // Units of groups are units of the nodes in them.
  [[nodiscard]] std::unique_ptr<IncrementalEvaluator> incremental(
      const Constraints& constraints) override {
    auto expanded = std::make_unique<Constraints>(constraints);
    expanded->allowed.clear();
    expanded->unit_of.clear();
    for (const GroupId group : grouping_.group_of) {
      expanded->allowed.push_back(constraints.allowed[index(group)]);
      expanded->unit_of.push_back(constraints.unit_of[index(group)]);
    }
    kept_.push_back(std::move(expanded));
    return fine_.incremental(*kept_.back());
  }

 private:
  Evaluator& fine_;
  const Grouping& grouping_;
  std::vector<Placement> expanded_;
  std::vector<std::unique_ptr<Constraints>> kept_;  // of the incremental evaluators
};

}  // namespace

std::unique_ptr<Evaluator> make_expanding_evaluator(Evaluator& fine, const Grouping& grouping) {
  return std::make_unique<ExpandingEvaluator>(fine, grouping);
}

}  // namespace placer
