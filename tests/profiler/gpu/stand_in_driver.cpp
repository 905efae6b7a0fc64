#include "tests/profiler/gpu/stand_in_driver.h"

#include "placer/base/error.h"
#include "tests/profiler/executable_graph.h"

namespace placer::testing {

namespace {

[[noreturn]] void not_a_gpu() {
  throw Error(ErrorKind::kDevice, "a stand-in for a GPU cannot do this");
}

}  // namespace

profile::GpuFacts StandInDriver::facts(int gpu) const {
  return {.name = "stand-in",
          .bus = std::to_string(gpu),
          .memory = {std::int64_t{1} << 40},
          .multiprocessors = 8,
          .copy_engines = 2,
          .numa_node = {}};
}

profile::GpuReading StandInDriver::reading(int /*gpu*/) const {
  return {.memory_free = {std::int64_t{1} << 40}, .clock_hz = {}, .celsius = {}};
}

bool StandInDriver::has_peer_access(int /*from*/, int /*to*/) const {
  return true;
}

std::vector<double> StandInDriver::time_copies(const profile::CopyRequest& /*request*/,
                                               int /*repeats*/) {
  not_a_gpu();
}
double StandInDriver::time_launches(int /*gpu*/, int /*count*/) {
  not_a_gpu();
}
int StandInDriver::part_multiprocessors(int /*gpu*/, int parts) {
  return 8 / parts;
}
profile::GpuStream StandInDriver::new_stream(int gpu, profile::GpuPart /*part*/) {
  return stand_in_stream(gpu);
}
Bytes StandInDriver::peak_memory(int gpu) const {
  return stand_in_live(gpu);
}
void StandInDriver::reset_peak_memory(int /*gpu*/) {}
std::unique_ptr<profile::GpuGraph> StandInDriver::begin_capture(int /*gpu*/) {
  not_a_gpu();
}
std::string StandInDriver::lost(int gpu) const {
  return stand_in_is_broken(gpu) ? "an illegal memory access was encountered" : "";
}

Cluster mixed_cluster(const MixedCluster& what) {
  const Cluster cores = core_cluster(what.cpus);
  std::vector<Device> devices(cores.devices().begin(), cores.devices().end());
  for (const std::string& name : what.gpus) {
    devices.push_back({.name = name,
                       .kind = "cuda:stand-in",
                       .memory = what.gpu_memory,
                       .pool = {},
                       .cores = {},
                       .overhead = {},
                       .asynchronous_launch = true});
  }
  std::vector<Link> links(cores.links().begin(), cores.links().end());
  Link copies{"copies", {}, from_microseconds(10), 1e10, false};
  for (std::size_t i = 0; i < devices.size(); ++i) {
    for (std::size_t j = 0; j < devices.size(); ++j) {
      if (i != j && (i >= what.cpus || j >= what.cpus)) {
        copies.pairs.emplace_back(id_at<DeviceId>(i), id_at<DeviceId>(j));
      }
    }
  }
  if (!copies.pairs.empty()) {
    links.push_back(std::move(copies));
  }
  return {"mixed", std::move(devices), std::move(links)};
}

}  // namespace placer::testing
