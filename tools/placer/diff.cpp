// placer diff: what moved between two placements, and what that changes.

#include "placer/placement/diff.h"

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/explain/moves.h"
#include "placer/formats/formats.h"
#include "simulator/simulator.h"
#include "tools/placer/shared.h"

namespace placer::cli {
namespace {

using DiffJson = nlohmann::ordered_json;

struct DiffOptions {
  std::string first;
  std::string second;
  std::string graph;
  std::string cluster;
  std::size_t top = 20;
};

// One of the two, on the graph and cluster that were given.
struct Judged {
  Outcome outcome;
  SimTime step_time;  // also when it does not fit
  Traffic traffic;
  std::size_t devices = 0;
};

struct Difference {
  std::vector<MovedPart> parts;
  std::size_t moved = 0;                // nodes
  std::size_t nodes = 0;                // of both
  std::vector<std::string> only_first;  // nodes of one alone
  std::vector<std::string> only_second;
};

// Where a node is in the model, as far as is known: its module before its name, unless its name
// begins with it.
std::string path_of(const std::string& name, const std::optional<Workload>& workload) {
  if (workload) {
    if (const auto node = workload->graph.find(name)) {
      const std::string& module = workload->graph.node(*node).module;
      if (!module.empty() && !name.starts_with(module + ".")) {
        return module + "." + name;
      }
    }
  }
  return name;
}

Difference compare(const PlacementFile& first, const PlacementFile& second,
                   const std::optional<Workload>& workload) {
  Difference result;
  std::vector<PlacedNode> nodes;
  for (const auto& [name, device] : first.assignment) {
    const auto other = second.assignment.find(name);
    if (other == second.assignment.end()) {
      result.only_first.push_back(name);
    } else {
      nodes.push_back({path_of(name, workload), device, other->second});
    }
  }
  for (const auto& [name, device] : second.assignment) {
    if (!first.assignment.contains(name)) {
      result.only_second.push_back(name);
    }
  }
  result.nodes = nodes.size();
  result.parts = moved_parts(std::move(nodes));
  for (const MovedPart& part : result.parts) {
    result.moved += part.nodes;
  }
  return result;
}

Judged judge(const CostModel& costs, const PlacementFile& file, const std::string& name) {
  const Placement placement = bind_placement(file, costs.graph(), costs.cluster(), name);
  const sim::Timeline step = sim::make_simulator(costs, {})->timeline(placement);
  return {step.outcome, step.step_time, traffic_of(costs, placement), num_devices_used(placement)};
}

std::string part_name(const MovedPart& part) {
  if (!part.whole_module) {
    return part.path;
  }
  return fmt::format("{} ({} nodes)", part.path.empty() ? "everything" : part.path + ".*",
                     part.nodes);
}

// The largest parts first; all of them where `top` is 0.
std::string difference_text(const Difference& difference, std::size_t top) {
  std::string out = fmt::format("{} of {} nodes moved\n", difference.moved, difference.nodes);
  std::map<std::pair<std::string, std::string>, std::size_t> ways;
  for (const MovedPart& part : difference.parts) {
    ways[{part.from, part.to}] += part.nodes;
  }
  for (const auto& [way, nodes] : ways) {
    out += fmt::format("  {:<28}{:>8} nodes\n", way.first + " -> " + way.second, nodes);
  }
  std::vector<MovedPart> parts = difference.parts;
  std::stable_sort(parts.begin(), parts.end(),
                   [](const MovedPart& a, const MovedPart& b) { return a.nodes > b.nodes; });
  const std::size_t shown = top == 0 ? parts.size() : std::min(top, parts.size());
  out += shown == 0 ? "" : "Modules and nodes that moved as one:\n";
  for (std::size_t i = 0; i < shown; ++i) {
    out += fmt::format("  {:<56} {} -> {}\n", part_name(parts[i]), parts[i].from, parts[i].to);
  }
  if (shown < parts.size()) {
    out += fmt::format("  ... and {} smaller ones (--top 0 lists all)\n", parts.size() - shown);
  }
  if (!difference.only_first.empty() || !difference.only_second.empty()) {
    out += fmt::format("{} nodes are in the first alone, {} in the second alone\n",
                       difference.only_first.size(), difference.only_second.size());
  }
  return out;
}

DiffJson difference_json(const Difference& difference) {
  DiffJson out{{"same", difference.moved == 0 && difference.only_first.empty() &&
                            difference.only_second.empty()},
               {"nodes", difference.nodes},
               {"moved", difference.moved},
               {"parts", DiffJson::array()},
               {"only_first", difference.only_first},
               {"only_second", difference.only_second}};
  for (const MovedPart& part : difference.parts) {
    out["parts"].push_back({{"path", part.path},
                            {"whole_module", part.whole_module},
                            {"nodes", part.nodes},
                            {"from", part.from},
                            {"to", part.to}});
  }
  return out;
}

std::string consequence_text(const CostModel& costs, const Judged& a, const Judged& b) {
  std::string out = fmt::format("\n{:<28}{:>14}{:>14}\n", "simulated", "first", "second");
  const auto row = [&](const std::string& what, const std::string& x, const std::string& y) {
    out += fmt::format("{:<28}{:>14}{:>14}\n", what, x, y);
  };
  row("step time", to_string(a.step_time), to_string(b.step_time));
  row("devices used", std::to_string(a.devices), std::to_string(b.devices));
  row("transfers", std::to_string(a.traffic.transfers), std::to_string(b.traffic.transfers));
  row("bytes between devices", to_string(a.traffic.bytes), to_string(b.traffic.bytes));
  for (std::size_t d = 0; d < costs.cluster().size(); ++d) {
    const std::string& name = costs.cluster().devices()[d].name;
    row(name + " busy", to_string(a.outcome.busy[d]), to_string(b.outcome.busy[d]));
    row(name + " peak memory", to_string(a.outcome.peak_memory[d]),
        to_string(b.outcome.peak_memory[d]));
  }
  for (const auto& [which, judged] : {std::pair("first", &a), std::pair("second", &b)}) {
    if (!judged->outcome.feasible()) {
      out += fmt::format("the {} cannot run: {}\n", which, judged->outcome.infeasible->text);
    }
  }
  return out;
}

DiffJson judged_json(const CostModel& costs, const Judged& judged) {
  DiffJson out{{"feasible", judged.outcome.feasible()},
               {"step_time_us", micros(judged.step_time)},
               {"devices_used", judged.devices},
               {"transfers", judged.traffic.transfers},
               {"crossing_bytes", judged.traffic.bytes.count}};
  if (!judged.outcome.feasible()) {
    out["why"] = judged.outcome.infeasible->text;
  }
  for (std::size_t d = 0; d < costs.cluster().size(); ++d) {
    out["devices"].push_back({{"name", costs.cluster().devices()[d].name},
                              {"busy_us", micros(judged.outcome.busy[d])},
                              {"peak_memory_bytes", judged.outcome.peak_memory[d].count}});
  }
  return out;
}

int diff(const DiffOptions& options, const Shared& shared) {
  if (!options.cluster.empty() && options.graph.empty()) {
    throw usage_error("-c goes with -g: what a move changes depends on the graph");
  }
  const PlacementFile first = read_placement(read_file(options.first), options.first);
  const PlacementFile second = read_placement(read_file(options.second), options.second);
  std::optional<Workload> workload;
  if (!options.graph.empty()) {
    workload = load_graph(options.graph);
  }
  const Difference difference = compare(first, second, workload);
  std::string text = difference_text(difference, options.top);
  DiffJson json = difference_json(difference);
  if (!options.cluster.empty()) {
    const Cluster cluster = load_cluster(options.cluster);
    const CostModel costs(*workload, cluster);
    const Judged a = judge(costs, first, options.first);
    const Judged b = judge(costs, second, options.second);
    text += consequence_text(costs, a, b);
    json["first"] = judged_json(costs, a);
    json["second"] = judged_json(costs, b);
  }
  std::cout << (shared.json ? json.dump(2) + "\n" : text);
  return 0;
}

}  // namespace

void add_diff(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand("diff", "what moved between two placements");
  command->footer(
      "Example: placer diff a.json b.json -g graph.json -c cluster.json\n"
      "Exit status 0 whether or not they differ; scripts read \"same\" with --json.");
  auto options = std::make_shared<DiffOptions>();
  command->add_option("first", options->first, "placement file")->required();
  command->add_option("second", options->second, "placement file")->required();
  command->add_option("-g,--graph", options->graph, "their graph: tells modules");
  command->add_option("-c,--cluster", options->cluster,
                      "with -g: also what the step time, memory and transfers become");
  command->add_option("--top", options->top, "moved modules and nodes to list, 0: all [20]")
      ->check(whole_number());
  command->callback([options, &shared] {
    shared.action = [options, &shared] { return diff(*options, shared); };
  });
}

}  // namespace placer::cli
