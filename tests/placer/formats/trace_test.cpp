#include "placer/formats/trace.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/base/random.h"
#include "tests/support/random_graph.h"

namespace placer {
namespace {

using nlohmann::json;

struct Slice {
  std::int64_t start = 0;  // ns
  std::int64_t end = 0;
};

std::int64_t nanoseconds(const json& microseconds) {
  return std::llround(microseconds.get<double>() * 1000);
}

std::vector<json> events(const json& trace, std::string_view phase) {
  std::vector<json> result;
  for (const json& event : trace.at("traceEvents")) {
    if (event.at("ph") == phase) result.push_back(event);
  }
  return result;
}

// A step with transfers that overlap at both ends.
struct Example {
  Workload workload = test::random_workload(11, {.nodes = 60});
  Cluster cluster = test::random_cluster(12, {.devices = 3});
  StepTrace trace{.title = "simulated", .ops = {}, .transfers = {}};

  explicit Example(std::uint64_t seed) {
    Rng rng(seed);
    std::vector<SimTime> free(3);
    for (std::size_t n = 0; n < workload.graph.size(); ++n) {
      const NodeId id = id_at<NodeId>(n);
      const Node& node = workload.graph.node(id);
      if (node.kind != NodeKind::kOp) continue;
      const std::size_t d = rng.below(3);
      const SimTime end = free[d] + SimTime{static_cast<std::int64_t>(rng.below(3'000'000))};
      trace.ops.push_back({id, id_at<DeviceId>(d), free[d], end});
      const SimTime arrival = end + SimTime{static_cast<std::int64_t>(rng.below(9'000'000))};
      trace.transfers.push_back(
          {{id, 0}, id_at<DeviceId>(d), id_at<DeviceId>((d + 1) % 3), end, arrival});
      trace.memory.push_back({id_at<DeviceId>(d), end, Bytes{static_cast<std::int64_t>(n)}});
      free[d] = end;
    }
  }
  [[nodiscard]] json written() const {
    return json::parse(write_trace(workload.graph, cluster, trace));
  }
};

TEST(Trace, SlicesOfATrackNeverOverlap) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Example example(seed);
    const json trace = example.written();
    std::map<std::int64_t, std::vector<Slice>> tracks;
    for (const json& event : events(trace, "X")) {
      const std::int64_t start = nanoseconds(event.at("ts"));
      tracks[event.at("tid")].push_back({start, start + nanoseconds(event.at("dur"))});
    }
    for (auto& [tid, slices] : tracks) {
      std::ranges::stable_sort(slices, {},
                               [](const Slice& s) { return std::pair(s.start, s.end); });
      for (std::size_t i = 1; i < slices.size(); ++i) {
        EXPECT_LE(slices[i - 1].end, slices[i].start) << "on " << tid << ", seed " << seed;
      }
    }
  }
}

TEST(Trace, ThreadsAreUniqueInTheFileAndNamed) {
  const json trace = Example(1).written();
  std::map<std::int64_t, std::int64_t> process_of;
  for (const json& event : events(trace, "M")) {
    if (event.at("name") != "thread_name") continue;
    EXPECT_TRUE(process_of.emplace(event.at("tid"), event.at("pid")).second);
    EXPECT_FALSE(event.at("args").at("name").get<std::string>().empty());
  }
  for (const json& event : trace.at("traceEvents")) {
    EXPECT_GE(event.at("pid"), 1);
    if (event.at("ph") == "X" || event.at("ph") == "s" || event.at("ph") == "f") {
      ASSERT_TRUE(process_of.contains(event.at("tid")));
      EXPECT_EQ(process_of.at(event.at("tid")), event.at("pid"));
    }
  }
}

