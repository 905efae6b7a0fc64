#include "placer/algorithm/busy_timeline.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace placer {
namespace {

constexpr std::size_t kMostRuns = 128;  // of a block; a full one is halved

}  // namespace

void BusyTimeline::Search::find(SimTime ready) {
  block_ = std::upper_bound(timeline_.blocks_.begin(), timeline_.blocks_.end(), ready,
                            [](SimTime t, const Block& block) { return t < block.end; });
  run_ = block_->widest_gap < time_
             ? block_->runs.end()
             : std::upper_bound(block_->runs.begin(), block_->runs.end(), ready,
                                [](SimTime t, const Run& run) { return t < run.end; });
}

SimTime BusyTimeline::Search::earliest(SimTime ready) {
  if (ready >= timeline_.free_) {
    return ready;
  }
  if (block_ == timeline_.blocks_.end() || block_->end <= ready) {
    find(ready);
  }
  SimTime start = ready;
  for (;;) {
    for (; run_ != block_->runs.end(); ++run_) {
      if (start + time_ <= run_->start) {
        return start;
      }
      start = std::max(start, run_->end);
    }
    do {
      start = block_->end;
      if (++block_ == timeline_.blocks_.end()) {
        return start;
      }
    } while (block_->widest_gap < time_);
    run_ = block_->runs.begin();
  }
}

void BusyTimeline::reserve(SimTime start, SimTime time) {
  if (time.ps == 0) {
    return;
  }
  const SimTime end = start + time;
  free_ = std::max(free_, end);
  if (blocks_.empty()) {
    blocks_.push_back({.runs = {{start, end}}, .begin = start, .end = end, .widest_gap = start});
    return;
  }
  const std::size_t b = block_at(start);
  Block& block = blocks_[b];
  auto& runs = block.runs;
  const auto next = std::upper_bound(runs.begin(), runs.end(), start,
                                     [](SimTime t, const Run& run) { return t < run.start; });
  const bool last = next == runs.end();
  const SimTime before = next == runs.begin() ? SimTime{} : std::prev(next)->end;
  // What was open here: up to the next run, or as far as this block tells.
  const SimTime gap = (last ? start : next->start) - before;
  const bool joins_before = next != runs.begin() && start - before < shortest_;
  const bool joins_after = !last && next->start - end < shortest_;
  if (joins_before && joins_after) {
    std::prev(next)->end = next->end;
    runs.erase(next);
  } else if (joins_before) {
    std::prev(next)->end = end;
  } else if (joins_after) {
    next->start = start;
  } else {
    runs.insert(next, {start, end});
  }
  block.begin = runs.front().start;
  block.end = runs.back().end;
  if (runs.size() == kMostRuns) {
    split(b);
  } else if (last) {
    block.widest_gap = std::max(block.widest_gap, gap);
    refresh(b + 1);
  } else if (gap == block.widest_gap) {
    refresh(b);
  }
}

std::size_t BusyTimeline::block_at(SimTime start) const {
  const auto after =
      std::upper_bound(blocks_.begin() + 1, blocks_.end(), start,
                       [](SimTime t, const Block& block) { return t < block.begin; });
  return static_cast<std::size_t>(after - blocks_.begin()) - 1;
}

void BusyTimeline::split(std::size_t block) {
  auto& runs = blocks_[block].runs;
  const auto half = runs.begin() + static_cast<std::ptrdiff_t>(kMostRuns / 2);
  Block upper{.runs = {half, runs.end()}, .begin = {}, .end = {}, .widest_gap = {}};
  runs.erase(half, runs.end());
  blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(block) + 1, std::move(upper));
  refresh(block);
  refresh(block + 1);
  refresh(block + 2);
}

void BusyTimeline::refresh(std::size_t block) {
  if (block >= blocks_.size()) {
    return;
  }
  Block& changed = blocks_[block];
  SimTime end = block == 0 ? SimTime{} : blocks_[block - 1].runs.back().end;
  changed.begin = changed.runs.front().start;
  changed.end = changed.runs.back().end;
  changed.widest_gap = {};
  for (const Run& run : changed.runs) {
    changed.widest_gap = std::max(changed.widest_gap, run.start - end);
    end = run.end;
  }
}

}  // namespace placer
