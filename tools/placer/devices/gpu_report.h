#pragma once

// What is said of GPUs.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "profiler/gpu/discovery.h"

namespace placer::cli {

// Clock and temperature, as far as the driver tells; empty: neither.
[[nodiscard]] std::string condition_text(const profile::GpuReading& reading);
// The same as "clock_hz" and "celsius".
void add_condition(nlohmann::ordered_json& json, const profile::GpuReading& reading);

// For `placer devices`.
// Some lines; where there are none, one that says why.
[[nodiscard]] std::string gpu_text(const profile::GpuSurvey& survey);

// Adds "gpus", "gpu_links", "gpu_problem" and, where there are GPUs, "gpu_software".
void add_gpus(nlohmann::ordered_json& report, const profile::GpuSurvey& survey);

}  // namespace placer::cli
