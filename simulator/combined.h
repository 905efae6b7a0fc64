#pragma once

// Several objectives as one: a weighted sum, or one that decides where another ties.

#include <memory>
#include <string>
#include <vector>

#include "placer/evaluate/evaluator.h"
#include "placer/placement/constraints.h"

namespace placer::sim {

// One objective in the sum: weight times its value over `unit`.
struct WeightedTerm {
  std::size_t part = 0;  // which evaluator
  double weight = 1;
  double unit = 1;  // of Outcome::cost()
};
using WeightedSum = std::vector<WeightedTerm>;

// One sum: score is its value times 10^12. Two sums: the second decides where the first agrees to
// 10^-9, and is told apart to 2^-20 and up to 64. All else in an outcome is the first part's; a
// placement is infeasible where any part says so. Offers incremental() when all parts do.
//   sums  one or two
[[nodiscard]] std::unique_ptr<Evaluator> make_combined(
    std::string name, std::vector<std::unique_ptr<Evaluator>> parts, std::vector<WeightedSum> sums);

// What a weighted sum measures the objective against: its value on the best single device. Nodes
// that may not go there are on their lowest allowed device. Where no device has the memory, as if
// one had.
[[nodiscard]] double single_device_cost(Evaluator& objective, const Constraints& constraints);

}  // namespace placer::sim
