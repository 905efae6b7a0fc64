#include "tools/placer/train/timed_graph.h"

#include <algorithm>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/base/hash.h"
#include "placer/cost/assumed_times.h"
#include "placer/formats/formats.h"
#include "tools/families/graph_families.h"

namespace placer::cli {
namespace {

bool runs_everything(const Graph& graph, const KindTimes& times) {
  for (std::size_t v = 0; v < graph.size(); ++v) {
    if (graph.nodes()[v].kind == NodeKind::kOp && !times.ops[v]) return false;
  }
  return true;
}

}  // namespace

TimedGraph::TimedGraph(const std::string& file) {
  const std::string text = read_file(file);
  Workload workload = read_graph(text, file);
  const auto& kinds = workload.times.kinds();
  const auto known = std::ranges::find_if(
      kinds, [&](const KindTimes& times) { return runs_everything(workload.graph, times); });
  if (known == kinds.end()) {
    throw Error(ErrorKind::kBadInput, file, "times",
                "no kind of device has times for every op: run `placer profile` first");
  }
  times_ = *known;
  graph_ = std::move(workload.graph);
  hash_ = hash_text(text);
}

Workload TimedGraph::workload(bool equal) const {
  Workload result{graph_, {}};
  // Like devices share a kind; else every device has its own.
  const std::vector<std::string> kinds = families::make_cluster(8, equal).kinds();
  for (std::size_t d = 0; d < kinds.size(); ++d) {
    KindTimes times = times_;
    times.kind = kinds[d];
    for (auto& op : times.ops) {
      if (op) op = scaled(*op, families::slowness(d, equal));
    }
    result.times.set(std::move(times));
  }
  return result;
}

double TimedGraph::bytes_per_second(double ratio) const {
  double seconds = 0;
  double ops = 0;
  double bytes = 0;
  double edges = 0;
  for (std::size_t v = 0; v < graph_.size(); ++v) {
    if (times_.ops[v]) {
      seconds += times_.ops[v]->time.seconds();
      ++ops;
    }
    for (const TensorRef input : graph_.nodes()[v].inputs) {
      bytes += static_cast<double>(graph_.tensor(input).bytes.count);
      ++edges;
    }
  }
  // Of a graph that moves nothing or does nothing any speed will do.
  if (bytes == 0 || seconds == 0) return families::kBytesPerSecond;
  return (bytes / edges) / (ratio * seconds / ops);
}

}  // namespace placer::cli
