#pragma once

// What searches of a portfolio start from.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "placer/evaluate/evaluator.h"
#include "placer/placement/placement.h"

namespace placer {

// The best few placements, best first, each once.
class Elites {
 public:
  static constexpr std::size_t kMost = 8;

  void add(const Placement& placement, const Outcome& outcome) {
    for (const auto& [known, value] : kept_) {
      if (known == placement) {
        return;
      }
    }
    const auto behind = std::find_if(kept_.begin(), kept_.end(), [&](const auto& other) {
      return better(outcome, other.second);
    });
    kept_.emplace(behind, placement, outcome);
    kept_.resize(std::min(kept_.size(), kMost));
  }
  [[nodiscard]] std::vector<Placement> placements() const {
    std::vector<Placement> result;
    for (const auto& [placement, outcome] : kept_) {
      result.push_back(placement);
    }
    return result;
  }

 private:
  std::vector<std::pair<Placement, Outcome>> kept_;
};

}  // namespace placer
