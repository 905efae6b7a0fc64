#include "placer/algorithm/step_model.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace placer {

StepModel::StepModel(const TaskGraph& graph)
    : graph_(graph),
      by_rank_(graph.num_tasks),
      place_(graph.num_tasks),
      start_(graph.num_tasks),
      ready_(graph.num_devices),
      egress_free_(graph.num_devices),
      ingress_free_(graph.num_devices),
      bus_free_(graph.num_buses) {
  const std::vector<std::int64_t> rank = upward_ranks(graph);
  std::iota(by_rank_.begin(), by_rank_.end(), 0);
  std::stable_sort(by_rank_.begin(), by_rank_.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return rank[a] > rank[b]; });
  for (std::uint32_t i = 0; i < graph.num_tasks; ++i) {
    num_inputs_.push_back(graph.first_input[i + 1] - graph.first_input[i]);
  }
}

void StepModel::become_ready(std::uint32_t task) {
  if (!graph_.takes_device[task]) {
    start_[task] = now_;
    events_.push({now_, task});
    return;
  }
  ready_[device_[task]].push(place_[task]);
}

// Returns when the value arrives.
std::int64_t StepModel::send(std::uint32_t value, std::uint32_t from, std::uint32_t to) {
  const std::uint32_t link = graph_.link(from, to);
  const std::int64_t hold = graph_.hold(value, link);
  if (hold < 0) return now_ + graph_.latency[link];
  std::int64_t& bus = bus_free_[graph_.bus[link]];
  std::int64_t start = std::max({now_, egress_free_[from], ingress_free_[to]});
  if (graph_.bus[link] != 0) {
    start = std::max(start, bus);
    bus = start + hold;
  }
  egress_free_[from] = ingress_free_[to] = start + hold;
  return start + hold + graph_.latency[link];
}

void StepModel::hand_out(std::uint32_t task) {
  const std::uint32_t from = device_[task];
  const bool source = graph_.is_source(task);
  for (std::uint32_t v = graph_.first_value[task]; v < graph_.first_value[task + 1]; ++v) {
    std::uint64_t remote = 0;
    for (std::uint32_t r = graph_.first_reader[v]; r < graph_.first_reader[v + 1]; ++r) {
      const std::uint32_t reader = graph_.reader[r];
      const bool copied = graph_.hold(v, graph_.link(from, device_[reader])) >= 0;
      if (device_[reader] != from && (copied || !source)) {
        remote |= std::uint64_t{1} << device_[reader];
      } else if (--waiting_[reader] == 0) {
        become_ready(reader);
      }
    }
    for (; remote != 0; remote &= remote - 1) {
      const auto to = static_cast<std::uint32_t>(std::countr_zero(remote));
      events_.push({send(v, from, to), kArrival | std::uint64_t{v} << 8 | to});
    }
  }
}

void StepModel::start_tasks() {
  for (std::uint64_t left = idle_; left != 0; left &= left - 1) {
    const auto d = static_cast<std::uint32_t>(std::countr_zero(left));
    if (ready_[d].empty()) continue;
    const std::uint32_t task = order_[take_least(ready_[d])];
    idle_ &= ~(std::uint64_t{1} << d);
    start_[task] = now_;
    events_.push({now_ + graph_.time_on(task, d), task});
  }
}

void StepModel::handle(const Event& event) {
  if ((event.key & kArrival) == 0) {
    const auto task = static_cast<std::uint32_t>(event.key);
    if (graph_.takes_device[task]) idle_ |= std::uint64_t{1} << device_[task];
    hand_out(task);
    return;
  }
  const auto value = static_cast<std::uint32_t>((event.key & ~kArrival) >> 8);
  const auto to = static_cast<std::uint8_t>(event.key & 0xFF);
  for (std::uint32_t r = graph_.first_reader[value]; r < graph_.first_reader[value + 1]; ++r) {
    const std::uint32_t reader = graph_.reader[r];
    if (device_[reader] == to && --waiting_[reader] == 0) become_ready(reader);
  }
}

std::int64_t StepModel::run(std::span<const std::uint8_t> device,
                            std::span<const std::uint32_t> order) {
  device_ = device;
  order_ = order.empty() ? std::span<const std::uint32_t>(by_rank_) : order;
  for (std::uint32_t i = 0; i < graph_.num_tasks; ++i) place_[order_[i]] = i;
  now_ = 0;
  idle_ =
      graph_.num_devices == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << graph_.num_devices) - 1;
  waiting_ = num_inputs_;
  std::ranges::fill(egress_free_, 0);
  std::ranges::fill(ingress_free_, 0);
  std::ranges::fill(bus_free_, 0);
  for (std::uint32_t t = 0; t < graph_.num_tasks; ++t) {
    if (num_inputs_[t] == 0) become_ready(t);
  }
  // All events of one time come before any device picks its next task.
  do {
    while (!events_.empty() && events_.top().time == now_) handle(take_least(events_));
    start_tasks();
    if (!events_.empty()) now_ = events_.top().time;
  } while (!events_.empty());
  return now_;
}

}  // namespace placer
