#include "placer/algorithm/busy_timeline.h"

#include <algorithm>

namespace placer {

SimTime BusyTimeline::earliest(SimTime ready, SimTime time) const {
  if (busy_.empty() || ready >= busy_.back().end) {
    return ready;
  }
  auto slot = std::upper_bound(busy_.begin(), busy_.end(), ready,
                               [](SimTime t, const Slot& other) { return t < other.end; });
  SimTime start = ready;
  for (; slot != busy_.end() && start + time > slot->start; ++slot) {
    start = std::max(start, slot->end);
  }
  return start;
}

void BusyTimeline::reserve(SimTime start, SimTime time) {
  if (time.ps == 0) {
    return;
  }
  const SimTime end = start + time;
  const auto next = std::lower_bound(busy_.begin(), busy_.end(), start,
                                     [](const Slot& slot, SimTime t) { return slot.start < t; });
  const bool joins_before = next != busy_.begin() && std::prev(next)->end == start;
  const bool joins_after = next != busy_.end() && next->start == end;
  if (joins_before && joins_after) {
    std::prev(next)->end = next->end;
    busy_.erase(next);
  } else if (joins_before) {
    std::prev(next)->end = end;
  } else if (joins_after) {
    next->start = start;
  } else {
    busy_.insert(next, {start, end});
  }
}

}  // namespace placer
