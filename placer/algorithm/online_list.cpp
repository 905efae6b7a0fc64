#include "placer/algorithm/online_list.h"

#include <algorithm>

namespace placer {

OnlineList::OnlineList(const TaskGraph& graph)
    : graph_(graph),
      state_(graph),
      place_(graph.num_tasks),
      waiting_(graph.num_tasks),
      device_(graph.num_tasks),
      devices_(graph.num_devices),
      free_(graph.num_devices) {}

void OnlineList::reset(std::span<const std::uint32_t> order) {
  for (std::uint32_t i = 0; i < order.size(); ++i) place_[order[i]] = i;
  for (Device& device : devices_) {
    device.busy = false;
    device.until = device.queued = 0;
  }
  started_.clear();
  now_ = 0;
  for (std::uint32_t t = 0; t < graph_.num_tasks; ++t) {
    waiting_[t] = graph_.first_input[t + 1] - graph_.first_input[t];
    if (waiting_[t] == 0) released_.push_back(t);
  }
}

void OnlineList::hand_out(std::uint32_t task) {
  const std::uint32_t first = graph_.first_reader[graph_.first_value[task]];
  const std::uint32_t last = graph_.first_reader[graph_.first_value[task + 1]];
  for (std::uint32_t r = first; r < last; ++r) {
    if (--waiting_[graph_.reader[r]] == 0) released_.push_back(graph_.reader[r]);
  }
}

void OnlineList::handle(const Event& event) {
  const std::uint32_t task = event.task;
  if (event.kind == Kind::kArrived && graph_.takes_device[task]) {
    devices_[device_[task]].ready.push(place_[task]);
    return;
  }
  if (event.kind == Kind::kArrived) {
    started_.push_back(task);
  } else {
    devices_[device_[task]].busy = false;
  }
  state_.set_end(task, now_);
  hand_out(task);
}

void OnlineList::assign_released(const ListOptions& options) {
  std::ranges::sort(released_, {}, [&](std::uint32_t task) { return place_[task]; });
  // Sources hand out at once what then is released too.
  std::size_t next = 0;
  while (next < released_.size()) {
    const std::uint32_t task = released_[next++];
    if (graph_.is_source(task)) {
      // It goes where it is read first.
      started_.push_back(task);
      hand_out(task);
      continue;
    }
    for (std::size_t d = 0; d < devices_.size(); ++d) {
      free_[d] = std::max(now_, devices_[d].until) + devices_[d].queued;
    }
    const std::uint32_t device = state_.choose(task, free_, options);
    device_[task] = static_cast<std::uint8_t>(device);
    if (graph_.takes_device[task]) devices_[device].queued += graph_.time_on(task, device);
    events_.push({std::max(now_, state_.reserve(task, device)), Kind::kArrived, task});
  }
  released_.clear();
}

void OnlineList::start_tasks() {
  for (std::uint32_t d = 0; d < devices_.size(); ++d) {
    Device& device = devices_[d];
    if (device.busy || device.ready.empty()) continue;
    const std::uint32_t task = by_place_[take_least(device.ready)];
    const std::int64_t time = graph_.time_on(task, d);
    device.busy = true;
    device.until = now_ + time;
    device.queued -= time;
    started_.push_back(task);
    events_.push({device.until, Kind::kEnd, task});
  }
}

OrderedPlacement OnlineList::run(std::span<const std::uint32_t> order, const Room& room,
                                 const ListOptions& options) {
  state_.reset(room, options);
  reset(order);
  by_place_ = order;
  // All that happens at one time comes before any device picks its next task.
  do {
    assign_released(options);
    while (!events_.empty() && events_.top().time == now_) handle(take_least(events_));
    if (!released_.empty()) continue;
    start_tasks();
    if (!events_.empty()) now_ = events_.top().time;
  } while (!events_.empty() || !released_.empty());
  return {state_.devices(options), started_};
}

}  // namespace placer
