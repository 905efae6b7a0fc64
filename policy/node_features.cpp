#include "policy/node_features.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace placer::policy {
namespace {

struct Levels {
  std::vector<double> top;      // longest path that ends where the task starts
  std::vector<double> bottom;   // longest path from its start on
  std::vector<double> compute;  // the same without transfers
  double critical = 1;
};

Levels levels_of(const TaskGraph& graph) {
  Levels levels{.top = std::vector<double>(graph.num_tasks, 0),
                .bottom = {},
                .compute = std::vector<double>(graph.num_tasks, 0),
                .critical = 1};
  for (const std::int64_t rank : upward_ranks(graph)) {
    levels.bottom.push_back(static_cast<double>(rank));
  }
  for (std::uint32_t t = 0; t < graph.num_tasks; ++t) {
    const double end = levels.top[t] + static_cast<double>(graph.mean_time[t]);
    levels.critical = std::max(levels.critical, levels.top[t] + levels.bottom[t]);
    for (std::uint32_t v = graph.first_value[t]; v < graph.first_value[t + 1]; ++v) {
      const double arrival = end + static_cast<double>(graph.mean_transfer[v]);
      for (std::uint32_t r = graph.first_reader[v]; r < graph.first_reader[v + 1]; ++r) {
        double& top = levels.top[graph.reader[r]];
        top = std::max(top, arrival);
      }
    }
  }
  for (std::uint32_t t = graph.num_tasks; t-- > 0;) {
    double& longest = levels.compute[t];
    for (std::uint32_t v = graph.first_value[t]; v < graph.first_value[t + 1]; ++v) {
      for (std::uint32_t r = graph.first_reader[v]; r < graph.first_reader[v + 1]; ++r) {
        longest = std::max(longest, levels.compute[graph.reader[r]]);
      }
    }
    longest += static_cast<double>(graph.mean_time[t]);
  }
  return levels;
}

// log(longest / shortest) of the task's times on devices that its unit may use.
double spread_of(const TaskGraph& graph, std::uint32_t task) {
  std::int64_t least = 0;
  std::int64_t most = 0;
  for (std::uint64_t left = graph.allowed[graph.unit_of[task]]; left != 0; left &= left - 1) {
    const std::int64_t time =
        graph.time_on(task, static_cast<std::uint32_t>(std::countr_zero(left)));
    least = least == 0 ? time : std::min(least, time);
    most = std::max(most, time);
  }
  return least > 0 ? std::log(static_cast<double>(most) / static_cast<double>(least)) : 0;
}

struct Traffic {
  double in = 0;
  double out = 0;
  std::uint32_t readers = 0;
};

Traffic traffic_of(const TaskGraph& graph, std::uint32_t task) {
  Traffic traffic;
  for (std::uint32_t i = graph.first_input[task]; i < graph.first_input[task + 1]; ++i) {
    traffic.in += static_cast<double>(graph.mean_transfer[graph.input[i]]);
  }
  for (std::uint32_t v = graph.first_value[task]; v < graph.first_value[task + 1]; ++v) {
    traffic.out += static_cast<double>(graph.mean_transfer[v]);
    traffic.readers += graph.first_reader[v + 1] - graph.first_reader[v];
  }
  return traffic;
}

double mean_limit(const TaskGraph& graph) {
  double sum = 0;
  for (const std::int64_t limit : graph.limit) sum += static_cast<double>(limit);
  return std::max(1.0, sum / static_cast<double>(graph.num_devices));
}

// What is the same for all nodes.
struct Whole {
  double parallelism = 0;
  double traffic = 0;
  double devices = 0;
  double fill = 0;
};

double sum_of(const std::vector<std::int64_t>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0);
}

Whole whole_of(const TaskGraph& graph, double critical) {
  const double work = std::max(1.0, sum_of(graph.mean_time));
  const double traffic = std::max(1.0, sum_of(graph.mean_transfer));
  const double devices = graph.num_devices;
  return {.parallelism = std::log(work / (critical * devices)) / 4,
          .traffic = std::clamp(std::log(traffic / work), -8.0, 8.0) / 4,
          .devices = std::log(devices) / 2,
          .fill = std::min(2.0, sum_of(graph.bytes) / (mean_limit(graph) * devices))};
}

}  // namespace

double mean_task_time(const TaskGraph& graph) {
  double sum = 0;
  std::size_t count = 0;
  for (const std::int64_t time : graph.mean_time) {
    sum += static_cast<double>(time);
    count += time > 0 ? 1 : 0;
  }
  return count == 0 ? 1.0 : std::max(1.0, sum / static_cast<double>(count));
}

NodeFeatures make_node_features(const TaskGraph& graph) {
  const Levels levels = levels_of(graph);
  const double unit = mean_task_time(graph);
  const double limit = mean_limit(graph);
  const Whole whole = whole_of(graph, levels.critical);
  std::vector<std::uint32_t> members(graph.num_units(), 0);
  for (const std::uint32_t u : graph.unit_of) ++members[u];
  NodeFeatures features;
  for (std::uint32_t t = 0; t < graph.num_tasks; ++t) {
    const std::uint32_t u = graph.unit_of[t];
    const Traffic traffic = traffic_of(graph, t);
    const double top = levels.top[t] / levels.critical;
    const double bottom = levels.bottom[t] / levels.critical;
    const double row[NodeFeatures::kWidth] = {
        std::log1p(static_cast<double>(graph.mean_time[t]) / unit),
        spread_of(graph, t),
        std::log1p(traffic.in / unit),
        std::log1p(traffic.out / unit),
        std::log1p(graph.first_input[t + 1] - graph.first_input[t]),
        std::log1p(traffic.readers),
        top,
        bottom,
        1 - top - bottom,
        std::min(1.0, static_cast<double>(graph.persistent[u]) / limit),
        std::min(1.0, static_cast<double>(graph.bytes[u]) / limit),
        std::popcount(graph.allowed[u]) / static_cast<double>(graph.num_devices),
        std::log(members[u]),
        graph.takes_device[t] ? 1.0 : 0.0,
        graph.is_source(t) ? 1.0 : 0.0,
        static_cast<double>(t) / static_cast<double>(graph.num_tasks),
        whole.parallelism,
        whole.traffic,
        whole.devices,
        whole.fill};
    for (const double number : row) features.numbers.push_back(static_cast<float>(number));
    for (const double length : {levels.bottom[t], levels.compute[t], levels.top[t]}) {
      features.ranks.push_back(static_cast<float>(length / unit));
    }
  }
  return features;
}

}  // namespace placer::policy
