#include "profiler/gpu/gpu_cluster.h"

#include <gmock/gmock.h>

#include "placer/base/error.h"
#include "placer/formats/formats.h"
#include "tests/profiler/gpu/fake_driver.h"

namespace placer::profile::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

// Two cores that hand tensors over in 5 us.
Cluster two_cores() {
  std::vector<Device> devices(2);
  for (std::size_t i = 0; i < devices.size(); ++i) {
    devices[i].name = "cpu:" + std::to_string(i);
    devices[i].kind = "cpu-core";
    devices[i].memory = Bytes{1 << 30};
    devices[i].pool = 0;
    devices[i].cores = {static_cast<int>(i)};
  }
  const Link link{.name = "shared memory",
                  .pairs = {{DeviceId{0}, DeviceId{1}}, {DeviceId{1}, DeviceId{0}}},
                  .latency = from_microseconds(5),
                  .bytes_per_second = {}};
  return {"two cores", devices, {link}, {{"host", Bytes{1 << 30}}}};
}

Cluster cluster_of(FakeDriver& driver, std::span<const GpuSplit> splits = {}) {
  const GpuSurvey survey = survey_gpus(driver);
  require_gpus(survey, splits);
  return with_gpus(two_cores(), driver, survey, splits);
}

const Link& link_of(const Cluster& cluster, const std::string& from, const std::string& to) {
  return cluster.link(cluster.link_between(cluster.find(from).value(), cluster.find(to).value()));
}

TEST(GpuCluster, AGpuIsADeviceBesideTheCores) {
  FakeDriver driver(1);
  const Cluster cluster = cluster_of(driver);
  ASSERT_EQ(cluster.size(), 3);
  const Device& gpu = cluster.device(DeviceId{2});
  EXPECT_EQ(gpu.name, "cuda:0");
  EXPECT_EQ(gpu.kind, "cuda:Fake 100");
  EXPECT_EQ(gpu.overhead, from_microseconds(4));
  EXPECT_TRUE(gpu.asynchronous_launch);
  EXPECT_FALSE(gpu.pool.has_value());
  // 90 % of the 64 GiB that are free.
  EXPECT_EQ(gpu.memory, Bytes{61847529062});
  EXPECT_EQ(cluster.name(), "two cores, Fake 100");
}

// Values of CPU ops are in ordinary memory (10 GB/s), values from a GPU arrive in pinned memory
// (50 GB/s). All cores use the GPU's two copy engines, one a direction.
TEST(GpuCluster, EachDirectionToTheHostIsABusOfItsOwn) {
  FakeDriver driver(1);
  const Cluster cluster = cluster_of(driver);
  const Link& there = link_of(cluster, "cpu:0", "cuda:0");
  const Link& back = link_of(cluster, "cuda:0", "cpu:1");
  EXPECT_EQ(there.name, "host to cuda:0");
  EXPECT_EQ(back.name, "cuda:0 to host");
  EXPECT_NEAR(there.bytes_per_second.value(), 10e9, 1e3);
  EXPECT_NEAR(back.bytes_per_second.value(), 50e9, 1e3);
  EXPECT_NEAR(there.latency.microseconds(), 10, 1e-3);
  EXPECT_TRUE(there.shared);
  EXPECT_THAT(there.pairs, SizeIs(2));
  EXPECT_EQ(&link_of(cluster, "cpu:1", "cuda:0"), &there);
  EXPECT_EQ(link_of(cluster, "cpu:0", "cpu:1").name, "shared memory");
}

TEST(GpuCluster, OneBusForBothDirectionsWhereCopiesHinderOneAnother) {
  FakeDriver driver(1);
  driver.copies.together = 0.5;
  const Cluster cluster = cluster_of(driver);
  const Link& bus = link_of(cluster, "cpu:0", "cuda:0");
  EXPECT_EQ(bus.name, "host and cuda:0");
  EXPECT_EQ(&link_of(cluster, "cuda:0", "cpu:0"), &bus);
  EXPECT_NEAR(bus.bytes_per_second.value(), 10e9, 1e3);  // the slower direction's
}

