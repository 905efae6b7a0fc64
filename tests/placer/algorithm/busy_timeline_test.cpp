#include "placer/algorithm/busy_timeline.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "placer/base/random.h"

namespace placer {
namespace {

// Slots as they were reserved, searched from each end.
class Naive {
 public:
  [[nodiscard]] SimTime earliest(SimTime ready, SimTime time) const {
    std::vector<SimTime> starts{ready};
    for (const auto& [from, to] : slots_) {
      if (to > ready) {
        starts.push_back(to);
      }
    }
    std::sort(starts.begin(), starts.end());
    return *std::find_if(starts.begin(), starts.end(), [&](SimTime start) {
      return std::none_of(slots_.begin(), slots_.end(), [&](const auto& slot) {
        return start < slot.second && slot.first < start + time;
      });
    });
  }
  void reserve(SimTime start, SimTime time) { slots_.emplace_back(start, start + time); }

 private:
  std::vector<std::pair<SimTime, SimTime>> slots_;
};

// Enough slots for several blocks; short times, so that slots touch, merge and vanish.
TEST(BusyTimeline, FindsTheFirstGapThatIsLongEnough) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    Rng rng(seed);
    BusyTimeline timeline;
    Naive naive;
    SimTime last;
    for (int i = 0; i < 600; ++i) {
      const SimTime ready{static_cast<std::int64_t>(rng.below(3000 + 1000 * (seed % 3)))};
      const SimTime time{
          static_cast<std::int64_t>(rng.below(5) == 0 ? rng.below(40) : 1 + rng.below(4))};
      const SimTime start = timeline.earliest(ready, time);
      ASSERT_EQ(start, naive.earliest(ready, time)) << "seed " << seed << ", query " << i;
      timeline.reserve(start, time);
      if (time.ps > 0) {
        naive.reserve(start, time);
        last = std::max(last, start + time);
      }
      ASSERT_EQ(timeline.free(), last);
    }
  }
}

// Gaps below the shortest time that is asked for may be closed: no answer changes.
TEST(BusyTimeline, ClosesOnlyGapsThatNothingFits) {
  for (const std::int64_t shortest : {1, 3}) {
    Rng rng(static_cast<std::uint64_t>(shortest));
    BusyTimeline timeline({shortest});
    Naive naive;
    for (int i = 0; i < 800; ++i) {
      const SimTime ready{static_cast<std::int64_t>(rng.below(6000))};
      const SimTime time{shortest + static_cast<std::int64_t>(rng.below(6))};
      const SimTime start = timeline.earliest(ready, time);
      ASSERT_EQ(start, naive.earliest(ready, time)) << "shortest " << shortest << ", query " << i;
      timeline.reserve(start, time);
      naive.reserve(start, time);
    }
  }
}

TEST(BusyTimeline, SearchGoesOnAsOneFromTheBeginning) {
  Rng rng(1);
  BusyTimeline timeline;
  for (int i = 0; i < 600; ++i) {
    const SimTime time{static_cast<std::int64_t>(1 + rng.below(8))};
    timeline.reserve(timeline.earliest({static_cast<std::int64_t>(rng.below(9000))}, time), time);
  }
  for (const std::int64_t time : {0, 1, 5, 12}) {
    BusyTimeline::Search search(timeline, {time});
    SimTime ready;
    while (ready < timeline.free()) {
      const SimTime found = search.earliest(ready);
      ASSERT_EQ(found, timeline.earliest(ready, {time}));
      ready = found + SimTime{static_cast<std::int64_t>(rng.below(300))};
    }
  }
}

}  // namespace
}  // namespace placer
