#pragma once

// Reading and writing of placer's own files, version 1 of each. Readers take text (already
// decompressed) and the name to print in errors; all throw Error(kBadInput) with file and JSON path
// at the first fault. Writers give text that the reader reads back to an equal value; the same
// value gives the same bytes.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "placer/cluster/cluster.h"
#include "placer/cost/op_times.h"
#include "placer/placement/constraints.h"
#include "placer/placement/placement.h"

namespace placer {

[[nodiscard]] Workload read_graph(std::string_view text, const std::string& file);
[[nodiscard]] std::string write_graph(const Workload& workload);

[[nodiscard]] Cluster read_cluster(std::string_view text, const std::string& file);
[[nodiscard]] std::string write_cluster(const Cluster& cluster);

// A placement file stands for itself: names, not ids.
struct PlacementFile {
  std::string graph_name;
  std::string graph_hash;
  std::string cluster_hash;
  // Of the cluster, in its order; empty in a file that does not say.
  std::vector<std::string> devices;
  std::map<std::string, std::string> assignment;  // node name -> device name
  std::map<std::string, std::int64_t> priority;   // node name -> priority; empty: default
  Provenance provenance;                          // peak memory by device order of the cluster
};
// Also reads the splits of the dnn-partitioning code release (docs/formats/dnn-partitioning.md).
[[nodiscard]] PlacementFile read_placement(std::string_view text, const std::string& file);
[[nodiscard]] std::string write_placement(const PlacementFile& placement);

[[nodiscard]] PlacementFile to_file(const Graph& graph, const Cluster& cluster,
                                    const Placement& placement, Provenance provenance);
// Resolves names. Throws Error(kBadInput) (named `file`) for an unknown device, a node without
// device, a node that the graph does not have, or a placement made for another graph (by hash)
// unless every name fits.
[[nodiscard]] Placement bind_placement(const PlacementFile& placement, const Graph& graph,
                                       const Cluster& cluster, const std::string& file);

// Algorithm -> name -> value.
using AlgorithmParameters = std::map<std::string, std::map<std::string, std::string>>;

// An experiment: everything `placer place` can be told, so that a run can be repeated from its
// folder. Fields left out take the command's default.
struct Config {
  std::string graph;  // path, relative to the config file
  std::string cluster;
  std::vector<std::string> algorithms;
  AlgorithmParameters parameters;
  std::string objective = "step-time";  // as sim::make_objective reads it
  std::string signal = "both";          // simulated | measured | both
  std::string budget = "60s";
  std::uint64_t seed = 1;
  std::optional<std::size_t> max_groups = std::nullopt;  // nothing: the objective's default
  bool warm_start = true;
  std::string output = "placement.json";
  bool measure = true;       // run the finalists on this machine's devices
  bool isolate = false;      // measure placements in a child process
  bool cuda_graphs = false;  // launch measured steps as a whole, where that can be
  std::string weights;  // .pt2 archive with the state's values; empty: the graph's own, else seeded
  std::vector<std::string> initial;  // placement files to start from
  ConstraintOptions constraints;
};
[[nodiscard]] Config read_config(std::string_view text, const std::string& file);
[[nodiscard]] std::string write_config(const Config& config);

// "placer.graph", "placer.cluster", ... of a JSON text, or an Error that says what it looks like
// instead.
[[nodiscard]] std::string format_of(std::string_view text, const std::string& file);

}  // namespace placer