TEST(Trace, EveryTransferIsTwoSlicesJoinedByAFlow) {
  const Example example(2);
  const json trace = example.written();
  std::map<std::int64_t, json> starts;
  for (const json& event : events(trace, "s")) {
    EXPECT_TRUE(starts.emplace(event.at("id"), event).second);
  }
  const auto finishes = events(trace, "f");
  EXPECT_EQ(starts.size(), example.trace.transfers.size());
  EXPECT_EQ(finishes.size(), starts.size());
  const auto slices = events(trace, "X");
  const auto inside_a_slice = [&](const json& flow) {
    return std::ranges::any_of(slices, [&](const json& slice) {
      const std::int64_t start = nanoseconds(slice.at("ts"));
      const std::int64_t at = nanoseconds(flow.at("ts"));
      return slice.at("tid") == flow.at("tid") && slice.at("name") == flow.at("name") &&
             start <= at && at <= start + nanoseconds(slice.at("dur"));
    });
  };
  for (const json& finish : finishes) {
    ASSERT_TRUE(starts.contains(finish.at("id")));
    const json& start = starts.at(finish.at("id"));
    EXPECT_TRUE(finish.at("id").is_number_integer());
    EXPECT_EQ(start.at("name"), finish.at("name"));
    EXPECT_EQ(start.at("cat"), finish.at("cat"));
    EXPECT_NE(start.at("pid"), finish.at("pid"));
    EXPECT_LE(nanoseconds(start.at("ts")), nanoseconds(finish.at("ts")));
    EXPECT_EQ(finish.at("bp"), "e");
    EXPECT_TRUE(inside_a_slice(start));
    EXPECT_TRUE(inside_a_slice(finish));
  }
}

// 1,000,499 ps is 1,000 ns, 2,000,500 ps is 2,001 ns: the slice lasts 1.001 us, not the rounded
// difference of 1.000.
TEST(Trace, TimesAreRoundedBeforeTheyAreSubtracted) {
  const Example example(3);
  StepTrace trace{.title = "measured", .ops = {example.trace.ops[0]}, .transfers = {}};
  trace.ops[0].start = {1'000'499};
  trace.ops[0].end = {2'000'500};
  const std::string text = write_trace(example.workload.graph, example.cluster, trace);
  EXPECT_NE(text.find("\"ts\":1.000,\"dur\":1.001"), std::string::npos) << text;
}

TEST(Trace, ShowsNodesDevicesAndMemory) {
  const Example example(4);
  const json trace = example.written();
  EXPECT_EQ(trace.at("displayTimeUnit"), "ms");
  const Node& node = example.workload.graph.node(example.trace.ops[0].node);
  const json op = events(trace, "X").front();
  EXPECT_EQ(op.at("name"), node.name);
  EXPECT_EQ(op.at("cat"), "op");
  EXPECT_EQ(op.at("args").at("op"), node.op);
  std::set<std::string> processes;
  for (const json& event : events(trace, "M")) {
    if (event.at("name") == "process_name") processes.insert(event.at("args").at("name"));
  }
  EXPECT_EQ(processes.size(), 3U);
  EXPECT_TRUE(processes.begin()->starts_with("dev:0"));
  EXPECT_NE(processes.begin()->find("simulated"), std::string::npos);
  const auto counters = events(trace, "C");
  ASSERT_EQ(counters.size(), example.trace.memory.size());
  EXPECT_EQ(counters[0].at("args").at("bytes"), example.trace.memory[0].bytes.count);
}

TEST(Trace, OfAnEmptyStepNamesTheDevices) {
  Example example(5);
  example.trace = {.title = "simulated", .ops = {}, .transfers = {}};
  const json trace = example.written();
  EXPECT_EQ(events(trace, "X").size(), 0U);
  EXPECT_EQ(events(trace, "M").size(), 3U * 4);  // name and order of a process and its ops
}

TEST(Trace, GivesTheSameBytesForTheSameStep) {
  const Example a(6);
  const Example b(6);
  EXPECT_EQ(write_trace(a.workload.graph, a.cluster, a.trace),
            write_trace(b.workload.graph, b.cluster, b.trace));
}

}  // namespace
}  // namespace placer
