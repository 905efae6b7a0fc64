// placer simulate: what one step would take under a placement, and why.

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "placer/formats/trace.h"
#include "simulator/simulator.h"
#include "tools/placer/constraint_flags.h"
#include "tools/placer/model_options.h"
#include "tools/placer/shared.h"

namespace placer::cli {
namespace {

using SimulateJson = nlohmann::ordered_json;
using sim::PathSegment;

struct SimulateOptions {
  std::string graph;
  std::string cluster;
  std::string placement;
  std::string trace;
  ConstraintFlags constraints;
  std::size_t top = 10;
  ModelOptions model;
};

// One entry per kind of PathSegment, in its order.
constexpr std::array<std::string_view, 5> kPathKinds = {"op", "transfer", "link_wait",
                                                        "device_wait", "launch"};
constexpr std::array<std::string_view, 5> kPathTexts = {"in ops", "in transfers",
                                                        "waiting for a busy link",
                                                        "waiting for a busy device", "in launches"};

std::size_t position(PathSegment::Kind kind) {
  return static_cast<std::size_t>(kind);
}

class SimulateCommand {
 public:
  SimulateCommand(const SimulateOptions& options, const Shared& shared)
      : options_(options),
        shared_(shared),
        workload_(load_graph(options.graph)),
        cluster_(load_cluster(options.cluster)),
        costs_(workload_, cluster_),
        model_(model_of(options.model)),
        placement_(bind_placement(read_placement(read_file(options.placement), options.placement),
                                  workload_.graph, cluster_, options.placement)) {
    require_writable(options.trace, {options.graph, options.cluster, options.placement});
    const ConstraintOptions rules = read_constraints(options.constraints);
    const Constraints constraints = resolve_constraints(costs_, rules);
    limits_ = constraints.memory_limit;
    broken_rule_ = broken_rule(costs_, rules, constraints, placement_);
  }

  int run() {
    step_ = sim::make_simulator(costs_, {.memory_limit = limits_, .model = model_})
                ->timeline(placement_);
    count();
    if (!broken_rule_.empty()) shared_.warn("the placement breaks a rule: " + broken_rule_);
    const bool simulated = !step_.outcome.infeasible ||
                           step_.outcome.infeasible->reason == InfeasibleReason::kOutOfMemory;
    if (shared_.json) {
      std::cout << json() << "\n";
    } else if (simulated) {
      std::cout << text();
    }
    if (simulated && !options_.trace.empty()) write_step_trace();
    if (step_.outcome.feasible()) return 0;
    std::cout.flush();
    std::cerr << "placer: this placement cannot run: " << step_.outcome.infeasible->text << "\n";
    return kInfeasibleStatus;
  }

 private:
  struct LinkLoad {
    std::size_t transfers = 0;
    SimTime held;
  };

  void count() {
    ops_on_.resize(cluster_.size());
    for (const sim::OpRecord& op : step_.ops) {
      ++ops_on_[index(op.device)];
    }
    loads_.resize(cluster_.links().size());
    step_.link_bytes.resize(cluster_.links().size());
    for (const sim::TransferRecord& transfer : step_.transfers) {
      LinkLoad& load = loads_[index(cluster_.link_between(transfer.from, transfer.to))];
      ++load.transfers;
      load.held += transfer.released - transfer.start;
    }
    for (const PathSegment& segment : step_.path) {
      path_time_[position(segment.kind)] += segment.end - segment.start;
    }
  }

  [[nodiscard]] const std::string& device_name(DeviceId id) const {
    return cluster_.device(id).name;
  }

  // Longest pieces of the critical path first, ties by time.
  [[nodiscard]] std::vector<PathSegment> longest_pieces() const {
    std::vector<PathSegment> pieces = step_.path;
    std::ranges::stable_sort(pieces, std::ranges::greater{},
                             [](const PathSegment& s) { return s.end - s.start; });
    pieces.resize(std::min(pieces.size(), options_.top));
    return pieces;
  }

  [[nodiscard]] std::string text() const {
    const std::string model = model_ == sim::Model{} ? "" : " (" + sim::describe(model_) + ")";
    std::string out =
        fmt::format("Step time {}, simulated{}: {} ops of \"{}\" on {} of {} devices\n\n",
                    to_string(step_.step_time), model, step_.ops.size(),
                    workload_.graph.info().name, num_devices_used(placement_), cluster_.size());
    add_devices(out);
    add_links(out);
    add_path(out);
    return out;
  }

