#include "tools/placer/explain/report.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "tools/placer/place/objective_text.h"
#include "tools/placer/place/search_space.h"
#include "tools/placer/shared.h"

namespace placer::cli {
namespace {

using ExplainJson = nlohmann::ordered_json;

// "-1.20 ms (-3.4%)".
std::string change(SimTime after, SimTime before) {
  const SimTime by = after < before ? before - after : after - before;
  if (by.ps == 0) {
    return "no change";
  }
  const char* sign = after < before ? "-" : "+";
  return fmt::format("{}{} ({}{})", sign, to_string(by), sign, percent(by, before));
}

std::string change(Bytes after, Bytes before) {
  return after < before ? "-" + to_string(before - after) : "+" + to_string(after - before);
}

std::string unit_name(const ExplainInput& input, std::uint32_t unit) {
  const auto& unit_of = input.constraints.unit_of;
  const auto first = std::find(unit_of.begin(), unit_of.end(), unit);
  const auto others = std::count(first, unit_of.end(), unit) - 1;
  const Node& node =
      input.costs.graph().node(id_at<NodeId>(static_cast<std::size_t>(first - unit_of.begin())));
  return others == 0 ? node.name : fmt::format("{} and {} more", node.name, others);
}

DeviceId device_of(const ExplainInput& input, std::uint32_t unit) {
  const auto& unit_of = input.constraints.unit_of;
  const auto first = std::find(unit_of.begin(), unit_of.end(), unit);
  return input.placement.device[static_cast<std::size_t>(first - unit_of.begin())];
}

const std::string& device_name(const ExplainInput& input, DeviceId device) {
  return input.costs.cluster().device(device).name;
}

// The value after a move, and what it changes: "447.8 ms (-0.3%)".
std::string outcome_text(const ExplainInput& input, const Outcome& outcome, const Outcome& before) {
  if (!outcome.feasible()) {
    return "cannot run: " + outcome.infeasible->text;
  }
  std::string value = ObjectiveText(input.objective).value(outcome);
  if (!before.feasible() || before.cost() == 0) {
    return value;
  }
  if (outcome.cost() == before.cost()) {
    return value + " (no change)";
  }
  const auto was = static_cast<double>(before.cost());
  return fmt::format("{} ({:+.2f}%)", value,
                     100 * (static_cast<double>(outcome.cost()) - was) / was);
}

std::string move_text(const ExplainInput& input, const WeighedMove& weighed, const Outcome& present,
                      const Traffic& traffic) {
  const Move& move = weighed.move;
  return fmt::format(
      "  {:<44} {:<18} {:<28} {}\n", unit_name(input, move.unit),
      device_name(input, device_of(input, move.unit)) + " -> " + device_name(input, move.to),
      outcome_text(input, move.outcome, present), change(weighed.traffic.bytes, traffic.bytes));
}

ExplainJson move_json(const ExplainInput& input, const WeighedMove& weighed,
                      const Traffic& traffic) {
  const Move& move = weighed.move;
  ExplainJson out{{"unit", unit_name(input, move.unit)},
                  {"from", device_name(input, device_of(input, move.unit))},
                  {"to", device_name(input, move.to)},
                  {"feasible", move.outcome.feasible()}};
  if (move.outcome.feasible()) {
    const ObjectiveText text(input.objective);
    out[text.key()] = text.full(move.outcome);
    out["peak_memory_bytes"] = move.outcome.peak_memory[index(move.to)].count;
  } else {
    out["why"] = move.outcome.infeasible->text;
  }
  out["crossing_bytes"] = weighed.traffic.bytes.count;
  out["crossing_bytes_change"] = weighed.traffic.bytes.count - traffic.bytes.count;
  return out;
}

// What answers for most of the critical path: a device or a link.
const PathShare* bottleneck(const Explanation& explanation) {
  const PathShare* device = explanation.devices.empty() ? nullptr : &explanation.devices.front();
  const PathShare* link = explanation.links.empty() ? nullptr : &explanation.links.front();
  if (device == nullptr || link == nullptr) {
    return device == nullptr ? link : device;
  }
  return link->total() > device->total() ? link : device;
}

std::string head_text(const ExplainInput& input, const Explanation& explanation) {
  const sim::Timeline& step = explanation.step;
  std::string out =
      fmt::format("Step time {}, simulated: {} ops of \"{}\" on {} of {} devices\n",
                  to_string(step.step_time), step.ops.size(), input.costs.graph().info().name,
                  num_devices_used(input.placement), input.costs.cluster().size());
  if (!explanation.present.feasible()) {
    out += "It cannot run: " + explanation.present.infeasible->text + "\n";
  } else if (input.objective != kStepTime) {
    out += fmt::format("Objective {}: {}\n", input.objective,
                       ObjectiveText(input.objective).value(explanation.present));
  }
  if (const PathShare* most = bottleneck(explanation)) {
    out += fmt::format("Bottleneck: {}, {} of the critical path: {} at work, {} waited for\n",
                       most->owner, percent(most->total(), step.step_time),
                       to_string(most->working), to_string(most->waiting));
  }
  return out + fmt::format("Between devices: {} transfers of {}, {} in all if none waited\n\n",
                           explanation.traffic.transfers, to_string(explanation.traffic.bytes),
                           to_string(explanation.traffic.time));
}

void add_shares(std::string& out, std::string_view title, const std::vector<PathShare>& shares,
                const Explanation& explanation) {
  if (shares.empty()) {
    return;
  }
  const SimTime step = explanation.step.step_time;
  out += fmt::format("{:<32}{:>12}{:>8}{:>14}  {}\n", title, "at work", "", "waited for",
                     "step if twice as fast");
  for (const PathShare& share : shares) {
    const auto faster =
        std::find_if(explanation.speedups.begin(), explanation.speedups.end(),
                     [&](const Speedup& speedup) { return speedup.part == share.owner; });
    out += fmt::format("  {:<30}{:>12}{:>8}{:>14}", share.owner, to_string(share.working),
                       percent(share.total(), step), to_string(share.waiting));
    if (faster != explanation.speedups.end()) {
      out += fmt::format("  {} {}", to_string(faster->step_time), change(faster->step_time, step));
    }
    out += "\n";
  }
}

void add_modules(std::string& out, const Explanation& explanation) {
  constexpr std::size_t kMost = 10;
  const auto& modules = explanation.modules;
  out += "by module\n";
  for (std::size_t i = 0; i < std::min(kMost, modules.size()); ++i) {
    out += fmt::format(
        "  {:<30}{:>12}{:>8}\n", modules[i].owner.empty() ? "(no module)" : modules[i].owner,
        to_string(modules[i].working), percent(modules[i].working, explanation.step.step_time));
  }
  if (modules.size() > kMost) {
    out += fmt::format("  ... and {} more\n", modules.size() - kMost);
  }
}

void add_devices(std::string& out, const ExplainInput& input, const Explanation& explanation) {
  const Outcome& outcome = explanation.step.outcome;
  out += fmt::format("{:<32}{:>12}{:>8}{:>14}{:>12}\n", "Devices", "busy", "", "peak memory", "of");
  for (std::size_t d = 0; d < input.costs.cluster().size() && d < outcome.busy.size(); ++d) {
    out += fmt::format(
        "  {:<30}{:>12}{:>8}{:>14}{:>12}\n", input.costs.cluster().devices()[d].name,
        to_string(outcome.busy[d]), percent(outcome.busy[d], explanation.step.step_time),
        to_string(outcome.peak_memory[d]), memory_text(input.constraints.memory_limit[d]));
  }
}

void add_moves(std::string& out, const ExplainInput& input, const Explanation& explanation) {
  out += fmt::format(
      "\n{} of {} units that may move were tried elsewhere{}{}; bytes are those between devices\n",
      explanation.units_surveyed, explanation.units,
      explanation.units_surveyed < explanation.units
          ? ": the critical path's first, then the longest"
          : "",
      explanation.units_stuck > 0 ? fmt::format("; {} fit nowhere else", explanation.units_stuck)
                                  : "");
  const auto list = [&](std::string_view title, const std::vector<WeighedMove>& moves) {
    out += title;
    for (const WeighedMove& move : moves) {
      out += move_text(input, move, explanation.present, explanation.traffic);
    }
  };
  if (explanation.best_moves.empty()) {
    out += "No single move makes it better.\n";
  } else {
    list("Moves that would help most:\n", explanation.best_moves);
  }
  if (!explanation.worst_moves.empty()) {
    list("Where it matters most that they stay (the best other device of each):\n",
         explanation.worst_moves);
  }
}

std::string device_list(const ExplainInput& input, std::uint64_t mask) {
  std::vector<std::string> names;
  for (std::size_t d = 0; d < input.costs.cluster().size(); ++d) {
    if ((mask >> d & 1) != 0) {
      names.push_back(input.costs.cluster().devices()[d].name);
    }
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

// When the node ran, whether the step waited for it, and who is at the other end of its edges.
ExplainJson placed_json(const ExplainInput& input, const NodeExplanation& explanation) {
  const Graph& graph = input.costs.graph();
  const Node& node = graph.node(explanation.node);
  const DeviceId device = input.placement.device[index(explanation.node)];
  const auto& path = explanation.step.critical_path;
  ExplainJson out{
      {"node", node.name},
      {"op", node.op},
      {"module", node.module},
      {"device", device_name(input, device)},
      {"unit", unit_name(input, input.constraints.unit_of[index(explanation.node)])},
      {"allowed", device_list(input, input.constraints.allowed[index(explanation.node)])},
      {"on_critical_path", std::find(path.begin(), path.end(), explanation.node) != path.end()},
      {"inputs_from_elsewhere", ExplainJson::array()},
      {"readers_elsewhere", ExplainJson::array()}};
  const auto place = [&](NodeId other) {
    return ExplainJson{{"node", graph.node(other).name},
                       {"device", device_name(input, input.placement.device[index(other)])}};
  };
  for (const TensorRef& tensor : node.inputs) {
    if (input.placement.device[index(tensor.node)] != device) {
      out["inputs_from_elsewhere"].push_back(place(tensor.node));
      out["inputs_from_elsewhere"].back()["bytes"] = graph.tensor(tensor).bytes.count;
    }
  }
  for (const Use& use : graph.uses(explanation.node)) {
    if (use.output != Use::kControl && input.placement.device[index(use.consumer)] != device) {
      out["readers_elsewhere"].push_back(place(use.consumer));
      out["readers_elsewhere"].back()["bytes"] = node.outputs[use.output].bytes.count;
    }
  }
  return out;
}

}  // namespace

std::string summary_text(const ExplainInput& input, const Explanation& explanation) {
  std::string out = head_text(input, explanation);
  add_devices(out, input, explanation);
  out += "\n";
  add_shares(out, "Critical path by device", explanation.devices, explanation);
  add_shares(out, "by link", explanation.links, explanation);
  add_modules(out, explanation);
  add_moves(out, input, explanation);
  return out;
}

ExplainJson summary_json(const ExplainInput& input, const Explanation& explanation) {
  const PathShare* most = bottleneck(explanation);
  ExplainJson out{{"feasible", explanation.present.feasible()},
                  {"objective", input.objective},
                  {"step_time_us", micros(explanation.step.step_time)},
                  {"bottleneck", most == nullptr ? "" : most->owner},
                  {"transfers", explanation.traffic.transfers},
                  {"crossing_bytes", explanation.traffic.bytes.count},
                  {"units", explanation.units},
                  {"units_surveyed", explanation.units_surveyed},
                  {"units_stuck", explanation.units_stuck}};
  if (explanation.present.feasible() && input.objective != kStepTime) {
    const ObjectiveText text(input.objective);
    out[text.key()] = text.full(explanation.present);
  }
  const auto shares = [&](const char* key, const std::vector<PathShare>& list) {
    out["critical_path"][key] = ExplainJson::array();
    for (const PathShare& share : list) {
      out["critical_path"][key].push_back({{"name", share.owner},
                                           {"working_us", micros(share.working)},
                                           {"waiting_us", micros(share.waiting)}});
    }
  };
  shares("devices", explanation.devices);
  shares("links", explanation.links);
  shares("modules", explanation.modules);
  out["twice_as_fast"] = ExplainJson::array();
  for (const Speedup& speedup : explanation.speedups) {
    out["twice_as_fast"].push_back(
        {{"part", speedup.part}, {"step_time_us", micros(speedup.step_time)}});
  }
  const auto moves = [&](const char* key, const std::vector<WeighedMove>& list) {
    out[key] = ExplainJson::array();
    for (const WeighedMove& move : list) {
      out[key].push_back(move_json(input, move, explanation.traffic));
    }
  };
  moves("best_moves", explanation.best_moves);
  moves("worst_moves", explanation.worst_moves);
  return out;
}

std::string node_text(const ExplainInput& input, const NodeExplanation& explanation) {
  const ExplainJson placed = placed_json(input, explanation);
  const auto text = [&](const char* key) { return placed[key].get<std::string>(); };
  std::string out =
      fmt::format("{} ({}) is on {}{}\n  moves with its unit: {}\n  may use: {}\n", text("node"),
                  text("op").empty() ? "no op" : text("op"), text("device"),
                  placed["on_critical_path"].get<bool>() ? ", on the critical path" : "",
                  text("unit"), text("allowed"));
  const auto edges = [&](const char* key, const char* title) {
    constexpr std::size_t kMost = 5;
    const ExplainJson& list = placed[key];
    for (std::size_t i = 0; i < std::min(kMost, list.size()); ++i) {
      out += fmt::format("  {} {} on {}, {}\n", title, list[i]["node"].get<std::string>(),
                         list[i]["device"].get<std::string>(),
                         to_string(Bytes{list[i]["bytes"].get<std::int64_t>()}));
    }
    if (list.size() > kMost) {
      out += fmt::format("  {} {} more elsewhere\n", title, list.size() - kMost);
    }
  };
  edges("inputs_from_elsewhere", "reads");
  edges("readers_elsewhere", "is read by");
  out += fmt::format("\nNow: {}. With the unit elsewhere:\n",
                     explanation.present.feasible()
                         ? ObjectiveText(input.objective).value(explanation.present)
                         : "cannot run: " + explanation.present.infeasible->text);
  for (const WeighedMove& weighed : explanation.moves) {
    const Outcome& after = weighed.move.outcome;
    out += fmt::format(
        "  {:<14} {:<28} {} between devices{}\n", device_name(input, weighed.move.to),
        outcome_text(input, after, explanation.present),
        change(weighed.traffic.bytes, explanation.traffic.bytes),
        after.feasible()
            ? ", peak memory there " + to_string(after.peak_memory[index(weighed.move.to)])
            : "");
  }
  if (explanation.moves.empty()) {
    out += "  it may not be anywhere else\n";
  }
  return out;
}

ExplainJson node_json(const ExplainInput& input, const NodeExplanation& explanation) {
  ExplainJson out = placed_json(input, explanation);
  out["step_time_us"] = micros(explanation.step.step_time);
  out["moves"] = ExplainJson::array();
  for (const WeighedMove& move : explanation.moves) {
    out["moves"].push_back(move_json(input, move, explanation.traffic));
  }
  return out;
}

}  // namespace placer::cli
