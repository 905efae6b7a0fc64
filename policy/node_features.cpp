#include "policy/node_features.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace placer::policy {
namespace {

struct Levels {
  std::vector<double> top;     // longest path that ends where the task starts
  std::vector<double> bottom;  // longest path from its start on
  double critical = 1;
};

Levels levels_of(const TaskGraph& graph) {
  Levels levels{.top = std::vector<double>(graph.num_tasks, 0), .bottom = {}, .critical = 1};
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

double parallelism(const TaskGraph& graph, double critical) {
  double total = 0;
  for (const std::int64_t time : graph.mean_time) total += static_cast<double>(time);
  return std::log(std::max(total, 1.0) / (critical * static_cast<double>(graph.num_devices))) / 4;
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
  const double spare = parallelism(graph, levels.critical);
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
        spare};
    for (const double number : row) features.numbers.push_back(static_cast<float>(number));
    features.rank.push_back(static_cast<float>(levels.bottom[t] / unit));
  }
  return features;
}

}  // namespace placer::policy
