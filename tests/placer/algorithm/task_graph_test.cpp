#include "placer/algorithm/task_graph.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/owned_problem.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

// 17 devices with a link of its own speed for each of their 272 ordered pairs.
Cluster all_links_differ() {
  constexpr std::size_t kDevices = 17;
  std::vector<Device> devices(kDevices);
  std::vector<Link> links;
  for (std::size_t from = 0; from < kDevices; ++from) {
    devices[from].name = "d" + std::to_string(from);
    devices[from].kind = "cpu-core";
    devices[from].memory = Bytes{std::int64_t{1} << 30};
    for (std::size_t to = 0; to < kDevices; ++to) {
      if (from == to) continue;
      Link& link = links.emplace_back();
      link.name = std::to_string(from) + " to " + std::to_string(to);
      link.pairs = {{id_at<DeviceId>(from), id_at<DeviceId>(to)}};
      link.bytes_per_second = 1e9 * static_cast<double>(links.size());
    }
  }
  return {"all links differ", std::move(devices), std::move(links)};
}

TEST(TaskGraph, TellsMoreSpeedsOfLinksApartThanAByteCounts) {
  test::WorkloadMaker maker;
  const TensorRef value = maker.op("producer", {.output_bytes = {1'000'000'000}});
  maker.op("reader", {.inputs = {value}});
  test::OwnedProblem owned(maker.finish(), all_links_differ(), {});
  const TaskGraph graph = make_task_graph(owned.problem());
  std::int64_t gigabytes_per_second = 0;
  for (std::uint32_t from = 0; from < 17; ++from) {
    for (std::uint32_t to = 0; to < 17; ++to) {
      if (from == to) continue;
      // A gigabyte at k GB/s: 1e12 / k picoseconds, rounded up.
      ++gigabytes_per_second;
      EXPECT_NEAR(static_cast<double>(graph.hold(0, graph.link(from, to))),
                  1e12 / static_cast<double>(gigabytes_per_second), 1)
          << from << " to " << to;
    }
  }
}

}  // namespace
}  // namespace placer
