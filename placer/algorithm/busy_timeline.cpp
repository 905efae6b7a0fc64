#include "placer/algorithm/busy_timeline.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace placer {
namespace {

constexpr std::size_t kMostSlots = 32;  // of a block; a full one is halved

}  // namespace

SimTime BusyTimeline::earliest(SimTime ready, SimTime time) const {
  auto block =
      std::upper_bound(blocks_.begin(), blocks_.end(), ready,
                       [](SimTime t, const Block& other) { return t < other.slots.back().end; });
  if (block == blocks_.end()) {
    return ready;
  }
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
      start = std::prev(block->slots.end())->end;
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
  const SimTime end = start + time;
  const auto after =
      std::lower_bound(blocks_.begin(), blocks_.end(), start,
                       [](const Block& block, SimTime t) { return block.slots.back().start < t; });
  const auto b = static_cast<std::size_t>(after - blocks_.begin());
  if (after == blocks_.end()) {
    if (b > 0 && blocks_.back().slots.back().end == start) {
      blocks_.back().slots.back().end = end;
    } else {
      insert(b == 0 ? 0 : b - 1, {start, end});
    }
    return;
  }
  auto& slots = after->slots;
  const auto next = std::lower_bound(slots.begin(), slots.end(), start,
                                     [](const Slot& slot, SimTime t) { return slot.start < t; });
  Slot* before = nullptr;
  if (next != slots.begin()) {
    before = &*std::prev(next);
  } else if (b > 0) {
    before = &blocks_[b - 1].slots.back();
  }
  const bool joins_before = before != nullptr && before->end == start;
  const bool joins_after = next->start == end;
  if (joins_before && joins_after) {
    before->end = next->end;
    slots.erase(next);
    if (slots.empty()) {
      blocks_.erase(after);
    }
  } else if (joins_before) {
    before->end = end;
  } else if (joins_after) {
    next->start = start;
  } else {
    insert(b, {start, end});
    return;
  }
  refresh(b);
  refresh(b + 1);
}

// Into the block, whose neighbours' slots it lies between.
void BusyTimeline::insert(std::size_t block, Slot slot) {
  if (block == blocks_.size()) {
    blocks_.emplace_back();
  }
  auto& slots = blocks_[block].slots;
  slots.insert(std::upper_bound(slots.begin(), slots.end(), slot,
                                [](const Slot& a, const Slot& b) { return a.start < b.start; }),
               slot);
  if (slots.size() == kMostSlots) {
    const auto half = slots.begin() + static_cast<std::ptrdiff_t>(kMostSlots / 2);
    Block upper{{half, slots.end()}, {}};
    slots.erase(half, slots.end());
    blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(block) + 1, std::move(upper));
    refresh(block + 2);
  }
  refresh(block);
  refresh(block + 1);
}

void BusyTimeline::refresh(std::size_t block) {
  if (block >= blocks_.size()) {
    return;
  }
  Block& changed = blocks_[block];
  SimTime end = block == 0 ? SimTime{} : blocks_[block - 1].slots.back().end;
  changed.widest_gap = {};
  for (const Slot& slot : changed.slots) {
    changed.widest_gap = std::max(changed.widest_gap, slot.start - end);
    end = slot.end;
  }
}

}  // namespace placer
