#include "tools/placer/constraint_flags.h"

#include <fmt/format.h>

#include "placer/algorithm/device_subset.h"
#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "simulator/contiguity.h"
#include "simulator/objective.h"
#include "tools/placer/shared.h"

namespace placer::cli {
namespace {

// Every list of rules.
template <typename Visit>
void for_each_list(ConstraintOptions& into, const ConstraintOptions& from, const Visit& visit) {
  visit(into.pin, from.pin);
  visit(into.forbid, from.forbid);
  visit(into.colocate, from.colocate);
  visit(into.keep_together, from.keep_together);
  visit(into.max_memory, from.max_memory);
  visit(into.reserve, from.reserve);
}

void take_scalars(ConstraintOptions& into, const ConstraintOptions& from) {
  into.max_devices = from.max_devices > 0 ? from.max_devices : into.max_devices;
  into.contiguous = into.contiguous || from.contiguous;
}

}  // namespace

void add_constraint_flags(CLI::App& command, ConstraintFlags& flags) {
  const auto add_list = [&](const char* name, std::vector<std::string>& list, const char* help) {
    command.add_option(name, list, help)->allow_extra_args(false);
  };
  ConstraintOptions& options = flags.options;
  add_list("--pin", options.pin, "GLOB=DEVICE[,DEVICE]: only there");
  add_list("--forbid", options.forbid, "GLOB=DEVICE[,DEVICE]: not there");
  add_list("--colocate", options.colocate, "GLOB: all on one device");
  add_list("--keep-together", options.keep_together,
           "GLOB: each module that matches on one device");
  add_list("--max-memory", options.max_memory, "DEVICE=SIZE, as 10GiB: at most this");
  add_list("--reserve", options.reserve, "DEVICE=SIZE: of its memory, this stays free");
  command.add_option("--max-devices", options.max_devices, "use at most so many devices")
      ->check(whole_number(1));
  command.add_flag("--contiguous", options.contiguous,
                   "no path of forward ops leaves a device and comes back to it");
  command.add_option("--constraints", flags.file,
                     "config file whose constraints hold too (docs/formats/config.md)");
}

ConstraintOptions read_constraints(const ConstraintFlags& flags) {
  if (flags.file.empty()) {
    return flags.options;
  }
  ConstraintOptions options = read_config(read_file(flags.file), flags.file).constraints;
  for_each_list(options, flags.options, [](auto& into, const auto& from) {
    into.insert(into.end(), from.begin(), from.end());
  });
  take_scalars(options, flags.options);
  return options;
}

void override_constraints(ConstraintOptions& config, const ConstraintOptions& given) {
  for_each_list(config, given, [](auto& into, const auto& from) {
    if (!from.empty()) {
      into = from;
    }
  });
  take_scalars(config, given);
}

Constraints choose_constraints(const CostModel& costs, const ConstraintOptions& options,
                               const std::string& objective) {
  if (options.contiguous && objective.find("max-load") == std::string::npos) {
    throw usage_error("--contiguous is a rule of --objective max-load; the objective is " +
                      objective);
  }
  Constraints constraints = resolve_constraints(costs, options);
  if (options.max_devices == 0) {
    return constraints;
  }
  const auto judge = sim::make_objective(objective, costs, constraints,
                                         {.memory_limit = constraints.memory_limit});
  return with_at_most({.costs = costs, .constraints = constraints, .evaluator = *judge},
                      options.max_devices);
}

std::string broken_rule(const CostModel& costs, const ConstraintOptions& options,
                        const Constraints& constraints, const Placement& placement) {
  const std::size_t used = num_devices_used(placement);
  if (options.max_devices > 0 && used > options.max_devices) {
    return fmt::format("it uses {} devices, at most {} are allowed", used, options.max_devices);
  }
  std::string broken = first_violation(costs.graph(), costs.cluster(), constraints, placement);
  if (broken.empty() && options.contiguous) {
    sim::Contiguity contiguity(costs.graph(), sim::each_node_alone(costs.graph().size()));
    if (const auto node = contiguity.first_reentry(placement.device)) {
      return fmt::format("a path leaves {} and returns to it at node \"{}\"",
                         costs.cluster().device(placement.device[index(*node)]).name,
                         costs.graph().node(*node).name);
    }
  }
  return broken;
}

}  // namespace placer::cli
