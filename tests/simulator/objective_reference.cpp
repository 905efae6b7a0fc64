#include "tests/simulator/objective_reference.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace placer::test {
namespace {

struct Traffic {
  std::set<std::pair<std::uint32_t, std::uint32_t>> leaves;  // tensors (node, output)
  std::set<std::pair<std::uint32_t, std::uint32_t>> enters;
};

std::vector<double> loads(const LoadModel& model, const Placement& placement) {
  const Graph& graph = model.costs().graph();
  std::vector<Traffic> traffic(model.costs().cluster().size());
  std::vector<double> load(traffic.size());
  for (std::uint32_t v = 0; v < graph.size(); ++v) {
    const DeviceId here = placement.device[v];
    load[index(here)] += model.time_us(NodeId{v}, here);
    for (const Use& use : graph.uses(NodeId{v})) {
      const DeviceId there = placement.device[index(use.consumer)];
      if (use.output != Use::kControl && there != here) {
        traffic[index(here)].leaves.insert({v, use.output});
        traffic[index(there)].enters.insert({v, use.output});
      }
    }
  }
  for (std::size_t d = 0; d < traffic.size(); ++d) {
    for (const auto* tensors : {&traffic[d].leaves, &traffic[d].enters}) {
      for (const auto& [node, output] : *tensors) {
        load[d] += model.transfer_us({NodeId{node}, output}, id_at<DeviceId>(d));
      }
    }
  }
  return load;
}

}  // namespace

double reference_max_load(const LoadModel& model, const Placement& placement) {
  return std::ranges::max(loads(model, placement));
}

std::optional<double> reference_latency(const LoadModel& model, const Placement& placement) {
  const Graph& graph = model.costs().graph();
  const std::vector<double> load = loads(model, placement);
  const auto host = [&](std::size_t v) {
    return is_host(model.costs().cluster().device(placement.device[v]));
  };
  // Nodes on hosts stand for themselves, the others for their block.
  const auto piece = [&](std::size_t v) {
    return host(v) ? load.size() + v : index(placement.device[v]);
  };
  std::map<std::size_t, std::set<std::size_t>> waits_for;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    waits_for[piece(v)];
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      if (piece(index(use.consumer)) != piece(v)) {
        waits_for[piece(index(use.consumer))].insert(piece(v));
      }
    }
  }
  std::map<std::size_t, double> finish;
  for (bool progress = true; progress;) {
    progress = false;
    for (const auto& [what, inputs] : waits_for) {
      const bool ready =
          std::ranges::all_of(inputs, [&](std::size_t input) { return finish.count(input) != 0; });
      if (!ready || finish.count(what) != 0) {
        continue;
      }
      double start = 0;
      for (const std::size_t input : inputs) {
        start = std::max(start, finish[input]);
      }
      const std::size_t node = what - load.size();
      finish[what] =
          start + (what < load.size() ? load[what]
                                      : model.time_us(id_at<NodeId>(node), placement.device[node]));
      progress = true;
    }
  }
  if (finish.size() != waits_for.size()) {
    return std::nullopt;
  }
  double last = 0;
  for (const auto& [what, time] : finish) {
    last = std::max(last, time);
  }
  return last;
}

}  // namespace placer::test
