#pragma once

// What importers of public workloads give, and the pieces that they share: quantities as foreign
// files state them, and the step from a list of nodes to a graph.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "placer/cluster/cluster.h"
#include "placer/cost/op_times.h"
#include "placer/graph/graph.h"

namespace placer {

// A graph with the file's own times, and the machines that the times are for.
struct ImportedWorkload {
  Workload workload;
  Cluster cluster;
};

// The longest time that one entry of a foreign file may state: a day. Keeps sums and multiples of
// it far from the ends of SimTime.
inline constexpr double kMostStatedMicroseconds = 86'400e6;

// An op's time: kept as stated, and rounded up to picoseconds as the reader of graph files does.
//   microseconds  0 .. kMostStatedMicroseconds
[[nodiscard]] OpTime stated_time(double microseconds);

// Adds up times of one kind; all together stay below kMaxSimTime, as in graph files.
class StatedTotal {
 public:
  // False when this one is too much.
  [[nodiscard]] bool add(SimTime time);

 private:
  SimTime total_;
};

// Times of one kind of device for ops that stand in `graph` in another order than in `times`.
//   origin  why these are no measurements: "stated by the task graph"
//   times   [graph.size()], by the order of the file
//   order   [graph.size()]: position in the file of each node of the graph
[[nodiscard]] KindTimes times_in_order(const std::string& kind, const std::string& origin,
                                       const std::vector<std::optional<OpTime>>& times,
                                       const std::vector<std::size_t>& order);

// The graph of nodes that stand in a foreign file in any order.
struct OrderedGraph {
  Graph graph;
  std::vector<std::size_t> order;  // [graph.size()]: position in `nodes` of each node
};
// Throws Error(kBadInput) in `file` at place_of(position of the node) for a cycle and for bytes that sum up to
// 2^62 or more.
[[nodiscard]] OrderedGraph build_imported(GraphInfo info, std::vector<Node> nodes,
                                          const std::string& file,
                                          const std::function<std::string(std::size_t)>& place_of);

// Name (empty: the file's stem), source and hash of an imported file.
[[nodiscard]] GraphInfo imported_info(std::string_view text, const std::string& file,
                                      const std::string& name, const std::string& producer);

// A link between every two of the devices: both directions, no latency.
[[nodiscard]] Link link_of_all(std::string name, std::size_t devices, double bytes_per_second);

}  // namespace placer
