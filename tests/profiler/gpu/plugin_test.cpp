#include "profiler/gpu/plugin.h"

#include <cstdlib>

#include <gmock/gmock.h>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "profiler/gpu/driver_problem.h"
#include "tests/support/process.h"

namespace placer::profile::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::unique_ptr<GpuDriver> load(const std::string& name) {
  return load_gpu_plugin(std::filesystem::path(PLACER_TEST_PLUGINS) / name);
}

TEST(GpuPlugin, GivesItsDriver) {
  setenv("PLACER_FAKE_GPUS", "2", 1);
  const auto driver = load("fake_plugin.so");
  EXPECT_EQ(driver->count(), 2);
  EXPECT_EQ(driver->problem(), "");
  EXPECT_EQ(driver->facts(1).name, "Fake 100");
}

TEST(GpuPlugin, ThatIsNotThereIsNamed) {
  const auto driver = load("nowhere.so");
  EXPECT_EQ(driver->count(), 0);
  EXPECT_THAT(driver->problem(), AllOf(HasSubstr("no GPU support"), HasSubstr("nowhere.so")));
}

TEST(GpuPlugin, OfAnotherInterfaceVersionIsNotAskedForADriver) {
  EXPECT_THAT(load("other_version.so")->problem(),
              HasSubstr("has interface version 3, this placer needs 2"));
}

TEST(GpuPlugin, WhoseLibraryIsMissingNamesTheLibrary) {
  const auto driver = load("needs_absent_library.so");
  EXPECT_EQ(driver->count(), 0);
  EXPECT_THAT(driver->problem(),
              AllOf(HasSubstr("needs_absent_library.so cannot be loaded"),
                    HasSubstr("libabsent_library.so: cannot open shared object file")));
}

TEST(GpuPlugin, WithoutAnEntryIsNone) {
  EXPECT_THAT(load("libabsent_library.so")->problem(), HasSubstr("is no GPU plugin of placer"));
}

TEST(GpuPlugin, ThatIsNoLibraryIsAProblem) {
  const placer::test::TemporaryFolder folder;
  write_file(folder.path() / "text.so", "hello");
  EXPECT_THAT(load_gpu_plugin(folder.path() / "text.so")->problem(), HasSubstr("cannot be loaded"));
}

TEST(GpuPlugin, ThatThrowsIsAProblem) {
  EXPECT_EQ(load("failing.so")->problem(), "the driver is in a bad mood");
}

TEST(GpuPlugin, ADriverWithoutGpusRefusesWorkWithItsReason) {
  const auto driver = no_gpus("no luck");
  EXPECT_EQ(driver->count(), 0);
  EXPECT_EQ(driver->lost(0), "no luck");
  try {
    (void)driver->new_stream(3, {});
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kDevice);
    EXPECT_STREQ(error.what(), "cuda:3: no luck");
  }
}

TEST(GpuPlugin, TheEnvironmentNamesAnother) {
  setenv("PLACER_GPU_PLUGIN", "/elsewhere/plugin.so", 1);
  EXPECT_EQ(gpu_plugin_file(), "/elsewhere/plugin.so");
  unsetenv("PLACER_GPU_PLUGIN");
  EXPECT_EQ(gpu_plugin_file().filename(), "placer_cuda.so");
  // This test is in a folder of its own within the build; the plugin, if one was built, is not.
  EXPECT_EQ(std::filesystem::exists(gpu_plugin_file()), PLACER_HAS_PLUGIN);
}

TEST(DriverProblem, SaysWhyThereAreNoGpus) {
  EXPECT_EQ(driver_problem({.gpus = 1}), "");
  EXPECT_EQ(driver_problem({.runtime_version = 13000, .error = "driver version is insufficient"}),
            "no NVIDIA driver is installed (libcuda.so.1)");
  EXPECT_EQ(driver_problem({.driver_version = 12080, .runtime_version = 13000}),
            "the NVIDIA driver is too old: it runs CUDA up to 12.8, LibTorch needs 13.0");
  EXPECT_EQ(driver_problem({.driver_version = 13000,
                            .runtime_version = 13020,
                            .error = "no CUDA-capable device is detected"}),
            "the NVIDIA driver finds no GPU (no CUDA-capable device is detected)");
  EXPECT_EQ(driver_problem({.driver_version = 13010, .runtime_version = 13000, .visible = "7"}),
            "the NVIDIA driver finds no GPU (CUDA_VISIBLE_DEVICES is \"7\")");
}

}  // namespace
}  // namespace placer::profile::test
