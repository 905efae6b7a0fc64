#pragma once

// When one device, or one end of a link, is taken: what list schedulers with insertion search for
// gaps.

#include <cstddef>
#include <vector>

#include "placer/base/units.h"

namespace placer {

// A sorted list of slots in blocks, each of which knows its widest gap, so that a search passes
// over the many gaps that are too short: O(sqrt(slots)) in effect.
class BusyTimeline {
 public:
  // Earliest start at or after `ready` of something that takes `time`, gaps included. What takes no
  // time starts at once where nothing runs, else at the end of what runs.
  [[nodiscard]] SimTime earliest(SimTime ready, SimTime time) const;
  // The start must come from earliest().
  void reserve(SimTime start, SimTime time);
  // When nothing is reserved any more.
  [[nodiscard]] SimTime free() const { return blocks_.empty() ? SimTime{} : blocks_.back().end; }

 private:
  struct Slot {
    SimTime start;
    SimTime end;
  };
  struct Block {
    std::vector<Slot> slots;  // never empty
    SimTime begin;            // of its slots: a search need not follow the pointer
    SimTime end;
    SimTime widest_gap;  // before one of its slots
  };
  // What a block says of its slots.
  void refresh(std::size_t block);

  std::vector<Block> blocks_;  // slots by start, disjoint
};

}  // namespace placer
