#include "tools/placer/devices/gpu_report.h"

#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace placer::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string speed_text(const profile::CopySpeed& speed) {
  return fmt::format("{:.1f} us + {:.1f} GB/s", 1e6 * speed.latency_seconds,
                     1e-9 * speed.bytes_per_second);
}

Json speed_json(const profile::CopySpeed& speed) {
  return {{"latency_us", 1e6 * speed.latency_seconds},
          {"bytes_per_second", speed.bytes_per_second}};
}

std::string both_text(const profile::CopyLink& link) {
  return fmt::format("both at once {:.1f} GB/s each way", 1e-9 * link.both_bytes_per_second);
}

std::string facts_text(const profile::GpuReport& report) {
  const profile::GpuFacts& facts = report.facts;
  std::string text = fmt::format("{}, {}, {} free, {} SMs, {} copy engine{}, PCI {}", facts.name,
                                 to_string(facts.memory), to_string(report.reading.memory_free),
                                 facts.multiprocessors, facts.copy_engines,
                                 facts.copy_engines == 1 ? "" : "s", facts.bus);
  if (facts.numa_node) {
    text += fmt::format(", NUMA node {}", *facts.numa_node);
  }
  const std::string condition = condition_text(report.reading);
  return condition.empty() ? text : text + ", " + condition;
}

std::string report_text(const profile::GpuReport& report) {
  const std::string name = fmt::format("cuda:{}", report.gpu);
  if (!report.problem.empty()) {
    return fmt::format("  {:<8} cannot be used: {}\n", name, report.problem);
  }
  return fmt::format("  {:<8} {}\n", name, facts_text(report)) +
         fmt::format("           from the host {}, pageable {}\n", speed_text(report.host.there),
                     speed_text(report.pageable_there)) +
         fmt::format("           to the host {}, pageable {}; {}\n", speed_text(report.host.back),
                     speed_text(report.pageable_back), both_text(report.host)) +
         fmt::format("           within its memory {}; launching an op {:.1f} us of the host\n",
                     speed_text(report.within), 1e6 * report.launch_seconds);
}

std::string peer_text(const profile::PeerReport& report) {
  const std::string ends = fmt::format("cuda:{} and cuda:{}", report.from, report.to);
  if (!report.problem.empty()) {
    return fmt::format("  {}: not measured: {}\n", ends, report.problem);
  }
  return fmt::format("  {}, {}: there {}, back {}; {}\n", ends,
                     report.direct ? "peers" : "staged in the host", speed_text(report.link.there),
                     speed_text(report.link.back), both_text(report.link));
}

Json report_json(const profile::GpuReport& report) {
  const profile::GpuFacts& facts = report.facts;
  Json json{{"name", fmt::format("cuda:{}", report.gpu)},
            {"model", facts.name},
            {"pci", facts.bus},
            {"memory_bytes", facts.memory.count},
            {"memory_free_bytes", report.reading.memory_free.count},
            {"multiprocessors", facts.multiprocessors},
            {"copy_engines", facts.copy_engines}};
  if (facts.numa_node) {
    json["numa_node"] = *facts.numa_node;
  }
  add_condition(json, report.reading);
  json["problem"] = report.problem;
  if (report.problem.empty()) {
    json["from_host"] = speed_json(report.host.there);
    json["to_host"] = speed_json(report.host.back);
    json["both_ways_bytes_per_second"] = report.host.both_bytes_per_second;
    json["from_host_pageable"] = speed_json(report.pageable_there);
    json["to_host_pageable"] = speed_json(report.pageable_back);
    json["within"] = speed_json(report.within);
    json["launch_us"] = 1e6 * report.launch_seconds;
  }
  return json;
}

Json peer_json(const profile::PeerReport& report) {
  Json json{{"from", fmt::format("cuda:{}", report.from)},
            {"to", fmt::format("cuda:{}", report.to)},
            {"peers", report.direct},
            {"problem", report.problem}};
  if (report.problem.empty()) {
    json["there"] = speed_json(report.link.there);
    json["back"] = speed_json(report.link.back);
    json["both_ways_bytes_per_second"] = report.link.both_bytes_per_second;
  }
  return json;
}

}  // namespace

std::string condition_text(const profile::GpuReading& reading) {
  std::vector<std::string> parts;
  if (reading.clock_hz) {
    parts.push_back(fmt::format("{:.0f} MHz", 1e-6 * *reading.clock_hz));
  }
  if (reading.celsius) {
    parts.push_back(fmt::format("{:.0f} C", *reading.celsius));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

void add_condition(Json& json, const profile::GpuReading& reading) {
  if (reading.clock_hz) {
    json["clock_hz"] = *reading.clock_hz;
  }
  if (reading.celsius) {
    json["celsius"] = *reading.celsius;
  }
}

std::string gpu_text(const profile::GpuSurvey& survey) {
  if (survey.gpus.empty()) {
    return fmt::format("  no GPUs: {}\n", survey.problem);
  }
  std::string text = fmt::format("  GPUs, with CUDA {} on a driver for CUDA up to {}:\n",
                                 survey.software.runtime, survey.software.driver);
  for (const profile::GpuReport& report : survey.gpus) {
    text += report_text(report);
  }
  for (const profile::PeerReport& report : survey.peers) {
    text += peer_text(report);
  }
  return text;
}

void add_gpus(Json& report, const profile::GpuSurvey& survey) {
  Json gpus = Json::array();
  for (const profile::GpuReport& gpu : survey.gpus) {
    gpus.push_back(report_json(gpu));
  }
  Json links = Json::array();
  for (const profile::PeerReport& peer : survey.peers) {
    links.push_back(peer_json(peer));
  }
  report["gpus"] = std::move(gpus);
  report["gpu_links"] = std::move(links);
  report["gpu_problem"] = survey.problem;
  if (!survey.gpus.empty()) {
    report["gpu_software"] = {{"driver_cuda", survey.software.driver},
                              {"runtime_cuda", survey.software.runtime}};
  }
}

}  // namespace placer::cli
