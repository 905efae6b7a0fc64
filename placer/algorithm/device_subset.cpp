#include "placer/algorithm/device_subset.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "placer/algorithm/baselines.h"
#include "placer/algorithm/list_schedulers.h"
#include "placer/base/error.h"
#include "placer/bound/device_classes.h"

namespace placer {
namespace {

using DeviceMask = std::uint64_t;  // bit d is DeviceId d

constexpr std::size_t kMostSubsets = 200;

DeviceMask bit(DeviceId device) {
  return DeviceMask{1} << index(device);
}

class SubsetChooser {
 public:
  SubsetChooser(const Problem& problem, std::size_t most)
      : problem_(problem),
        most_(most),
        demands_(problem.constraints.allowed),
        classes_(device_classes(problem.costs, problem.constraints)) {
    std::sort(demands_.begin(), demands_.end());
    demands_.erase(std::unique(demands_.begin(), demands_.end()), demands_.end());
  }

  [[nodiscard]] Constraints choose() {
    list_subsets(0, most_, 0);
    const DeviceMask mask = subsets_.size() > kMostSubsets ? by_giving_up() : best_of(subsets_);
    return narrowed(mask);
  }

 private:
  void list_subsets(std::size_t from_class, std::size_t left, DeviceMask mask);
  [[nodiscard]] DeviceMask best_of(const std::vector<DeviceMask>& subsets);
  [[nodiscard]] DeviceMask by_giving_up();
  [[nodiscard]] Outcome judge(DeviceMask mask);
  [[nodiscard]] Constraints narrowed(DeviceMask mask) const;
  [[noreturn]] void fail() const;

  // Can every node run on some device of the mask?
  [[nodiscard]] bool serves(DeviceMask mask) const {
    return std::all_of(demands_.begin(), demands_.end(),
                       [mask](DeviceMask allowed) { return (allowed & mask) != 0; });
  }

  const Problem& problem_;
  std::size_t most_;
  std::vector<DeviceMask> demands_;  // distinct masks of allowed devices
  std::vector<std::vector<DeviceId>> classes_;
  std::vector<DeviceMask> subsets_;  // one more than kMostSubsets at most
};

// Low devices first, so that they win ties.
void SubsetChooser::list_subsets(std::size_t from_class, std::size_t left, DeviceMask mask) {
  if (left == 0) {
    if (serves(mask)) {
      subsets_.push_back(mask);
    }
    return;
  }
  if (from_class == classes_.size()) {
    return;
  }
  const auto& members = classes_[from_class];
  for (std::size_t take = std::min(left, members.size()) + 1; take-- > 0;) {
    DeviceMask with = mask;
    for (std::size_t i = 0; i < take; ++i) {
      with |= bit(members[i]);
    }
    list_subsets(from_class + 1, left - take, with);
    if (subsets_.size() > kMostSubsets) {
      return;
    }
  }
}

DeviceMask SubsetChooser::best_of(const std::vector<DeviceMask>& subsets) {
  if (subsets.empty()) {
    fail();
  }
  if (subsets.size() == 1) {
    return subsets.front();
  }
  DeviceMask best = subsets.front();
  Outcome best_outcome = judge(best);
  for (std::size_t i = 1; i < subsets.size(); ++i) {
    Outcome outcome = judge(subsets[i]);
    if (better(outcome, best_outcome)) {
      best = subsets[i];
      best_outcome = std::move(outcome);
    }
  }
  return best;
}

DeviceMask SubsetChooser::by_giving_up() {
  DeviceMask mask = ~DeviceMask{0} >> (64 - problem_.costs.cluster().size());
  while (static_cast<std::size_t>(std::popcount(mask)) > most_) {
    std::vector<DeviceMask> smaller;
    for (const auto& members : classes_) {
      const auto last = std::find_if(members.rbegin(), members.rend(),
                                     [&](DeviceId device) { return (mask & bit(device)) != 0; });
      if (last != members.rend() && serves(mask & ~bit(*last))) {
        smaller.push_back(mask & ~bit(*last));
      }
    }
    mask = best_of(smaller);
  }
  return mask;
}

Outcome SubsetChooser::judge(DeviceMask mask) {
  const Constraints constraints = narrowed(mask);
  const Problem problem{.costs = problem_.costs,
                        .constraints = constraints,
                        .evaluator = problem_.evaluator,
                        .fine_graph = problem_.fine_graph,
                        .grouping = problem_.grouping};
  Outcome best = heft()->run(problem, {}).outcome;
  const auto try_one = [&](Algorithm& algorithm) {
    Outcome outcome = algorithm.run(problem, {}).outcome;
    if (better(outcome, best)) {
      best = std::move(outcome);
    }
  };
  try_one(*expert());
  for (const auto& members : classes_) {
    if ((mask & bit(members.front())) != 0) {
      try_one(*single_device(members.front()));
    }
  }
  return best;
}

Constraints SubsetChooser::narrowed(DeviceMask mask) const {
  Constraints result = problem_.constraints;
  for (DeviceMask& allowed : result.allowed) {
    allowed &= mask;
  }
  return result;
}

// Names nodes no two of which can share a device, where these tell why: the narrowest first.
void SubsetChooser::fail() const {
  std::vector<DeviceMask> narrowest = demands_;
  std::stable_sort(narrowest.begin(), narrowest.end(),
                   [](DeviceMask a, DeviceMask b) { return std::popcount(a) < std::popcount(b); });
  const auto& allowed = problem_.constraints.allowed;
  std::string nodes;
  DeviceMask taken = 0;
  std::size_t count = 0;
  for (const DeviceMask demand : narrowest) {
    if ((demand & taken) == 0) {
      taken |= demand;
      const auto node = std::find(allowed.begin(), allowed.end(), demand) - allowed.begin();
      nodes += fmt::format("{}\"{}\"", count++ == 0 ? "" : ", ",
                           problem_.costs.graph().nodes()[static_cast<std::size_t>(node)].name);
    }
  }
  throw usage_error(
      fmt::format("--max-devices {}: the other constraints and what the ops support need more{}",
                  most_, count > most_ ? ": no two of " + nodes + " can share a device" : ""));
}

}  // namespace

Constraints with_at_most(const Problem& problem, std::size_t most) {
  if (most == 0 || most >= problem.costs.cluster().size()) {
    return problem.constraints;
  }
  return SubsetChooser(problem, most).choose();
}

}  // namespace placer