  void add_devices(std::string& out) const {
    out += fmt::format("{:<14}{:>7}{:>12}{:>8}{:>12}{:>14}{:>14}\n", "device", "ops", "busy", "",
                       "idle", "peak memory", "of");
    for (std::size_t d = 0; d < cluster_.size(); ++d) {
      const SimTime busy = step_.outcome.busy[d];
      out += fmt::format("{:<14}{:>7}{:>12}{:>8}{:>12}{:>14}{:>14}\n", cluster_.devices()[d].name,
                         ops_on_[d], to_string(busy), percent(busy, step_.step_time),
                         to_string(step_.step_time - busy), to_string(step_.outcome.peak_memory[d]),
                         memory_text(limits_[d]));
    }
    for (std::size_t p = 0; p < cluster_.pools().size(); ++p) {
      out += fmt::format("{:<53}{:>14}{:>14}\n",
                         "together, in memory pool " + cluster_.pools()[p].name,
                         to_string(step_.pool_peak[p]), memory_text(cluster_.pools()[p].memory));
    }
  }

  void add_links(std::string& out) const {
    if (step_.transfers.empty()) {
      out += "\nNothing moves between devices.\n";
      return;
    }
    out +=
        fmt::format("\n{:<26}{:>12}{:>12}{:>12}{:>8}\n", "link", "transfers", "bytes", "held", "");
    for (std::size_t i = 0; i < loads_.size(); ++i) {
      if (loads_[i].transfers == 0) continue;
      const Link& link = cluster_.links()[i];
      const bool copies = link.bytes_per_second.has_value();
      out += fmt::format("{:<26}{:>12}{:>12}{:>12}{:>8}\n", link.name, loads_[i].transfers,
                         to_string(step_.link_bytes[i]),
                         copies ? to_string(loads_[i].held) : "hand-off",
                         copies ? percent(loads_[i].held, step_.step_time) : "");
    }
  }

  void add_path(std::string& out) const {
    out += "\nCritical path:";
    for (std::size_t kind = 0; kind < kPathTexts.size(); ++kind) {
      if (kind > 0 && path_time_[kind].ps == 0) continue;
      out += fmt::format("{} {} {} ({})", kind == 0 ? "" : ",", to_string(path_time_[kind]),
                         kPathTexts[kind], percent(path_time_[kind], step_.step_time));
    }
    const auto pieces = longest_pieces();
    out += fmt::format("\nIts longest pieces, {} of {}:\n", pieces.size(), step_.path.size());
    for (const PathSegment& piece : pieces) {
      out += fmt::format("{:>12}{:>8}  {}\n", to_string(piece.end - piece.start),
                         percent(piece.end - piece.start, step_.step_time), description(piece));
    }
  }

  [[nodiscard]] std::string description(const PathSegment& piece) const {
    const Node& node = workload_.graph.node(piece.node);
    const std::string& device = device_name(piece.device);
    switch (piece.kind) {
      case PathSegment::Kind::kOp:
        return fmt::format("{} ({}) on {}", node.name, node.op, device);
      case PathSegment::Kind::kTransfer:
        return fmt::format("{} from {} to {}", node.name,
                           device_name(placement_.device[index(piece.node)]), device);
      case PathSegment::Kind::kLinkWait:
        return fmt::format("{} waits for its link to {}", node.name, device);
      case PathSegment::Kind::kDeviceWait:
        return fmt::format("{} is ready, {} is busy", node.name, device);
      case PathSegment::Kind::kLaunch:
        return fmt::format("the host launches up to {}", node.name);
    }
    return "";
  }

