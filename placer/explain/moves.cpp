#include "placer/explain/moves.h"

#include <algorithm>
#include <bit>

#include "placer/cluster/symmetry.h"

namespace placer {
namespace {

// Enough for every thread of a simulator, and few enough to copy placements of large graphs.
constexpr std::size_t kBatch = 16;

std::vector<NodeId> first_nodes(const Constraints& constraints) {
  std::vector<NodeId> first(constraints.num_units);
  for (std::size_t v = constraints.unit_of.size(); v-- > 0;) {
    first[constraints.unit_of[v]] = id_at<NodeId>(v);
  }
  return first;
}

// [devices]: of idle devices that are interchangeable the first; else the device itself.
std::vector<DeviceId> representatives(const Cluster& cluster, const Constraints& constraints,
                                      const Placement& placement) {
  std::uint64_t used = 0;
  for (const DeviceId device : placement.device) {
    used |= std::uint64_t{1} << index(device);
  }
  std::vector<DeviceId> distinct;  // idle
  std::vector<DeviceId> result;
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    const auto device = id_at<DeviceId>(d);
    result.push_back(device);
    if ((used >> d & 1) != 0) {
      continue;
    }
    const auto like = std::find_if(distinct.begin(), distinct.end(), [&](DeviceId other) {
      return interchangeable(cluster, other, device) &&
             constraints.memory_limit[index(other)] == constraints.memory_limit[d];
    });
    if (like == distinct.end()) {
      distinct.push_back(device);
    } else {
      result.back() = *like;
    }
  }
  return result;
}

// Where a node may be and is not, without those whose representative is among these as well.
std::uint64_t places_to_try(std::uint64_t allowed, DeviceId present,
                            std::span<const DeviceId> representative) {
  const std::uint64_t elsewhere = allowed & ~(std::uint64_t{1} << index(present));
  std::uint64_t mask = elsewhere;
  for (std::size_t d = 0; d < representative.size(); ++d) {
    if (index(representative[d]) != d && (elsewhere >> index(representative[d]) & 1) != 0) {
      mask &= ~(std::uint64_t{1} << d);
    }
  }
  return mask;
}

}  // namespace

Traffic traffic_of(const CostModel& costs, const Placement& placement) {
  const Graph& graph = costs.graph();
  Traffic traffic;
  std::vector<std::uint64_t> readers;  // [outputs of the node]: mask of devices
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const auto node = id_at<NodeId>(v);
    const DeviceId from = placement.device[v];
    readers.assign(graph.node(node).outputs.size(), 0);
    for (const Use& use : graph.uses(node)) {
      if (use.output != Use::kControl) {
        readers[use.output] |= std::uint64_t{1} << index(placement.device[index(use.consumer)]);
      }
    }
    for (std::size_t output = 0; output < readers.size(); ++output) {
      const TensorSpec& tensor = graph.node(node).outputs[output];
      for (std::uint64_t left = readers[output] & ~(std::uint64_t{1} << index(from)); left != 0;
           left &= left - 1) {
        const auto to = id_at<DeviceId>(static_cast<std::size_t>(std::countr_zero(left)));
        ++traffic.transfers;
        traffic.bytes += tensor.bytes;
        traffic.time += costs.transfer_time(tensor, from, to);
      }
    }
  }
  return traffic;
}

Placement with_unit_on(const Placement& placement, const Constraints& constraints,
                       std::uint32_t unit, DeviceId to) {
  Placement moved = placement;
  for (std::size_t v = 0; v < moved.device.size(); ++v) {
    if (constraints.unit_of[v] == unit) {
      moved.device[v] = to;
    }
  }
  return moved;
}

MoveSurvey survey_moves(const CostModel& costs, const Constraints& constraints,
                        Evaluator& evaluator, const Placement& placement,
                        std::span<const std::uint32_t> units, std::size_t most_evaluations,
                        const std::stop_token& stop) {
  const std::vector<NodeId> first = first_nodes(constraints);
  const std::vector<DeviceId> representative =
      representatives(costs.cluster(), constraints, placement);
  MoveSurvey survey;
  for (const std::uint32_t unit : units) {
    const std::size_t node = index(first[unit]);
    const std::uint64_t elsewhere =
        places_to_try(constraints.allowed[node], placement.device[node], representative);
    const auto count = static_cast<std::size_t>(std::popcount(elsewhere));
    if (survey.moves.size() + count > most_evaluations) {
      break;
    }
    ++survey.units_surveyed;
    for (std::size_t d = 0; d < costs.cluster().size(); ++d) {
      if ((elsewhere >> d & 1) != 0) {
        survey.moves.push_back({unit, id_at<DeviceId>(d), {}});
      }
    }
  }
  std::vector<Placement> batch;
  std::vector<Outcome> outcomes(kBatch);
  for (std::size_t begin = 0; begin < survey.moves.size(); begin += kBatch) {
    if (stop.stop_requested()) {
      survey.moves.resize(begin);
      survey.units_surveyed = 0;
      for (std::size_t i = 0; i < begin; ++i) {
        survey.units_surveyed += i == 0 || survey.moves[i].unit != survey.moves[i - 1].unit ? 1 : 0;
      }
      break;
    }
    const std::size_t count = std::min(kBatch, survey.moves.size() - begin);
    batch.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const Move& move = survey.moves[begin + i];
      batch.push_back(with_unit_on(placement, constraints, move.unit, move.to));
    }
    evaluator.evaluate(batch, std::span(outcomes).first(count));
    for (std::size_t i = 0; i < count; ++i) {
      survey.moves[begin + i].outcome = outcomes[i];
    }
  }
  return survey;
}

std::vector<std::uint32_t> units_to_survey(const CostModel& costs, const Constraints& constraints,
                                           const Placement& placement,
                                           std::span<const NodeId> first) {
  std::vector<std::int64_t> weight(constraints.num_units, 0);
  std::vector<bool> movable(constraints.num_units, false);
  for (std::size_t v = 0; v < constraints.unit_of.size(); ++v) {
    const auto node = id_at<NodeId>(v);
    const std::uint32_t unit = constraints.unit_of[v];
    movable[unit] = std::popcount(constraints.allowed[v]) > 1;
    if ((costs.supported(node) >> index(placement.device[v]) & 1) != 0) {
      weight[unit] += costs.op_time(node, placement.device[v]).ps;
    }
  }
  std::vector<std::uint32_t> units;
  for (const NodeId node : first) {
    const std::uint32_t unit = constraints.unit_of[index(node)];
    if (movable[unit]) {
      units.push_back(unit);
      movable[unit] = false;
    }
  }
  const auto path_end = static_cast<std::ptrdiff_t>(units.size());
  for (std::uint32_t unit = 0; unit < constraints.num_units; ++unit) {
    if (movable[unit]) {
      units.push_back(unit);
    }
  }
  std::stable_sort(units.begin() + path_end, units.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return weight[a] > weight[b]; });
  return units;
}

}  // namespace placer
