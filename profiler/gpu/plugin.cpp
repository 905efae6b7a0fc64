#include "profiler/gpu/plugin.h"

#include <dlfcn.h>

#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "profiler/gpu/driver_problem.h"

namespace placer::profile {
namespace {

namespace fs = std::filesystem;

// Nobody is to ask one that counts no GPU for more than the reason.
class NoGpus final : public GpuDriver {
 public:
  explicit NoGpus(std::string problem) : problem_(std::move(problem)) {}

  int count() const override { return 0; }
  std::string problem() const override { return problem_; }
  GpuSoftware software() const override { return {}; }
  GpuFacts facts(int gpu) const override { refuse(gpu); }
  GpuReading reading(int gpu) const override { refuse(gpu); }
  bool has_peer_access(int from, int /*to*/) const override { refuse(from); }
  std::vector<double> time_copies(const CopyRequest& request, int /*repeats*/) override {
    refuse(request.from.gpu.value_or(request.to.gpu.value_or(0)));
  }
  double time_launches(int gpu, int /*count*/) override { refuse(gpu); }
  int part_multiprocessors(int gpu, int /*parts*/) override { refuse(gpu); }
  GpuStream new_stream(int gpu, GpuPart /*part*/) override { refuse(gpu); }
  void limit_memory(int gpu, Bytes /*limit*/) override { refuse(gpu); }
  Bytes peak_memory(int gpu) const override { refuse(gpu); }
  void reset_peak_memory(int gpu) override { refuse(gpu); }
  void release_cached_memory() override {}
  std::unique_ptr<GpuGraph> begin_capture(int gpu) override { refuse(gpu); }
  std::string lost(int /*gpu*/) const override { return problem_; }

 private:
  [[noreturn]] void refuse(int gpu) const {
    throw Error(ErrorKind::kDevice, fmt::format("cuda:{}: {}", gpu, problem_));
  }

  std::string problem_;
};

constexpr const char* kPluginName = "placer_cuda.so";

// From the environment, else nothing.
const char* given_plugin() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here sets the environment
  const char* given = std::getenv("PLACER_GPU_PLUGIN");
  return given != nullptr && *given != '\0' ? given : nullptr;
}

std::string loader_problem() {
  const char* text = dlerror();
  return text == nullptr ? "unknown reason" : text;
}

}  // namespace

fs::path gpu_plugin_file() {
  if (const char* given = given_plugin()) {
    return given;
  }
  std::error_code problem;
  const fs::path folder = fs::read_symlink("/proc/self/exe", problem).parent_path();
  const fs::path beside = folder / kPluginName;
  for (const fs::path& place : {folder / "../lib/placer", folder / ".."}) {
    fs::path file = (place / kPluginName).lexically_normal();
    if (!fs::exists(beside, problem) && fs::exists(file, problem)) {
      return file;
    }
  }
  return beside;
}

std::unique_ptr<GpuDriver> no_gpus(std::string problem) {
  return std::make_unique<NoGpus>(std::move(problem));
}

std::unique_ptr<GpuDriver> load_gpu_plugin(const fs::path& file) try {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    return no_gpus(fmt::format("this placer has no GPU support ({} is not there)", file.string()));
  }
  // For good: what LibTorch has registered from it cannot be taken back.
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    return no_gpus(fmt::format("{} cannot be loaded: {}", file.string(), loader_problem()));
  }
  auto* entry = reinterpret_cast<GpuPluginEntry*>(dlsym(library, kGpuPluginEntry));
  const GpuPlugin* plugin = entry == nullptr ? nullptr : entry();
  if (plugin == nullptr) {
    return no_gpus(fmt::format("{} is no GPU plugin of placer", file.string()));
  }
  if (plugin->version != kGpuDriverVersion) {
    return no_gpus(
        fmt::format("{} has interface version {}, this placer needs {}: build both from one source",
                    file.string(), plugin->version, kGpuDriverVersion));
  }
  return plugin->make_driver();
} catch (const std::exception& error) {
  return no_gpus(error.what());
}

namespace {

std::unique_ptr<GpuDriver> find_gpus() {
  const fs::path file = gpu_plugin_file();
  std::error_code ignored;
  // Without a driver nothing else matters, and LibTorch's CUDA libraries are half a gigabyte.
  const bool no_driver = given_plugin() == nullptr && fs::exists(file, ignored) &&
                         dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) == nullptr;
  return no_driver ? no_gpus(driver_problem({})) : load_gpu_plugin(file);
}

}  // namespace

GpuDriver& gpu_driver() {
  // LibTorch keeps one set of devices in a process, so there is one driver.
  static const std::unique_ptr<GpuDriver> driver = find_gpus();
  return *driver;
}

}  // namespace placer::profile
