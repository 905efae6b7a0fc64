#include "profiler/torch/device_thread.h"

#include <pthread.h>

#include <algorithm>
#include <charconv>
#include <string>

#include <ATen/Parallel.h>
#include <malloc.h>
#include <omp.h>

#include "placer/base/error.h"
#include "profiler/devices.h"
#include "profiler/gpu/plugin.h"
#include "profiler/gpu/runnable.h"

namespace placer::profile {

namespace {

// N of "cpu:N".
std::optional<int> core_in_name(const std::string& name) {
  const char* const first = name.data() + 4;
  const char* const last = name.data() + name.size();
  if (!name.starts_with("cpu:")) {
    return std::nullopt;
  }
  int core = 0;
  const auto [end, problem] = std::from_chars(first, last, core);
  return problem == std::errc{} && end == last ? std::optional(core) : std::nullopt;
}

void name_and_team(const std::string& name, int op_threads) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  // ATen sets the thread's team on first use, so that must have happened before ours is set.
  (void)at::get_num_threads();
  omp_set_num_threads(op_threads);
}

}  // namespace

DeviceThread device_thread(const Device& device) {
  const std::vector<int> usable = allowed_cores();
  DeviceThread thread;
  thread.cores = device.cores;
  const auto core = core_in_name(device.name);
  if (device.name == "cpu") {
    if (thread.cores.empty()) {
      thread.cores = usable;
    }
    thread.op_threads = static_cast<int>(thread.cores.size());
  } else if (core) {
    if (thread.cores.empty()) {
      thread.cores = {*core};
    }
  } else {
    throw Error(ErrorKind::kDevice, "device \"" + device.name +
                                        "\": only \"cpu\" and \"cpu:N\" can run ops in this build");
  }
  for (const int wanted : thread.cores) {
    if (std::ranges::find(usable, wanted) == usable.end()) {
      throw Error(ErrorKind::kDevice, "device \"" + device.name +
                                          "\": this process may not run on processor " +
                                          std::to_string(wanted) +
                                          " (make a cluster for this machine: placer devices)");
    }
  }
  return thread;
}

std::string cannot_run_on(const Device& device) {
  if (const auto gpu = parse_gpu_name(device.name)) {
    return missing_for(device, *gpu, gpu_driver());
  }
  if (device.kind != "cpu-core" && device.kind != "cpu-all") {
    return "this build cannot run steps on " + device.name + " (kind " + device.kind + ")";
  }
  try {
    (void)device_thread(device);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

void become(const DeviceThread& thread, const Device& device) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : thread.cores) {
    CPU_SET(static_cast<std::size_t>(core), &set);
  }
  if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0) {
    throw Error(ErrorKind::kDevice,
                "device \"" + device.name + "\": cannot be pinned to its processors");
  }
  name_and_team(device.name, thread.op_threads);
}

void become_helper(const std::string& name) {
  name_and_team(name, 1);
}

void keep_freed_memory() {
  constexpr int kLargestMmapThreshold = 32 << 20;  // what glibc accepts
  constexpr int kTrimThreshold = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kLargestMmapThreshold);
  mallopt(M_TRIM_THRESHOLD, kTrimThreshold);
}

}  // namespace placer::profile
