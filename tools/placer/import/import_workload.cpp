// placer import: public workloads, whose files state times and machines.

#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "placer/formats/import_dnn_partitioning.h"
#include "placer/formats/import_pipedream.h"
#include "placer/formats/import_task_graph.h"
#include "tools/placer/import/import.h"

namespace placer::cli {
namespace {

Bytes memory_of(const ImportFlags& flags) {
  if (flags.memory.empty()) {
    return kMostMemory;
  }
  const auto memory = parse_bytes(flags.memory);
  if (!memory || *memory > kMostMemory) {
    throw usage_error("--memory " + flags.memory + ": expected a size such as 16GiB");
  }
  return *memory;
}

ImportedWorkload read_workload(const ImportFlags& flags, ImportSource source) {
  const std::string text = read_file(flags.file);
  switch (source) {
    case ImportSource::kDnnPartitioning:
      return import_dnn_partitioning(text, flags.file, flags.name);
    case ImportSource::kPipedream: {
      PipedreamMachine machine = flags.machine;
      machine.memory = memory_of(flags);
      return import_pipedream(text, flags.file, machine, flags.name);
    }
    case ImportSource::kTaskGraph:
      return import_task_graph(text, flags.file, flags.name);
    case ImportSource::kPt2:
      break;
  }
  PLACER_CHECK(false, "archives are no workloads");
}

// What was read, for people and for programs.
struct WorkloadCounts {
  std::size_t edges = 0;
  std::size_t backward = 0;
  std::size_t colocated = 0;  // groups of nodes that share a device
  Bytes resident;
};

WorkloadCounts count_workload(const Graph& graph) {
  WorkloadCounts counts;
  std::vector<std::size_t> members(graph.num_colocation_classes());
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    counts.edges += node.inputs.size();
    counts.backward += node.pass == Pass::kBackward ? 1 : 0;
    counts.resident += node.resident;
    ++members[graph.colocation_class(id_at<NodeId>(i))];
  }
  counts.colocated = static_cast<std::size_t>(
      std::ranges::count_if(members, [](std::size_t size) { return size > 1; }));
  return counts;
}

// "6 acc (16.0 GiB each), 1 cpu".
std::string devices_text(const Cluster& cluster) {
  std::string text;
  for (const std::string& kind : cluster.kinds()) {
    std::size_t count = 0;
    Bytes memory;
    for (const Device& device : cluster.devices()) {
      if (device.kind == kind) {
        ++count;
        memory = device.memory;
      }
    }
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kind);
    if (memory != kMostMemory) {
      text += fmt::format(" ({} each)", to_string(memory));
    }
  }
  return text;
}

std::string workload_text(const ImportFlags& flags, const ImportedWorkload& imported) {
  const Graph& graph = imported.workload.graph;
  const WorkloadCounts counts = count_workload(graph);
  std::string text = fmt::format("{} ({})\n", graph.info().name, graph.info().producer);
  text += fmt::format("  nodes        {} ({} backward)\n", graph.size(), counts.backward);
  text += fmt::format("  edges        {}\n", counts.edges);
  text += fmt::format("  colocated    {} groups, {} units to place\n", counts.colocated,
                      graph.num_colocation_classes());
  text += fmt::format("  resident     {}\n", to_string(counts.resident));
  text += fmt::format("  devices      {}\n", devices_text(imported.cluster));
  text += fmt::format("  hash         {}\n", graph.hash());
  return text + fmt::format("wrote {} and {}\n", flags.output, flags.cluster);
}

nlohmann::ordered_json workload_json(const ImportFlags& flags, const ImportedWorkload& imported) {
  const Graph& graph = imported.workload.graph;
  const WorkloadCounts counts = count_workload(graph);
  nlohmann::ordered_json json;
  json["graph"] = graph.info().name;
  json["output"] = flags.output;
  json["cluster"] = flags.cluster;
  json["hash"] = graph.hash();
  json["producer"] = graph.info().producer;
  json["nodes"] = graph.size();
  json["backward_nodes"] = counts.backward;
  json["edges"] = counts.edges;
  json["colocated_groups"] = counts.colocated;
  json["units"] = graph.num_colocation_classes();
  json["resident_bytes"] = counts.resident.count;
  for (const Device& device : imported.cluster.devices()) {
    json["devices"].push_back(
        {{"name", device.name}, {"kind", device.kind}, {"memory_bytes", device.memory.count}});
  }
  return json;
}

}  // namespace

int import_workload(const ImportFlags& flags, ImportSource source, const Shared& shared) {
  const ImportedWorkload imported = read_workload(flags, source);
  write_file(flags.cluster, write_cluster(imported.cluster));
  if (flags.output == "-") {
    std::cout << write_graph(imported.workload);
    return 0;
  }
  write_file(flags.output, write_graph(imported.workload));
  if (shared.json) {
    std::cout << workload_json(flags, imported).dump(2) << "\n";
  } else {
    std::cout << workload_text(flags, imported);
  }
  return 0;
}

}  // namespace placer::cli
