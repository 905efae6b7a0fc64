#include "placer/cost/assumed_times.h"

#include <gmock/gmock.h>

#include "placer/base/error.h"

namespace placer {
namespace {

using testing::HasSubstr;

Workload two_ops() {
  Node a;
  a.name = "a";
  a.op = "aten.mm";
  Node b;
  b.name = "b";
  b.op = "aten.relu";
  Node c;
  c.name = "c";
  c.op = "aten.relu";
  Workload workload{build_graph_or_die({}, {a, b, c}), {}};
  KindTimes times;
  times.kind = "cpu-core";
  times.info.method = "thread CPU time";
  times.info.repeats = 5;
  times.ops = {OpTime{from_microseconds(100), from_microseconds(90), from_microseconds(120)},
               OpTime{from_microseconds(10), from_microseconds(10)}, std::nullopt};
  workload.times.set(times);
  return workload;
}

TEST(AssumedTimes, AreTheMeasuredOnesTimesTheFactor) {
  const OpFactor mm{"aten.m*", 0.01};
  const KindTimes times = assume_times(two_ops(), "gpu", "cpu-core", 0.5, {&mm, 1});
  EXPECT_EQ(times.kind, "gpu");
  EXPECT_EQ(times.ops[0]->time, from_microseconds(1));
  EXPECT_EQ(times.ops[0]->minimum, from_microseconds(0.9));
  EXPECT_FALSE(times.ops[0]->busy.has_value());
  EXPECT_EQ(times.ops[1]->time, from_microseconds(5));
  EXPECT_FALSE(times.ops[2].has_value());
  EXPECT_EQ(times.info.repeats, 0);
  EXPECT_EQ(times.info.workload, "assumed, not measured: cpu-core x 0.5, aten.m* x 0.01");
}

TEST(AssumedTimes, NeverReplaceMeasuredOnes) {
  Workload workload = two_ops();
  EXPECT_THROW((void)assume_times(workload, "cpu-core", "cpu-core", 2, {}), Error);
  workload.times.set(assume_times(workload, "gpu", "cpu-core", 0.5, {}));
  // Assumed ones may be assumed anew.
  EXPECT_EQ(assume_times(workload, "gpu", "cpu-core", 2, {}).ops[1]->time, from_microseconds(20));
}

TEST(AssumedTimes, MistakesAreNamed) {
  const auto text = [](const std::string& like, const std::string& op) -> std::string {
    const OpFactor rule{op, 1};
    try {
      (void)assume_times(two_ops(), "gpu", like, 1, {&rule, 1});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(text("cpu-cor", "aten.mm"), HasSubstr("did you mean \"cpu-core\"?"));
  EXPECT_THAT(text("cpu-core", "aten.conv*"), HasSubstr("matches no op"));
}

}  // namespace
}  // namespace placer
