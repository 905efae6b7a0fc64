#include "policy/schedule_order.h"

#include <algorithm>
#include <numeric>

#include "placer/algorithm/step_model.h"

namespace placer::policy {
namespace {

std::vector<std::uint32_t> steps_of(const TaskGraph& graph) {
  std::vector<std::uint32_t> steps;
  for (std::uint32_t t = 0; t < graph.num_tasks; ++t) {
    if (!graph.is_source(t)) steps.push_back(t);
  }
  return steps;
}

}  // namespace

ReadyTasks::ReadyTasks(const TaskGraph& graph) : graph_(graph), waits_for_(graph.num_tasks, 0) {
  for (std::uint32_t t = 0; t < graph.num_tasks; ++t) {
    if (graph.is_source(t)) continue;
    ++num_steps_;
    for (std::uint32_t i = graph.first_input[t]; i < graph.first_input[t + 1]; ++i) {
      if (!graph.is_source(graph.producer[graph.input[i]])) ++waits_for_[t];
    }
    if (waits_for_[t] == 0) first_.push_back(t);
  }
}

std::vector<std::int64_t> to_priority(const TaskGraph& graph,
                                      std::span<const std::uint32_t> order) {
  std::vector<std::int64_t> priority(graph.num_tasks, graph.num_tasks);
  for (std::size_t i = 0; i < order.size(); ++i) {
    priority[order[i]] = static_cast<std::int64_t>(order.size() - i);
  }
  return priority;
}

std::vector<std::uint32_t> to_order(const TaskGraph& graph,
                                    std::span<const std::int64_t> priority) {
  std::vector<std::uint32_t> order = steps_of(graph);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return priority[a] > priority[b]; });
  return order;
}

std::vector<std::uint32_t> order_of_starts(const TaskGraph& graph, const Placement& placement) {
  std::vector<std::uint8_t> device;
  for (const DeviceId id : placement.device) device.push_back(static_cast<std::uint8_t>(id));
  std::vector<std::uint32_t> given;
  if (!placement.priority.empty()) {
    given.resize(graph.num_tasks);
    std::iota(given.begin(), given.end(), 0);
    std::stable_sort(given.begin(), given.end(), [&](std::uint32_t a, std::uint32_t b) {
      return placement.priority[a] > placement.priority[b];
    });
  }
  StepModel model(graph);
  static_cast<void>(model.run(device, given));
  std::vector<std::uint32_t> order = steps_of(graph);
  // Tasks without duration start when what they read does: indices, which are topological, decide.
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return model.start()[a] < model.start()[b];
  });
  return order;
}

}  // namespace placer::policy
