#pragma once

// When one device, or one end of a link, is taken: what list schedulers with insertion search for
// gaps.

#include <vector>

#include "placer/base/units.h"

namespace placer {

class BusyTimeline {
 public:
  // Earliest start at or after `ready` of something that takes `time`, gaps included. What takes no
  // time starts at once where nothing runs, else at the end of what runs.
  [[nodiscard]] SimTime earliest(SimTime ready, SimTime time) const;
  // The start must come from earliest(). Neighbouring slots become one, so that a saturated device
  // is a single slot, however many ops it has.
  void reserve(SimTime start, SimTime time);
  // When nothing is reserved any more.
  [[nodiscard]] SimTime free() const { return busy_.empty() ? SimTime{} : busy_.back().end; }

 private:
  struct Slot {
    SimTime start;
    SimTime end;
  };
  std::vector<Slot> busy_;  // by start, disjoint, not adjacent
};

}  // namespace placer
