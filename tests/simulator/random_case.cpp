#include "tests/simulator/random_case.h"

#include "placer/base/random.h"
#include "tests/support/random_graph.h"

namespace placer::sim::test {

namespace {

using placer::test::random_cluster;
using placer::test::random_placement;
using placer::test::random_workload;

Cluster case_cluster(std::uint64_t seed, bool launched_ahead) {
  const Cluster cluster = random_cluster(
      seed * 31 + 7,
      {.devices = 1 + seed % 5, .kinds = {"cpu-core", "gpu"}, .hand_offs = seed % 3 != 0});
  std::vector<Device> devices(cluster.devices().begin(), cluster.devices().end());
  for (std::size_t d = 0; d < devices.size(); ++d) {
    devices[d].asynchronous_launch = launched_ahead && seed % 3 == 0 && d % 2 == 0;
  }
  return {cluster.name(),
          std::move(devices),
          {cluster.links().begin(), cluster.links().end()},
          {cluster.pools().begin(), cluster.pools().end()}};
}

// Some ops hold memory from step to step.
Workload case_workload(std::uint64_t seed, std::size_t nodes) {
  Workload workload = random_workload(seed, {.nodes = nodes});
  if (seed % 3 != 0) return workload;
  std::vector<Node> with_residents(workload.graph.nodes().begin(), workload.graph.nodes().end());
  for (std::size_t n = 0; n < with_residents.size(); n += 3) {
    if (with_residents[n].kind == NodeKind::kOp) {
      with_residents[n].resident = {static_cast<std::int64_t>(1000 * (n + 1))};
    }
  }
  return {build_graph_or_die(workload.graph.info(), std::move(with_residents)), workload.times};
}

}  // namespace

Placement scattered(std::uint64_t seed, const Graph& graph, const Cluster& cluster) {
  Rng rng(seed);
  Placement placement;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    placement.device.push_back(id_at<DeviceId>(rng.below(cluster.size())));
  }
  return placement;
}

Model random_model(std::uint64_t seed) {
  Rng rng(seed);
  const auto other = [&](std::uint64_t values) {
    return rng.below(2) == 0 ? 0 : rng.below(values);
  };
  Model model;
  model.order = static_cast<Order>(other(3));
  model.contention = static_cast<Contention>(other(4));
  model.sending = static_cast<Sending>(other(3));
  model.launch = static_cast<Launch>(other(4));
  model.shared_buses = other(2) == 0;
  model.overlap = other(2) == 0;
  model.slow_down = other(2) == 0;
  model.memory = other(2) == 0;
  model.idle_after_op = {static_cast<std::int64_t>(other(2) * 5'700'000)};
  model.idle_after_copy = {static_cast<std::int64_t>(other(2) * 25'000'000)};
  return model;
}

Case::Case(std::uint64_t seed, std::size_t nodes, bool launched_ahead)
    : workload(case_workload(seed, nodes)),
      cluster(case_cluster(seed, launched_ahead)),
      costs(workload, cluster),
      placement(seed % 4 == 0 ? scattered(seed, workload.graph, cluster)
                              : random_placement(seed, workload, cluster, seed % 2 == 0)) {}

}  // namespace placer::sim::test
