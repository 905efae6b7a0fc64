#include "profiler/cuda/readings.h"

#include <dlfcn.h>

namespace placer::profile {
namespace {

// The few declarations of nvml.h that are used: the toolkit does not always bring the file.
using NvmlDevice = struct nvmlDevice_st*;
constexpr unsigned kNvmlClockSm = 1;
constexpr unsigned kNvmlTemperatureGpu = 0;

class ManagementLibrary {
 public:
  ManagementLibrary() : library_(dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) {
      return;
    }
    find(handle_, "nvmlDeviceGetHandleByPciBusId_v2");
    find(clock_, "nvmlDeviceGetClockInfo");
    find(temperature_, "nvmlDeviceGetTemperature");
    int (*init)() = nullptr;
    find(init, "nvmlInit_v2");
    usable_ = handle_ != nullptr && init != nullptr && init() == 0;
  }

  [[nodiscard]] Readings read(const std::string& bus) const {
    Readings readings;
    NvmlDevice device = nullptr;
    if (!usable_ || handle_(bus.c_str(), &device) != 0) {
      return readings;
    }
    unsigned value = 0;
    if (clock_ != nullptr && clock_(device, kNvmlClockSm, &value) == 0) {
      readings.clock_hz = 1e6 * value;
    }
    if (temperature_ != nullptr && temperature_(device, kNvmlTemperatureGpu, &value) == 0) {
      readings.celsius = value;
    }
    return readings;
  }

 private:
  template <typename Function>
  void find(Function& function, const char* name) const {
    function = reinterpret_cast<Function>(dlsym(library_, name));
  }

  void* library_;
  bool usable_ = false;
  int (*handle_)(const char*, NvmlDevice*) = nullptr;
  int (*clock_)(NvmlDevice, unsigned, unsigned*) = nullptr;
  int (*temperature_)(NvmlDevice, unsigned, unsigned*) = nullptr;
};

}  // namespace

Readings read_management_library(const std::string& bus) {
  static const ManagementLibrary library;  // it counts its users in the process itself
  return library.read(bus);
}

}  // namespace placer::profile
