#pragma once

// When one device, or one end of a link, is taken: what list schedulers with insertion search for
// gaps.

#include <cstddef>
#include <vector>

#include "placer/base/units.h"

namespace placer {

// A sorted list of runs, which are slots without gaps between them, in blocks, each of which knows
// its widest gap, so that a search passes over the many gaps that are too short: O(sqrt(runs)) in
// effect.
class BusyTimeline {
 public:
  //   shortest  nothing that takes less is asked for: gaps that are shorter are closed
  explicit BusyTimeline(SimTime shortest = {}) : shortest_(shortest) {}

 private:
  struct Run {
    SimTime start;
    SimTime end;
  };
  struct Block {
    std::vector<Run> runs;  // never empty
    SimTime begin;          // of its runs: a search need not follow the pointer
    SimTime end;
    SimTime widest_gap;  // before one of its runs
  };

 public:
  // Looks for room for something later and later: each time from where it was before. Nothing may
  // be reserved meanwhile.
  class Search {
   public:
    Search(const BusyTimeline& timeline, SimTime time)
        : timeline_(timeline), time_(time), block_(timeline.blocks_.end()) {}

    // As BusyTimeline::earliest; `ready` is at least what was found before.
    [[nodiscard]] SimTime earliest(SimTime ready);

   private:
    // The first run that ends later, or the end of its block where no gap is wide enough.
    void find(SimTime ready);

    const BusyTimeline& timeline_;
    SimTime time_;
    std::vector<Block>::const_iterator block_;
    std::vector<Run>::const_iterator run_;
  };

  // Earliest start at or after `ready` of something that takes `time`, gaps included. What takes no
  // time starts at once where nothing runs, else at the end of what runs.
  [[nodiscard]] SimTime earliest(SimTime ready, SimTime time) const {
    return Search(*this, time).earliest(ready);
  }
  // The start must come from earliest().
  void reserve(SimTime start, SimTime time);
  // When nothing is reserved any more.
  [[nodiscard]] SimTime free() const { return free_; }

 private:
  // The block of the last run that starts no later, or the first block.
  [[nodiscard]] std::size_t block_at(SimTime start) const;
  void split(std::size_t block);
  // What a block says of its runs.
  void refresh(std::size_t block);

  SimTime shortest_;
  SimTime free_;
  std::vector<Block> blocks_;  // runs by start, disjoint
};

}  // namespace placer
