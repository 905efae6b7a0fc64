#include "tools/placer/measure/gpu_conditions.h"

#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "profiler/gpu/runnable.h"
#include "tools/placer/devices/gpu_report.h"

namespace placer::cli {

GpuConditions::GpuConditions(const Cluster& cluster) : driver_(profile::gpu_driver_for(cluster)) {
  std::set<int> gpus;
  for (const auto& place : profile::runnable_gpus(cluster, driver_)) {
    if (place) {
      gpus.insert(place->gpu);
    }
  }
  for (const int gpu : gpus) {
    const profile::GpuReading reading = driver_->reading(gpu);
    gpus_.push_back({gpu, reading, reading, {}});
  }
}

void GpuConditions::read_again() {
  for (Read& read : gpus_) {
    try {
      read.after = driver_->reading(read.gpu);
    } catch (const Error& error) {
      read.problem = error.what();
    }
  }
}

std::string GpuConditions::text() const {
  std::string text;
  for (const Read& read : gpus_) {
    const std::string before = condition_text(read.before);
    if (!read.problem.empty()) {
      text += fmt::format("cuda:{} afterwards: {}\n", read.gpu, read.problem);
    } else if (before.empty()) {
      text += fmt::format("cuda:{}: the driver tells neither clock nor temperature\n", read.gpu);
    } else {
      text += fmt::format("cuda:{}: {} before; {} after\n", read.gpu, before,
                          condition_text(read.after));
    }
  }
  return text;
}

void GpuConditions::add_to(nlohmann::ordered_json& report) const {
  for (const Read& read : gpus_) {
    nlohmann::ordered_json gpu{{"name", fmt::format("cuda:{}", read.gpu)}};
    add_condition(gpu["before"], read.before);
    if (read.problem.empty()) {
      add_condition(gpu["after"], read.after);
    } else {
      gpu["problem"] = read.problem;
    }
    report["gpus"].push_back(std::move(gpu));
  }
}

}  // namespace placer::cli
