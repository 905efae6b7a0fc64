// placer inspect: reads and checks a file of any of our formats and says what is in it.

#include <iostream>
#include <map>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "placer/formats/training_format.h"
#include "tools/placer/inspect/graph_report.h"
#include "tools/placer/shared.h"
#include "tools/placer/step_bench.h"

namespace placer::cli {
namespace {

using InspectJson = nlohmann::ordered_json;

struct InspectOptions {
  std::string file;
  std::string cluster;
};

// Text and JSON of one file; the caller prints one of them.
struct Inspection {
  std::string text;
  InspectJson json;
};

// What the whole graph needs on each device; nothing when some device's kind has no times, which
// costs need.
std::optional<ClusterFit> fit_of(const Workload& workload, const Cluster& cluster,
                                 std::vector<std::string>& warnings) {
  for (const std::string& kind : cluster.kinds()) {
    if (workload.times.find(kind) == nullptr) {
      warnings.push_back("no times for the cluster's \"" + kind +
                         "\": run `placer profile` with this cluster");
      return std::nullopt;
    }
  }
  const CostModel costs(workload, cluster);
  std::vector<Bytes> limits;
  for (const Device& device : cluster.devices()) {
    limits.push_back(device.memory);
  }
  return ClusterFit{memory_parts(costs), fit_alone(costs, limits)};
}

Inspection inspect_graph(const std::string& text, const InspectOptions& options) {
  const Workload workload = read_graph(text, options.file);
  GraphReport report{workload, summarize(workload), nullptr, std::nullopt};
  std::optional<Cluster> cluster;
  if (!options.cluster.empty()) {
    cluster = load_cluster(options.cluster);
    report.cluster = &*cluster;
    report.fit = fit_of(workload, *cluster, report.summary.warnings);
  }
  for (std::string& warning : foreign_profiles(workload.times)) {
    report.summary.warnings.push_back(std::move(warning));
  }
  return {report_text(report), report_json(report)};
}

InspectJson link_json(const Cluster& cluster, const Link& link) {
  InspectJson out = {{"name", link.name}, {"latency_us", link.latency.microseconds()}};
  out["bytes_per_second"] =
      link.bytes_per_second ? InspectJson(*link.bytes_per_second) : InspectJson(nullptr);
  out["shared"] = link.shared;
  for (const auto& [from, to] : link.pairs) {
    out["from_to"].push_back({cluster.device(from).name, cluster.device(to).name});
  }
  return out;
}

std::string link_text(const Link& link) {
  const std::string speed =
      link.bytes_per_second ? fmt::format("{:.2f} GB/s", *link.bytes_per_second / 1e9) : "hand-off";
  return fmt::format("{:<24}{:>14}{:>14}{:>8}{}\n", link.name, to_string(link.latency), speed,
                     link.pairs.size(), link.shared ? "  one transfer at a time" : "");
}

Inspection inspect_cluster(const std::string& text, const InspectOptions& options) {
  const Cluster cluster = read_cluster(text, options.file);
  Inspection out;
  out.json = {{"format", "placer.cluster"}, {"name", cluster.name()}, {"hash", cluster.hash()}};
  out.text =
      fmt::format("Cluster \"{}\": {} devices\n  {}\n\n{:<24}{:<28}{:>12}{:>14}\n", cluster.name(),
                  cluster.size(), cluster.hash(), "device", "kind", "memory", "per op");
  for (const Device& device : cluster.devices()) {
    const std::string pool = device.pool ? cluster.pools()[*device.pool].name : "";
    out.text += fmt::format("{:<24}{:<28}{:>12}{:>14}{}\n", device.name, device.kind,
                            memory_text(device.memory), to_string(device.overhead),
                            pool.empty() ? "" : "  of pool " + pool);
    out.json["devices"].push_back({{"name", device.name},
                                   {"kind", device.kind},
                                   {"memory_bytes", device.memory.count},
                                   {"pool", pool},
                                   {"cores", device.cores},
                                   {"overhead_us", device.overhead.microseconds()}});
  }
  for (const MemoryPool& pool : cluster.pools()) {
    out.text +=
        fmt::format("{:<24}{:<28}{:>12}\n", "pool " + pool.name, "", memory_text(pool.memory));
    out.json["pools"].push_back({{"name", pool.name}, {"memory_bytes", pool.memory.count}});
  }
  if (!cluster.links().empty()) {
    out.text += fmt::format("\n{:<24}{:>14}{:>14}{:>8}\n", "link", "latency", "speed", "pairs");
  }
  for (const Link& link : cluster.links()) {
    out.text += link_text(link);
    out.json["links"].push_back(link_json(cluster, link));
  }
  return out;
}

std::string provenance_text(const Provenance& provenance) {
  std::string out =
      fmt::format("  by {}, seed {}, {} evaluations{}{}\n",
                  provenance.algorithm.empty() ? "hand" : provenance.algorithm, provenance.seed,
                  provenance.evaluations, provenance.tool.empty() ? "" : ", " + provenance.tool,
                  provenance.date.empty() ? "" : ", " + provenance.date);
  if (!provenance.command.empty()) {
    out += fmt::format("  {}\n", provenance.command);
  }
  if (provenance.predicted_us) {
    out += fmt::format("  predicted {:.3f} ms\n", *provenance.predicted_us / 1e3);
  }
  if (const auto& measured = provenance.measured) {
    out += fmt::format("  measured {:.3f} ms, 95 % interval {:.3f} to {:.3f} ms, {} samples{}\n",
                       measured->median_us / 1e3, measured->low_us / 1e3, measured->high_us / 1e3,
                       measured->samples, measured->method.empty() ? "" : ", " + measured->method);
  }
  return out;
}

Inspection inspect_placement(const std::string& text, const InspectOptions& options) {
  const PlacementFile file = read_placement(text, options.file);
  std::map<std::string, std::size_t> nodes;
  for (const std::string& device : file.devices) {
    nodes.emplace(device, 0);
  }
  for (const auto& [node, device] : file.assignment) {
    ++nodes[device];
  }
  const Provenance& provenance = file.provenance;
  Inspection out;
  out.text =
      fmt::format("Placement of \"{}\": {} nodes{}\n", file.graph_name, file.assignment.size(),
                  file.priority.empty() ? "" : ", with an execution order of its own");
  out.text += fmt::format("  graph {}\n  cluster {}\n",
                          file.graph_hash.empty() ? "not named" : file.graph_hash,
                          file.cluster_hash.empty() ? "not named" : file.cluster_hash);
  out.text += provenance_text(provenance);
  out.text += fmt::format("\n{:<24}{:>10}\n", "device", "nodes");
  out.json = {{"format", "placer.placement"},
              {"graph", {{"name", file.graph_name}, {"hash", file.graph_hash}}},
              {"cluster_hash", file.cluster_hash},
              {"algorithm", provenance.algorithm},
              {"seed", provenance.seed}};
  if (provenance.predicted_us) {
    out.json["predicted_us"] = *provenance.predicted_us;
  }
  if (provenance.measured) {
    out.json["measured_us"] = provenance.measured->median_us;
  }
  for (const auto& [device, count] : nodes) {
    out.text += fmt::format("{:<24}{:>10}\n", device, count);
    out.json["nodes"][device] = count;
  }
  return out;
}

// A config is shown as it would be written, with its defaults.
Inspection inspect_config(const std::string& text, const InspectOptions& options) {
  Inspection out;
  out.text = write_config(read_config(text, options.file));
  out.json = InspectJson::parse(out.text);
  return out;
}

// A training config is shown as it stands.
Inspection inspect_training(const std::string& text, const InspectOptions& options) {
  static_cast<void>(read_training(text, options.file));
  Inspection out;
  out.json = InspectJson::parse(text);
  out.text = out.json.dump(2) + "\n";
  return out;
}

Inspection inspect(const InspectOptions& options) {
  const std::string text = read_file(options.file);
  const std::string format = format_of(text, options.file);
  if (format == "placer.graph") {
    return inspect_graph(text, options);
  }
  if (!options.cluster.empty()) {
    throw usage_error("--cluster goes with a graph; " + options.file + " is a " + format);
  }
  if (format == "placer.cluster") {
    return inspect_cluster(text, options);
  }
  if (format == "placer.training") {
    return inspect_training(text, options);
  }
  return format == "placer.placement" ? inspect_placement(text, options)
                                      : inspect_config(text, options);
}

}  // namespace

void add_inspect(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand("inspect", "Read and check a file; say what is in it");
  command->footer(
      "Example: placer inspect graph.json\n"
      "Reads graphs, clusters, placements and configs, .zst too. Exit status 3 when the file is\n"
      "not valid: the message names the place.");
  auto options = std::make_shared<InspectOptions>();
  command->add_option("file", options->file, "graph, cluster, placement or config")->required();
  command->add_option("-c,--cluster", options->cluster,
                      "with a graph: also what it needs on these devices");
  command->callback([options, &shared] {
    shared.action = [options, &shared] {
      const Inspection result = inspect(*options);
      std::cout << (shared.json ? result.json.dump() + "\n" : result.text);
      return 0;
    };
  });
}

}  // namespace placer::cli
