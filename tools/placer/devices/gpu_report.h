#pragma once

// What `placer devices` says of GPUs.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "profiler/gpu/discovery.h"

namespace placer::cli {

// Some lines; where there are none, one that says why.
[[nodiscard]] std::string gpu_text(const profile::GpuSurvey& survey);

// Adds "gpus", "gpu_links", "gpu_problem" and, where there are GPUs, "gpu_software".
void add_gpus(nlohmann::ordered_json& report, const profile::GpuSurvey& survey);

}  // namespace placer::cli
