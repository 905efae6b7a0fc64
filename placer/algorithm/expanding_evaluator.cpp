#include "placer/algorithm/expanding_evaluator.h"

#include <vector>

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

 private:
  Evaluator& fine_;
  const Grouping& grouping_;
  std::vector<Placement> expanded_;
};

}  // namespace

std::unique_ptr<Evaluator> make_expanding_evaluator(Evaluator& fine, const Grouping& grouping) {
  return std::make_unique<ExpandingEvaluator>(fine, grouping);
}

}  // namespace placer