// 132 multiprocessors in four parts of a multiple of 8: 32 each, 4 idle.
TEST(GpuCluster, ASplitGpuIsSeveralDevicesOnOneBus) {
  FakeDriver driver(1);
  const GpuSplit split{0, 4};
  const Cluster cluster = cluster_of(driver, {&split, 1});
  ASSERT_EQ(cluster.size(), 6);
  EXPECT_EQ(cluster.device(DeviceId{2}).name, "cuda:0.0");
  const Device& last = cluster.device(DeviceId{5});
  EXPECT_EQ(last.name, "cuda:0.3");
  EXPECT_EQ(last.kind, "cuda:Fake 100 (32 of 132 SMs)");
  EXPECT_EQ(last.memory, Bytes{61847529062 / 4});
  EXPECT_EQ(&link_of(cluster, "cpu:0", "cuda:0.0"), &link_of(cluster, "cpu:1", "cuda:0.3"));
  const Link& within = link_of(cluster, "cuda:0.1", "cuda:0.2");
  EXPECT_EQ(within.name, "within cuda:0");
  EXPECT_TRUE(within.shared);
  EXPECT_NEAR(within.bytes_per_second.value(), 2000e9, 1e6);
  EXPECT_EQ(&link_of(cluster, "cuda:0.3", "cuda:0.0"), &within);
  EXPECT_EQ(gpu_devices(survey_gpus(driver), {&split, 1}), 4);
}

TEST(GpuCluster, TwoGpusHaveLinksOfTheirOwn) {
  FakeDriver driver(2);
  const GpuSplit split{1, 2};
  const Cluster cluster = cluster_of(driver, {&split, 1});
  ASSERT_EQ(cluster.size(), 5);
  const Link& link = link_of(cluster, "cuda:0", "cuda:1.1");
  EXPECT_EQ(link.name, "cuda:0 to cuda:1");
  EXPECT_NEAR(link.bytes_per_second.value(), 300e9, 1e5);
  EXPECT_EQ(link.transfer_scale, 1);
  driver.peers = false;
  EXPECT_EQ(link_of(cluster_of(driver), "cuda:1", "cuda:0").transfer_scale, 2);
}

// 10 us and 50 GB/s twice in turn.
TEST(GpuCluster, WhereCopiesBetweenGpusFailTheyGoOverTheHost) {
  FakeDriver driver(2);
  driver.on_copy = [](const CopyRequest& request) -> std::optional<double> {
    if (request.from.gpu && request.to.gpu && request.from.gpu != request.to.gpu) {
      throw Error(ErrorKind::kDevice, "cuda:0: copying: peer mapping failed");
    }
    return std::nullopt;
  };
  const Cluster cluster = cluster_of(driver);
  const Link& link = link_of(cluster, "cuda:0", "cuda:1");
  EXPECT_NEAR(link.latency.microseconds(), 20, 1e-2);
  EXPECT_NEAR(link.bytes_per_second.value(), 25e9, 1e3);
  EXPECT_EQ(link.transfer_scale, 2);
}

TEST(GpuCluster, AGpuThatCannotBeUsedIsLeftOut) {
  FakeDriver driver(2);
  driver.gpus[0].facts.memory = {};
  const Cluster cluster = cluster_of(driver);
  ASSERT_EQ(cluster.size(), 3);
  EXPECT_EQ(cluster.device(DeviceId{2}).name, "cuda:1");
}

TEST(GpuCluster, IsReadAsItWasWritten) {
  FakeDriver driver(2);
  const GpuSplit split{0, 8};
  const Cluster cluster = cluster_of(driver, {&split, 1});
  EXPECT_EQ(read_cluster(write_cluster(cluster), "cluster.json").hash(), cluster.hash());
}

TEST(GpuCluster, SplitsAreGpuEqualsParts) {
  const GpuSplit split = parse_gpu_split("cuda:1=8");
  EXPECT_EQ(split.gpu, 1);
  EXPECT_EQ(split.parts, 8);
  for (const char* wrong : {"", "cuda:0", "cuda:0=", "cuda:0=3", "cuda:0=16", "cuda:0=1", "0=4",
                            "cuda:0.1=2", "cpu:0=2", "cuda:0=4 "}) {
    EXPECT_THROW((void)parse_gpu_split(wrong), Error) << wrong;
  }
}

void expect_refused(FakeDriver& driver, GpuSplit split, const std::string& why) {
  try {
    (void)cluster_of(driver, {&split, 1});
    FAIL() << "expected an error: " << why;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kDevice);
    EXPECT_THAT(error.what(), HasSubstr(why));
  }
}

TEST(GpuCluster, SplitsThatCannotBeAreDeviceErrors) {
  FakeDriver none;
  expect_refused(none, {0, 4}, "cuda:0 cannot be split: no NVIDIA driver");
  FakeDriver one(1);
  expect_refused(one, {1, 4}, "this machine has 1 GPU");
  one.gpus[0].facts.multiprocessors = 28;  // eight parts would have three each
  expect_refused(one, {0, 8}, "cannot be cut");
  one.gpus[0].facts.memory = {};
  expect_refused(one, {0, 2}, "cuda:0 cannot be split: the driver states");
}

}  // namespace
}  // namespace placer::profile::test
