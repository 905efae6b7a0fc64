// placer export: a placement in the words of other tools.

#include <algorithm>
#include <iostream>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/formats/export_device_map.h"
#include "placer/formats/export_dot.h"
#include "placer/formats/formats.h"
#include "simulator/simulator.h"
#include "tools/placer/shared.h"

namespace placer::cli {
namespace {

struct ExportOptions {
  std::string placement;
  std::string graph;
  std::string cluster;
  std::string target;
  std::string out;
};

// Devices that are only known by name, for when no cluster is given: enough to write them out
// again.
Cluster nominal_cluster(const std::string& placement, const PlacementFile& file,
                        const OpTimes& times) {
  std::vector<std::string> names = file.devices;
  if (names.empty()) {
    std::set<std::string> used;
    for (const auto& [node, device] : file.assignment) {
      used.insert(device);
    }
    names.assign(used.begin(), used.end());
  }
  if (names.size() > kMaxDevices) {
    throw Error(ErrorKind::kBadInput, placement, "",
                fmt::format("{} devices, expected at most {}", names.size(), kMaxDevices));
  }
  std::vector<Device> devices(names.size());
  Link link;
  link.name = "unknown";
  for (std::size_t a = 0; a < names.size(); ++a) {
    devices[a].name = names[a];
    devices[a].kind = times.kinds().empty() ? "unknown" : times.kinds().front().kind;
    for (std::size_t b = 0; b < names.size(); ++b) {
      if (a != b) {
        link.pairs.emplace_back(id_at<DeviceId>(a), id_at<DeviceId>(b));
      }
    }
  }
  std::vector<Link> links;
  if (names.size() > 1) {
    links.push_back(std::move(link));
  }
  return {"unknown", std::move(devices), std::move(links)};
}

class ExportCommand {
 public:
  ExportCommand(const ExportOptions& options, const Shared& shared)
      : options_(options),
        shared_(shared),
        workload_(load_graph(options.graph)),
        file_(read_placement(read_file(options.placement), options.placement)),
        cluster_(options.cluster.empty()
                     ? nominal_cluster(options.placement, file_, workload_.times)
                     : load_cluster(options.cluster)),
        placement_(bind_placement(file_, workload_.graph, cluster_, options.placement)) {}

  int run() {
    require_writable(options_.out, {options_.placement, options_.graph, options_.cluster});
    if (options_.target == "accelerate") {
      device_map();
    } else if (options_.target == "dot") {
      write_file(options_.out, write_dot(workload_.graph, cluster_, placement_, weights(1e-6)));
      wrote(options_.out);
    } else {
      write_file(options_.out, write_assignment(workload_.graph, cluster_, placement_));
      wrote(options_.out);
    }
    if (shared_.json) {
      std::cout << report_.dump(2) << "\n";
    }
    return 0;
  }

 private:
  // Time of each node on its device in picoseconds times `scale`; where the graph has no times,
  // zeros.
  [[nodiscard]] std::vector<double> weights(double scale) const {
    std::vector<double> result(workload_.graph.size(), 0);
    for (std::size_t v = 0; v < result.size(); ++v) {
      const KindTimes* times = workload_.times.find(cluster_.device(placement_.device[v]).kind);
      if (times != nullptr && times->ops[v]) {
        result[v] = static_cast<double>(times->ops[v]->time.ps) * scale;
      }
    }
    return result;
  }

  // Without times, an op counts by the bytes that it makes.
  [[nodiscard]] std::vector<double> weights_or_bytes() const {
    std::vector<double> result = weights(1);
    if (std::ranges::any_of(result, [](double weight) { return weight > 0; })) {
      return result;
    }
    for (std::size_t v = 0; v < result.size(); ++v) {
      for (const TensorSpec& output : workload_.graph.nodes()[v].outputs) {
        result[v] += static_cast<double>(output.bytes.count);
      }
    }
    shared_.note("the graph has no times: modules are judged by the bytes that their ops make");
    return result;
  }

  void device_map() {
    const DeviceMap map =
        project_to_modules(workload_.graph, cluster_, placement_, weights_or_bytes());
    const std::string notes = options_.out + ".notes.json";
    write_file(options_.out, write_device_map(map, cluster_));
    write_file(notes, write_device_map_notes(map, workload_.graph, cluster_));
    wrote(options_.out);
    wrote(notes);
    std::string text = fmt::format("{} of {} nodes moved to where their module is", map.moved,
                                   workload_.graph.size());
    report_["nodes"] = workload_.graph.size();
    report_["nodes_moved"] = map.moved;
    if (!options_.cluster.empty()) {
      text += "; " + compare(map.projected);
    }
    if (!shared_.json) {
      std::cout << text << "\n"
                << fmt::format(
                       "dispatch_model(model, device_map, main_device=...): the main_device is in "
                       "{}\n",
                       notes);
    }
  }

  // What the projection costs, as the simulator sees it.
  std::string compare(const Placement& projected) {
    const CostModel costs(workload_, cluster_);
    const auto simulator = sim::make_simulator(costs, {});
    const Outcome before = simulator->evaluate_one(placement_);
    const Outcome after = simulator->evaluate_one(projected);
    if (!after.feasible()) {
      throw Error(ErrorKind::kInfeasible,
                  "with whole modules this placement cannot run: " + after.infeasible->text);
    }
    report_["simulated_us"] = after.step_time.microseconds();
    if (!before.feasible()) {
      return fmt::format("simulated step {}", to_string(after.step_time));
    }
    report_["simulated_before_us"] = before.step_time.microseconds();
    const double change = 100 * (after.step_time.seconds() / before.step_time.seconds() - 1);
    return fmt::format("simulated step {} -> {} ({:+.1f}%)", to_string(before.step_time),
                       to_string(after.step_time), change);
  }

  void wrote(const std::string& path) {
    report_["files"].push_back(path);
    if (!shared_.json) {
      std::cout << "wrote " << path << "\n";
    }
  }

  const ExportOptions& options_;
  const Shared& shared_;
  Workload workload_;
  PlacementFile file_;
  Cluster cluster_;
  Placement placement_;
  nlohmann::ordered_json report_{{"files", nlohmann::ordered_json::array()}};
};

}  // namespace

void add_export(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand("export", "a placement in the words of other tools");
  command->footer(
      "Example: placer export placement.json -g graph.json -c cluster.json --to accelerate "
      "-o device_map.json\n"
      "  accelerate  a device_map of Hugging Face accelerate: whole modules, and notes beside it\n"
      "  dot         a picture for Graphviz, a frame per device\n"
      "  json        {node: device}");
  auto options = std::make_shared<ExportOptions>();
  command->add_option("placement", options->placement, "placement to export")->required();
  command->add_option("-g,--graph", options->graph, "graph that it places")->required();
  command->add_option("-c,--cluster", options->cluster,
                      "cluster, to simulate what the export changes");
  command->add_option("--to", options->target, "format: accelerate, dot or json")
      ->required()
      ->check(CLI::IsMember({"accelerate", "dot", "json"}));
  command->add_option("-o,--output,--out", options->out, "file to write")->required();
  command->callback([options, &shared] {
    shared.action = [options, &shared] { return ExportCommand(*options, shared).run(); };
  });
}

}  // namespace placer::cli