  [[nodiscard]] std::string json() const {
    SimulateJson out;
    out["feasible"] = step_.outcome.feasible();
    if (step_.outcome.infeasible) {
      const Infeasible& why = *step_.outcome.infeasible;
      out["infeasible"] = {{"text", why.text}, {"missing_bytes", why.missing.count}};
      if (why.device) out["infeasible"]["device"] = device_name(*why.device);
      if (why.node) out["infeasible"]["node"] = workload_.graph.node(*why.node).name;
    }
    out["broken_rule"] = broken_rule_;
    out["model"] = sim::describe(model_);
    out["step_time_us"] = micros(step_.step_time);
    for (std::size_t d = 0; d < cluster_.size(); ++d) {
      const SimTime busy = step_.outcome.busy[d];
      out["devices"].push_back({{"name", cluster_.devices()[d].name},
                                {"ops", ops_on_[d]},
                                {"busy_us", micros(busy)},
                                {"idle_us", micros(step_.step_time - busy)},
                                {"peak_memory_bytes", step_.outcome.peak_memory[d].count},
                                {"memory_bytes", limits_[d].count}});
    }
    for (std::size_t p = 0; p < step_.pool_peak.size(); ++p) {
      out["pools"].push_back({{"name", cluster_.pools()[p].name},
                              {"peak_memory_bytes", step_.pool_peak[p].count},
                              {"memory_bytes", cluster_.pools()[p].memory.count}});
    }
    for (std::size_t i = 0; i < loads_.size(); ++i) {
      out["links"].push_back({{"name", cluster_.links()[i].name},
                              {"transfers", loads_[i].transfers},
                              {"bytes", step_.link_bytes[i].count},
                              {"held_us", micros(loads_[i].held)}});
    }
    out["critical_path"] = path_json();
    return out.dump(2);
  }

  [[nodiscard]] SimulateJson path_json() const {
    SimulateJson path;
    for (std::size_t kind = 0; kind < kPathKinds.size(); ++kind) {
      path[std::string(kPathKinds[kind]) + "_us"] = micros(path_time_[kind]);
    }
    path["pieces"] = SimulateJson::array();
    for (const PathSegment& piece : step_.path) {
      path["pieces"].push_back({{"kind", kPathKinds[position(piece.kind)]},
                                {"node", workload_.graph.node(piece.node).name},
                                {"device", device_name(piece.device)},
                                {"start_us", micros(piece.start)},
                                {"end_us", micros(piece.end)}});
    }
    return path;
  }

  void write_step_trace() const {
    StepTrace trace{.title = "simulated", .ops = {}, .transfers = {}};
    for (const sim::OpRecord& op : step_.ops) {
      trace.ops.push_back({op.node, op.device, op.start, op.end});
    }
    for (const sim::TransferRecord& transfer : step_.transfers) {
      trace.transfers.push_back(
          {transfer.tensor, transfer.from, transfer.to, transfer.start, transfer.arrival});
    }
    for (const sim::MemoryPoint& point : step_.memory) {
      trace.memory.push_back({point.device, point.time, point.bytes});
    }
    write_file(options_.trace, write_trace(workload_.graph, cluster_, trace));
    shared_.note("wrote " + options_.trace + ": open it in ui.perfetto.dev or chrome://tracing");
  }

  const SimulateOptions& options_;
  const Shared& shared_;
  Workload workload_;
  Cluster cluster_;
  CostModel costs_;
  sim::Model model_;
  Placement placement_;
  std::vector<Bytes> limits_;  // [devices]
  std::string broken_rule_;    // by the placement; empty: none
  sim::Timeline step_;
  std::vector<std::size_t> ops_on_;     // [devices]
  std::vector<LinkLoad> loads_;         // [links]
  std::array<SimTime, 5> path_time_{};  // by kind of segment
};

}  // namespace

void add_simulate(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand("simulate", "predict the step time of a placement, and why");
  command->footer(
      "Example: placer simulate graph.json -c cluster.json placement.json --trace trace.json");
  auto options = std::make_shared<SimulateOptions>();
  command->add_option("graph", options->graph, "graph with op times")->required();
  command->add_option("placement", options->placement, "placement of the graph's nodes")
      ->required();
  command->add_option("-c,--cluster", options->cluster, "devices and links")->required();
  command->add_option("--trace", options->trace,
                      "write the simulated step as a Chrome/Perfetto trace");
  add_constraint_flags(*command, options->constraints);
  command->add_option("--top", options->top, "pieces of the critical path to show [10]")
      ->check(whole_number());
  add_model_options(*command, options->model);
  command->callback([options, &shared] {
    shared.action = [options, &shared] { return SimulateCommand(*options, shared).run(); };
  });
}

}  // namespace placer::cli
