#include "tests/policy/optimum.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace placer::policy::test {
namespace {

class BranchAndBound {
 public:
  BranchAndBound(const Problem& problem, const Placement& start)
      : problem_(problem), graph_(problem.costs.graph()), devices_(problem.costs.cluster().size()) {
    const std::size_t size = graph_.size();
    time_.resize(size);
    after_.assign(size, 0);
    producers_.resize(size);
    start_.resize(size);
    current_.device.resize(size);
    for (std::size_t v = 0; v < size; ++v) {
      time_[v] = problem.costs.op_time(id_at<NodeId>(v), DeviceId{}).ps;
      for (const Use& use : graph_.uses(id_at<NodeId>(v))) {
        producers_[index(use.consumer)].push_back(v);
      }
    }
    for (std::size_t v = size; v-- > 0;) {
      for (const std::size_t u : producers_[v]) {
        after_[u] = std::max(after_[u], time_[v] + after_[v]);
      }
    }
    best_.placement = start;
    best_.time = problem.evaluator.evaluate_one(start).step_time;
  }

  Optimum run() {
    descend(0, 0);
    return best_;
  }

 private:
  void descend(std::size_t v, std::size_t used) {
    if (v == graph_.size()) {
      ++best_.leaves;
      const Outcome outcome = problem_.evaluator.evaluate_one(current_);
      if (outcome.feasible() && outcome.step_time < best_.time) {
        best_.time = outcome.step_time;
        best_.placement = current_;
      }
      return;
    }
    for (std::size_t d = 0; d < std::min(used + 1, devices_); ++d) {
      current_.device[v] = id_at<DeviceId>(d);
      start_[v] = earliest_start(v);
      if (bound(v) < best_.time.ps) descend(v + 1, std::max(used, d + 1));
    }
  }

  [[nodiscard]] std::int64_t earliest_start(std::size_t v) const {
    std::int64_t start = 0;
    for (const std::size_t u : producers_[v]) {
      const TensorSpec& tensor = graph_.nodes()[u].outputs[0];
      const SimTime transfer =
          problem_.costs.transfer_time(tensor, current_.device[u], current_.device[v]);
      start = std::max(start, start_[u] + time_[u] + transfer.ps);
    }
    return start;
  }

  // After node v was placed; what held before still holds, so only v's path and device are looked
  // at.
  [[nodiscard]] std::int64_t bound(std::size_t v) const {
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    std::int64_t rest = first;
    std::int64_t work = 0;
    for (std::size_t u = 0; u <= v; ++u) {
      if (current_.device[u] != current_.device[v]) continue;
      first = std::min(first, start_[u]);
      rest = std::min(rest, after_[u]);
      work += time_[u];
    }
    return std::max(start_[v] + time_[v] + after_[v], first + work + rest);
  }

  const Problem& problem_;
  const Graph& graph_;
  std::size_t devices_;
  std::vector<std::int64_t> time_;
  std::vector<std::int64_t> after_;  // longest time after each node's end, transfers free
  std::vector<std::vector<std::size_t>> producers_;
  std::vector<std::int64_t> start_;  // lower bounds, of the nodes placed so far
  Placement current_;
  Optimum best_;
};

}  // namespace

Optimum find_optimum(const Problem& problem, const Placement& start) {
  return BranchAndBound(problem, start).run();
}

}  // namespace placer::policy::test
