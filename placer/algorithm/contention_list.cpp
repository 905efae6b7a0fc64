#include "placer/algorithm/contention_list.h"

#include <algorithm>

namespace placer {

ContentionList::ContentionList(const TaskGraph& graph)
    : graph_(graph), state_(graph), free_(graph.num_devices) {}

std::vector<std::uint8_t> ContentionList::run(std::span<const std::uint32_t> order,
                                              const Room& room, const ListOptions& options) {
  state_.reset(room, options);
  std::ranges::fill(free_, 0);
  for (const std::uint32_t task : order) {
    // What exists before the step goes where it is read first.
    if (graph_.is_source(task)) continue;
    const std::uint32_t device = state_.choose(task, free_, options);
    std::int64_t end = state_.reserve(task, device);
    if (graph_.takes_device[task]) {
      end = std::max(end, free_[device]) + graph_.time_on(task, device);
      free_[device] = end;
    }
    state_.set_end(task, end);
  }
  return state_.devices(options);
}

}  // namespace placer
