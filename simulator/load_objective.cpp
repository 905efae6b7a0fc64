#include "simulator/load_objective.h"

#include <algorithm>

namespace placer::sim {

std::shared_ptr<const LoadTables> node_tables(const CostModel& costs,
                                              const Constraints& constraints,
                                              const SimulatorOptions& options) {
  const auto& limit =
      options.memory_limit.empty() ? constraints.memory_limit : options.memory_limit;
  return std::make_shared<const LoadTables>(LoadModel(costs), each_node_alone(costs.graph().size()),
                                            limit);
}

LoadMoves::LoadMoves(const CostModel& costs, const Constraints& constraints)
    : tables_(LoadModel(costs), {constraints.unit_of, constraints.num_units},
              constraints.memory_limit),
      state_(tables_) {}

DeviceId LoadMoves::bottleneck() const {
  const auto loads = state_.loads();
  return id_at<DeviceId>(static_cast<std::size_t>(std::ranges::max_element(loads) - loads.begin()));
}

}  // namespace placer::sim
