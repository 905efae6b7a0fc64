#include "profiler/gpu/discovery.h"

#include <limits>

#include <gmock/gmock.h>

#include "placer/base/error.h"
#include "tests/profiler/gpu/fake_driver.h"

namespace placer::profile::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Discovery, NoGpuIsAReason) {
  FakeDriver driver;
  const GpuSurvey survey = survey_gpus(driver);
  EXPECT_THAT(survey.gpus, IsEmpty());
  EXPECT_EQ(survey.problem, "no NVIDIA driver is installed (libcuda.so.1)");
}

// A copy takes 10 us + n / rate, so two sizes give back exactly these.
TEST(Discovery, OneGpuHasLatenciesAndRates) {
  FakeDriver driver(1);
  const GpuSurvey survey = survey_gpus(driver);
  EXPECT_EQ(survey.problem, "");
  EXPECT_EQ(survey.software.driver, "13.1");
  ASSERT_THAT(survey.gpus, SizeIs(1));
  EXPECT_THAT(survey.peers, IsEmpty());
  const GpuReport& gpu = survey.gpus[0];
  EXPECT_EQ(gpu.problem, "");
  EXPECT_EQ(gpu.facts.name, "Fake 100");
  EXPECT_NEAR(gpu.host.there.latency_seconds, 10e-6, 1e-9);
  EXPECT_NEAR(gpu.host.there.bytes_per_second, 50e9, 1e3);
  EXPECT_NEAR(gpu.pageable_there.bytes_per_second, 10e9, 1e3);
  EXPECT_NEAR(gpu.pageable_back.bytes_per_second, 10e9, 1e3);
  EXPECT_NEAR(gpu.within.bytes_per_second, 2000e9, 1e6);
  EXPECT_DOUBLE_EQ(gpu.launch_seconds, 4e-6);
  // 90 % of 50 GB/s, and the 10 us of latency in 1.49 ms.
  EXPECT_NEAR(gpu.host.both_bytes_per_second, 45e9, 0.5e9);
  EXPECT_FALSE(gpu.host.one_bus());
}

TEST(Discovery, DirectionsThatHinderOneAnotherAreOneBus) {
  FakeDriver driver(1);
  driver.copies.together = 0.6;  // 2 * 0.6 < 1.5
  EXPECT_TRUE(survey_gpus(driver).gpus[0].host.one_bus());
}

TEST(Discovery, TwoGpusAreMeasuredAgainstOneAnother) {
  FakeDriver driver(2);
  const GpuSurvey direct = survey_gpus(driver);
  ASSERT_THAT(direct.peers, SizeIs(1));
  EXPECT_TRUE(direct.peers[0].direct);
  EXPECT_NEAR(direct.peers[0].link.there.bytes_per_second, 300e9, 1e5);
  driver.peers = false;
  const GpuSurvey staged = survey_gpus(driver);
  EXPECT_FALSE(staged.peers[0].direct);
  EXPECT_NEAR(staged.peers[0].link.back.bytes_per_second, 20e9, 1e4);
}

TEST(Discovery, AGpuWhoseCopiesFailIsReportedAndTheOthersAreMeasured) {
  FakeDriver driver(2);
  driver.on_copy = [](const CopyRequest& request) -> std::optional<double> {
    if (request.to.gpu == 0) {
      throw Error(ErrorKind::kDevice, "cuda:0: copying: uncorrectable ECC error encountered");
    }
    return std::nullopt;
  };
  const GpuSurvey survey = survey_gpus(driver);
  ASSERT_THAT(survey.gpus, SizeIs(2));
  EXPECT_THAT(survey.gpus[0].problem, HasSubstr("ECC"));
  EXPECT_EQ(survey.gpus[1].problem, "");
  EXPECT_THAT(survey.peers, IsEmpty());
}

TEST(Discovery, CopiesBetweenGpusMayFailAlone) {
  FakeDriver driver(2);
  driver.on_copy = [](const CopyRequest& request) -> std::optional<double> {
    if (request.from.gpu && request.to.gpu && request.from.gpu != request.to.gpu) {
      throw Error(ErrorKind::kDevice, "cuda:0: copying: peer mapping failed");
    }
    return std::nullopt;
  };
  const GpuSurvey survey = survey_gpus(driver);
  EXPECT_EQ(survey.gpus[0].problem, "");
  ASSERT_THAT(survey.peers, SizeIs(1));
  EXPECT_THAT(survey.peers[0].problem, HasSubstr("peer mapping"));
}

TEST(Discovery, CopyTimesThatMakeNoSenseAreAProblem) {
  for (const double absurd : {0.0, -1e-6, std::numeric_limits<double>::quiet_NaN(),
                              std::numeric_limits<double>::infinity(), 1e-5}) {
    FakeDriver driver(1);
    driver.on_copy = [absurd](const CopyRequest& /*request*/) { return std::optional(absurd); };
    const GpuSurvey survey = survey_gpus(driver);
    EXPECT_THAT(survey.gpus[0].problem, HasSubstr("from the host to cuda:0 is said to take"))
        << absurd;
  }
}

TEST(Discovery, FactsThatMakeNoSenseAreAProblem) {
  FakeDriver driver(5);
  driver.gpus[0].facts.memory = {};
  driver.gpus[1].facts.multiprocessors = 0;
  driver.gpus[2].facts.name = "";
  driver.gpus[3].reading.memory_free = Bytes{std::int64_t{1} << 50};
  driver.gpus[4].launch_seconds = 0;
  const GpuSurvey survey = survey_gpus(driver);
  for (const GpuReport& report : survey.gpus) {
    EXPECT_NE(report.problem, "") << report.gpu;
  }
}

}  // namespace
}  // namespace placer::profile::test
