#include "simulator/event_queue.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "placer/base/random.h"

namespace placer::sim {
namespace {

TEST(Event, KeepsWhatItIsAbout) {
  const Event event = Event::of(7, EventKind::kHandOver, 0xFFFFFFF0, 63);
  EXPECT_EQ(event.time, 7);
  EXPECT_EQ(event.kind(), EventKind::kHandOver);
  EXPECT_EQ(event.subject(), 0xFFFFFFF0U);
  EXPECT_EQ(event.detail(), 63U);
}

TEST(EventQueue, PopsByTimeThenKindThenSubject) {
  const std::vector<Event> ordered = {
      Event::of(1, EventKind::kFree, 9),        Event::of(2, EventKind::kEnd, 3),
      Event::of(2, EventKind::kEnd, 4),         Event::of(2, EventKind::kArrival, 0),
      Event::of(2, EventKind::kHandOver, 1, 0), Event::of(2, EventKind::kHandOver, 1, 2),
      Event::of(3, EventKind::kEnd, 0)};
  EventQueue queue;
  for (auto event = ordered.rbegin(); event != ordered.rend(); ++event) queue.push(*event);
  for (const Event& expected : ordered) {
    EXPECT_EQ(queue.top().time, expected.time);
    EXPECT_EQ(queue.top().key, expected.key);
    queue.pop();
  }
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueue, SortsAnything) {
  Rng rng(1);
  EventQueue queue;
  std::vector<std::int64_t> times;
  for (int i = 0; i < 1000; ++i) {
    times.push_back(static_cast<std::int64_t>(rng.below(300)));
    queue.push(Event::of(times.back(), EventKind::kEnd, static_cast<std::uint32_t>(i)));
  }
  std::ranges::sort(times);
  for (const std::int64_t time : times) {
    ASSERT_EQ(queue.top().time, time);
    queue.pop();
  }
}

}  // namespace
}  // namespace placer::sim
