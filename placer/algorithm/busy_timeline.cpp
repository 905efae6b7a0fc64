#include "placer/algorithm/busy_timeline.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace placer {
namespace {

constexpr std::size_t kMostSlots = 128;  // of a block; a full one is halved

}  // namespace

SimTime BusyTimeline::earliest(SimTime ready, SimTime time) const {
  if (ready >= free()) {
    return ready;
  }
  auto block = std::upper_bound(blocks_.begin(), blocks_.end(), ready,
                                [](SimTime t, const Block& other) { return t < other.end; });
  SimTime start = ready;
  auto slot = std::upper_bound(block->slots.begin(), block->slots.end(), ready,
                               [](SimTime t, const Slot& other) { return t < other.end; });
  for (;;) {
    for (; slot != block->slots.end(); ++slot) {
      if (start + time <= slot->start) {
        return start;
      }
      start = std::max(start, slot->end);
    }
    do {
      start = block->end;
      if (++block == blocks_.end()) {
        return start;
      }
    } while (block->widest_gap < time);
    slot = block->slots.begin();
  }
}

void BusyTimeline::reserve(SimTime start, SimTime time) {
  if (time.ps == 0) {
    return;
  }
  if (blocks_.empty()) {
    blocks_.emplace_back();
  }
  // The block of the slot before, or the first.
  const auto after =
      std::upper_bound(blocks_.begin() + 1, blocks_.end(), start,
                       [](SimTime t, const Block& block) { return t < block.begin; });
  const auto b = static_cast<std::size_t>(after - blocks_.begin()) - 1;
  auto& slots = blocks_[b].slots;
  slots.insert(std::upper_bound(slots.begin(), slots.end(), start,
                                [](SimTime t, const Slot& slot) { return t < slot.start; }),
               {start, start + time});
  if (slots.size() == kMostSlots) {
    const auto half = slots.begin() + static_cast<std::ptrdiff_t>(kMostSlots / 2);
    Block upper{.slots = {half, slots.end()}, .begin = {}, .end = {}, .widest_gap = {}};
    slots.erase(half, slots.end());
    blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(b) + 1, std::move(upper));
    refresh(b + 2);
  }
  refresh(b);
  refresh(b + 1);
}

void BusyTimeline::refresh(std::size_t block) {
  if (block >= blocks_.size()) {
    return;
  }
  Block& changed = blocks_[block];
  SimTime end = block == 0 ? SimTime{} : blocks_[block - 1].slots.back().end;
  changed.begin = changed.slots.front().start;
  changed.end = changed.slots.back().end;
  changed.widest_gap = {};
  for (const Slot& slot : changed.slots) {
    changed.widest_gap = std::max(changed.widest_gap, slot.start - end);
    end = slot.end;
  }
}

}  // namespace placer
