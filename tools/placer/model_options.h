#pragma once

// Flags that switch parts of the simulated step off.

#include <string>

#include <CLI/CLI.hpp>

#include "simulator/model.h"

namespace placer::cli {

struct ModelOptions {
  std::string model = "default";
  // Empty: as in the model.
  std::string order;
  std::string contention;
  std::string sending;
  std::string launch;
  bool no_buses = false;
  bool no_overlap = false;
  bool no_slow_down = false;
  bool no_memory = false;
};

// Adds --model, --order, --contention, ... to `command`; `options` must live as long as it.
void add_model_options(CLI::App& command, ModelOptions& options);

// The named model with what the single flags change.
[[nodiscard]] sim::Model model_of(const ModelOptions& options);

}  // namespace placer::cli
