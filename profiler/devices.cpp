#include "profiler/devices.h"

#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "placer/base/error.h"

namespace placer::profile {
namespace {

namespace fs = std::filesystem;

// What the executor, LibTorch and the system need beside a placement's tensors.
constexpr double kUsableShare = 0.9;

std::string first_line(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// The value behind "key   : value" in /proc/cpuinfo, or behind "Key:" in /proc/meminfo.
std::string proc_value(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(':');
    if (line.starts_with(key) && colon != std::string::npos) {
      const auto begin = line.find_first_not_of(" \t", colon + 1);
      return begin == std::string::npos ? "" : line.substr(begin);
    }
  }
  return "";
}

Bytes meminfo(const std::string& key) {
  std::istringstream value(proc_value("/proc/meminfo", key));
  std::int64_t kib = 0;
  value >> kib;
  return Bytes{kib * 1024};
}

// The limit of this process's control group, where there is one.
std::optional<Bytes> group_limit() {
  for (const char* file :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::istringstream value(first_line(file));
    std::int64_t bytes = 0;
    // Version 1 says "no limit" by a number near 2^63, version 2 by the word "max".
    if (value >> bytes && bytes < std::int64_t{1} << 60) {
      return Bytes{bytes};
    }
  }
  return std::nullopt;
}

int count_numa_nodes() {
  int count = 0;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator("/sys/devices/system/node", code)) {
    const std::string name = entry.path().filename();
    count +=
        name.starts_with("node") && name.find_first_not_of("0123456789", 4) == std::string::npos;
  }
  return std::max(count, 1);
}

std::vector<std::string> cache_lines(int core) {
  std::vector<std::string> lines;
  const fs::path folder = fmt::format("/sys/devices/system/cpu/cpu{}/cache", core);
  for (int i = 0; fs::exists(folder / fmt::format("index{}", i)); ++i) {
    const fs::path cache = folder / fmt::format("index{}", i);
    const std::string type = first_line(cache / "type");
    lines.push_back(fmt::format("L{}{} {}, shared by cores {}", first_line(cache / "level"),
                                type == "Unified"          ? ""
                                : type.substr(0, 1) == "D" ? "d"
                                                           : "i",
                                first_line(cache / "size"), first_line(cache / "shared_cpu_list")));
  }
  return lines;
}

}  // namespace

std::vector<int> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) {
    throw Error(ErrorKind::kDevice, "the system does not say which cores this process may use");
  }
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) {
      cores.push_back(core);
    }
  }
  return cores;
}

MachineFacts machine_facts() {
  MachineFacts facts;
  facts.cpu_model = proc_value("/proc/cpuinfo", "model name");
  if (facts.cpu_model.empty()) {
    facts.cpu_model = "unknown CPU";
  }
  facts.cores = allowed_cores();
  facts.numa_nodes = count_numa_nodes();
  facts.caches = cache_lines(facts.cores.front());
  facts.memory = meminfo("MemTotal");
  facts.memory_available = meminfo("MemAvailable");
  if (const auto limit = group_limit()) {
    facts.memory = std::min(facts.memory, *limit);
    facts.memory_available = std::min(facts.memory_available, *limit);
  }
  facts.library = library_name();
  return facts;
}

std::string machine_name(const MachineFacts& facts) {
  return fmt::format("{}, {} cores", facts.cpu_model, facts.cores.size());
}

Cluster cores_cluster(const MachineFacts& facts, const HandOffFacts& hand_off, std::size_t most) {
  const Bytes usable{
      static_cast<std::int64_t>(kUsableShare * static_cast<double>(facts.memory_available.count))};
  std::vector<Device> devices;
  Link link{.name = "shared memory",
            .pairs = {},
            .latency = from_seconds(hand_off.latency_seconds),
            .bytes_per_second = {},
            .shared = false};
  const std::size_t count = std::min({facts.cores.size(), kMaxDevices, most});
  for (std::size_t i = 0; i < count; ++i) {
    devices.push_back({.name = fmt::format("cpu:{}", i),
                       .kind = "cpu-core",
                       .memory = usable,
                       .pool = 0,
                       .cores = {facts.cores[i]},
                       .overhead = from_seconds(hand_off.overhead_seconds)});
    for (std::size_t j = 0; j < count; ++j) {
      if (i != j) {
        link.pairs.emplace_back(id_at<DeviceId>(i), id_at<DeviceId>(j));
      }
    }
  }
  std::vector<Link> links;
  if (count > 1) {
    links.push_back(std::move(link));
  }
  return {machine_name(facts), std::move(devices), std::move(links), {{"host", usable}}};
}

Cluster all_cores(const MachineFacts& facts) {
  const Bytes usable{
      static_cast<std::int64_t>(kUsableShare * static_cast<double>(facts.memory_available.count))};
  return {machine_name(facts),
          {{.name = "cpu",
            .kind = "cpu-all",
            .memory = usable,
            .pool = {},
            .cores = facts.cores,
            .overhead = {}}},
          {}};
}

}  // namespace placer::profile
