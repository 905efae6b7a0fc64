#include "profiler/gpu/discovery.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "placer/evaluate/statistics.h"

namespace placer::profile {
namespace {

// Two sizes give latency and rate: one that takes no time beyond the latency, one that takes little
// else (on a bus of 50 GB/s 1 ms).
constexpr Bytes kSmall{4096};
constexpr Bytes kLarge{std::int64_t{64} << 20};
constexpr int kSmallRepeats = 50;
constexpr int kLargeRepeats = 9;
// A GPU queues about a thousand launches before the host has to wait for it.
constexpr int kLaunches = 500;
// Beyond this it is the clock that is wrong: 100 times the fastest memory of today.
constexpr double kMostBytesPerSecond = 1e15;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::kDevice, what);
}

std::string end_name(const CopyEnd& end) {
  return end.gpu ? fmt::format("cuda:{}", *end.gpu)
                 : std::string(end.pinned ? "the host" : "the host's pageable memory");
}

double median_seconds(GpuDriver& driver, CopyRequest request, Bytes bytes, int repeats) {
  request.bytes = bytes;
  const std::vector<double> seconds = driver.time_copies(request, repeats);
  const double typical = median(seconds);
  if (!std::isfinite(typical) || typical <= 0) {
    refuse(fmt::format("copying {} from {} to {} is said to take {} s", to_string(bytes),
                       end_name(request.from), end_name(request.to), typical));
  }
  return typical;
}

CopySpeed measure_copies(GpuDriver& driver, const CopyRequest& request) {
  const double small = median_seconds(driver, request, kSmall, kSmallRepeats);
  const double large = median_seconds(driver, request, kLarge, kLargeRepeats);
  const double rate = static_cast<double>((kLarge - kSmall).count) / (large - small);
  if (large <= small || rate > kMostBytesPerSecond) {
    refuse(fmt::format("copying {} from {} to {} is said to take {:.3g} s, {} {:.3g} s",
                       to_string(kLarge), end_name(request.from), end_name(request.to), large,
                       to_string(kSmall), small));
  }
  return {std::max(0.0, small - static_cast<double>(kSmall.count) / rate), rate};
}

CopyLink measure_link(GpuDriver& driver, const CopyEnd& from, const CopyEnd& to) {
  CopyLink link;
  link.there = measure_copies(driver, {.from = from, .to = to, .bytes = {}});
  link.back = measure_copies(driver, {.from = to, .to = from, .bytes = {}});
  const CopyRequest both{.from = from, .to = to, .bytes = {}, .both_ways = true};
  link.both_bytes_per_second =
      static_cast<double>(kLarge.count) / median_seconds(driver, both, kLarge, kLargeRepeats);
  return link;
}

void check_facts(const GpuFacts& facts) {
  if (facts.name.empty() || facts.memory.count <= 0 || facts.multiprocessors <= 0 ||
      facts.copy_engines < 0) {
    refuse(fmt::format(
        "the driver states \"{}\", {} of memory, {} multiprocessors, {} copy engines", facts.name,
        to_string(facts.memory), facts.multiprocessors, facts.copy_engines));
  }
}

void check_reading(const GpuFacts& facts, const GpuReading& reading) {
  if (reading.memory_free.count < 0 || reading.memory_free > facts.memory) {
    refuse(fmt::format("the driver states {} free of {}", to_string(reading.memory_free),
                       to_string(facts.memory)));
  }
}

GpuReport report_on(GpuDriver& driver, int gpu) {
  GpuReport report;
  report.gpu = gpu;
  const CopyEnd self{.gpu = gpu};
  const CopyEnd pinned{.gpu = {}};
  const CopyEnd pageable{.gpu = {}, .pinned = false};
  try {
    report.facts = driver.facts(gpu);
    check_facts(report.facts);
    report.reading = driver.reading(gpu);
    check_reading(report.facts, report.reading);
    report.host = measure_link(driver, pinned, self);
    report.pageable_there = measure_copies(driver, {.from = pageable, .to = self, .bytes = {}});
    report.pageable_back = measure_copies(driver, {.from = self, .to = pageable, .bytes = {}});
    report.within = measure_copies(driver, {.from = self, .to = self, .bytes = {}});
    report.launch_seconds = driver.time_launches(gpu, kLaunches);
    if (!std::isfinite(report.launch_seconds) || report.launch_seconds <= 0) {
      refuse(fmt::format("launching an op is said to take {} s", report.launch_seconds));
    }
  } catch (const std::exception& error) {
    report.problem = error.what();
  }
  return report;
}

PeerReport report_on_peers(GpuDriver& driver, int from, int to) {
  PeerReport report{.from = from, .to = to, .direct = false, .link = {}, .problem = ""};
  try {
    report.direct = driver.has_peer_access(from, to) && driver.has_peer_access(to, from);
    report.link = measure_link(driver, {.gpu = from}, {.gpu = to});
  } catch (const std::exception& error) {
    report.problem = error.what();
  }
  return report;
}

}  // namespace

bool CopyLink::one_bus() const {
  return 2 * both_bytes_per_second < 1.5 * std::min(there.bytes_per_second, back.bytes_per_second);
}

GpuSurvey survey_gpus(GpuDriver& driver) {
  GpuSurvey survey;
  if (driver.count() == 0) {
    survey.problem = driver.problem();
    return survey;
  }
  survey.software = driver.software();
  for (int gpu = 0; gpu < driver.count(); ++gpu) {
    survey.gpus.push_back(report_on(driver, gpu));
  }
  for (const GpuReport& from : survey.gpus) {
    for (const GpuReport& to : survey.gpus) {
      if (from.gpu < to.gpu && from.problem.empty() && to.problem.empty()) {
        survey.peers.push_back(report_on_peers(driver, from.gpu, to.gpu));
      }
    }
  }
  return survey;
}

}  // namespace placer::profile
