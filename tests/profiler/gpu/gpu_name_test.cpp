#include "profiler/gpu/gpu_name.h"

#include <gmock/gmock.h>

#include "placer/base/error.h"
#include "profiler/gpu/runnable.h"
#include "tests/profiler/gpu/fake_driver.h"

namespace placer::profile::test {
namespace {

using testing::HasSubstr;

// Devices of these names, each linked to each.
Cluster cluster_of(const std::vector<std::string>& names) {
  std::vector<Device> devices;
  Link link{.name = "bus", .pairs = {}, .latency = {}, .bytes_per_second = 1e9};
  for (std::size_t i = 0; i < names.size(); ++i) {
    devices.emplace_back();
    devices.back().name = names[i];
    devices.back().kind = "cuda:Fake 100";
    for (std::size_t j = 0; j < names.size(); ++j) {
      if (i != j) {
        link.pairs.emplace_back(id_at<DeviceId>(i), id_at<DeviceId>(j));
      }
    }
  }
  return {"", devices, {link}};
}

TEST(GpuName, WholeGpusAndParts) {
  EXPECT_EQ(parse_gpu_name("cuda:0"), (GpuName{0, {}}));
  EXPECT_EQ(parse_gpu_name("cuda:12"), (GpuName{12, {}}));
  EXPECT_EQ(parse_gpu_name("cuda:1.3"), (GpuName{1, 3}));
  for (const char* other : {"cpu:0", "cpu", "cuda", "cuda:", "cuda:x", "cuda:-1", "cuda:+1",
                            "cuda:01", "cuda:0.", "cuda:0.x", "cuda:0.1.2", "cuda:128", "CUDA:0"}) {
    EXPECT_FALSE(parse_gpu_name(other).has_value()) << other;
  }
}

TEST(GpuName, AClusterSaysHowManyPartsAGpuHas) {
  const auto places = gpu_places(cluster_of({"cpu:0", "cuda:0.1", "cuda:1", "cuda:0.0"}));
  ASSERT_EQ(places.size(), 4);
  EXPECT_FALSE(places[0].has_value());
  EXPECT_EQ(places[1]->gpu, 0);
  EXPECT_EQ(places[1]->part.index, 1);
  EXPECT_EQ(places[1]->part.count, 2);
  EXPECT_EQ(places[2]->gpu, 1);
  EXPECT_EQ(places[2]->part.count, 1);
}

TEST(GpuName, PartsThatLeaveGapsOrStandBesideTheWholeAreErrors) {
  EXPECT_THROW((void)gpu_places(cluster_of({"cuda:0.0", "cuda:0.2"})), Error);
  EXPECT_THROW((void)gpu_places(cluster_of({"cuda:0", "cuda:0.0"})), Error);
  EXPECT_THROW((void)gpu_places(cluster_of({"cpu:0", "cuda:0.1"})), Error);
}

std::string missing(const std::string& name, const std::string& kind, FakeDriver& driver) {
  Device device;
  device.name = name;
  device.kind = kind;
  return missing_for(device, parse_gpu_name(name).value(), driver);
}

TEST(Runnable, SaysWhatIsMissing) {
  FakeDriver none;
  EXPECT_THAT(missing("cuda:0", "cuda:Fake 100", none), HasSubstr("cuda:0: no NVIDIA driver"));
  FakeDriver one(1);
  EXPECT_EQ(missing("cuda:0", "cuda:Fake 100", one), "");
  EXPECT_EQ(missing("cuda:0.1", "cuda:Fake 100 (32 of 132 SMs)", one), "");
  EXPECT_THAT(missing("cuda:1", "cuda:Fake 100", one), HasSubstr("this machine has 1 GPU"));
  EXPECT_THAT(missing("cuda:0", "gpu", one), HasSubstr("the cluster says gpu"));
  EXPECT_THAT(missing("cuda:0.0", "cuda:Fake 100", one), HasSubstr("here is cuda:Fake 100"));
}

}  // namespace
}  // namespace placer::profile::test
