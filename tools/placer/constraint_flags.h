#pragma once

// What a user insists on, as flags: the same for every command.

#include <string>

#include <CLI/CLI.hpp>

#include "placer/placement/constraints.h"

namespace placer::cli {

struct ConstraintFlags {
  ConstraintOptions options;  // of the flags alone
  std::string file;           // --constraints
};
// --pin, --forbid, --colocate, --keep-together, --max-memory, --reserve, --max-devices,
// --contiguous and --constraints.
void add_constraint_flags(CLI::App& command, ConstraintFlags& flags);

// The rules of the file and of the flags together; for the number of devices the flag wins.
[[nodiscard]] ConstraintOptions read_constraints(const ConstraintFlags& flags);
// Rules of a config file give way to those of the command line, list by list.
void override_constraints(ConstraintOptions& config, const ConstraintOptions& given);

// resolve_constraints(), with the devices chosen by the objective where their number is limited.
// Throws Error(kUsage) too for contiguous splits under an objective that does not ask for them.
[[nodiscard]] Constraints choose_constraints(const CostModel& costs,
                                             const ConstraintOptions& options,
                                             const std::string& objective);

// What a given placement breaks, as text: a rule, or the number of devices. Empty: nothing.
[[nodiscard]] std::string broken_rule(const CostModel& costs, const ConstraintOptions& options,
                                      const Constraints& constraints, const Placement& placement);

}  // namespace placer::cli
