#include "simulator/load_tables.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "placer/base/error.h"

namespace placer::sim {
namespace {

constexpr int kTickBits = 61;  // of the sum of everything

// The most microseconds that any sum over the problem can reach: every node's slowest device, and
// every tensor leaving once and entering every device.
double longest_sum(const LoadModel& model) {
  const Graph& graph = model.costs().graph();
  const std::size_t devices = model.costs().cluster().size();
  double total = 0;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const auto node = id_at<NodeId>(v);
    double slowest = 0;
    for (std::size_t d = 0; d < devices; ++d) {
      slowest = std::max(slowest, model.time_us(node, id_at<DeviceId>(d)));
    }
    total += slowest;
    for (std::uint32_t output = 0; output < graph.node(node).outputs.size(); ++output) {
      double dearest = 0;
      for (std::size_t d = 0; d < devices; ++d) {
        dearest = std::max(dearest, model.transfer_us({node, output}, id_at<DeviceId>(d)));
      }
      total += dearest * static_cast<double>(devices + 1);
    }
  }
  return total;
}

}  // namespace

UnitMap each_node_alone(std::size_t num_nodes) {
  UnitMap units{.unit_of = std::vector<std::uint32_t>(num_nodes), .num_units = num_nodes};
  std::iota(units.unit_of.begin(), units.unit_of.end(), std::uint32_t{0});
  return units;
}

LoadTables::LoadTables(const LoadModel& model, const UnitMap& units,
                       std::span<const Bytes> memory_limit)
    : num_units(static_cast<std::uint32_t>(units.num_units)),
      num_devices(static_cast<std::uint32_t>(model.costs().cluster().size())),
      time(units.num_units * num_devices),
      memory(units.num_units),
      domains(model.costs().cluster(), memory_limit) {
  PLACER_CHECK(units.unit_of.size() == model.costs().graph().size(), "units of another graph");
  set_scale(model);
  add_times(model, units);
  add_tensors(model, units);
  add_inputs();
}

SimTime LoadTables::time_of(std::int64_t ticks) const {
  return {std::llround(picoseconds(ticks))};
}

std::int64_t LoadTables::ticks(double us) const {
  return std::llround(us * ticks_per_us);
}

void LoadTables::set_scale(const LoadModel& model) {
  constexpr double kMostMicroseconds = 4.6e12;  // 2^62 ps
  const double longest = longest_sum(model);
  if (longest > kMostMicroseconds) {
    throw usage_error("all op and transfer times together exceed 53 days");
  }
  int exponent = 0;
  static_cast<void>(std::frexp(longest, &exponent));
  ticks_per_us = std::ldexp(1, longest > 0 ? std::min(kTickBits - exponent, 900) : 0);
  ps_per_tick = 1e6 / ticks_per_us;
}

void LoadTables::add_times(const LoadModel& model, const UnitMap& units) {
  for (std::size_t v = 0; v < units.unit_of.size(); ++v) {
    const auto node = id_at<NodeId>(v);
    const std::size_t unit = units.unit_of[v];
    memory[unit] += model.memory(node).count;
    for (std::size_t d = 0; d < num_devices; ++d) {
      time[unit * num_devices + d] += ticks(model.time_us(node, id_at<DeviceId>(d)));
    }
  }
}

void LoadTables::add_tensors(const LoadModel& model, const UnitMap& units) {
  const Graph& graph = model.costs().graph();
  std::vector<std::vector<NodeId>> members(num_units);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    members[units.unit_of[v]].push_back(id_at<NodeId>(v));
  }
  first_reader.push_back(0);
  for (std::uint32_t unit = 0; unit < num_units; ++unit) {
    first_output.push_back(num_tensors);
    std::map<std::vector<std::uint32_t>, std::uint32_t> known;  // readers -> tensor
    for (const NodeId node : members[unit]) {
      std::vector<std::vector<std::uint32_t>> readers(graph.node(node).outputs.size());
      for (const Use& use : graph.uses(node)) {
        const std::uint32_t other = units.unit_of[index(use.consumer)];
        if (use.output != Use::kControl && other != unit) {
          readers[use.output].push_back(other);
        }
      }
      for (std::uint32_t output = 0; output < readers.size(); ++output) {
        auto& list = readers[output];
        std::sort(list.begin(), list.end());
        list.erase(std::unique(list.begin(), list.end()), list.end());
        if (list.empty()) {
          continue;
        }
        const auto [at, is_new] = known.try_emplace(list, num_tensors);
        if (is_new) {
          reader.insert(reader.end(), list.begin(), list.end());
          first_reader.push_back(static_cast<std::uint32_t>(reader.size()));
          producer.push_back(unit);
          charge.resize(charge.size() + num_devices);
          ++num_tensors;
        }
        for (std::size_t d = 0; d < num_devices; ++d) {
          charge[at->second * std::size_t{num_devices} + d] +=
              ticks(model.transfer_us({node, output}, id_at<DeviceId>(d)));
        }
      }
    }
  }
  first_output.push_back(num_tensors);
}

void LoadTables::add_inputs() {
  first_input.assign(num_units + std::size_t{1}, 0);
  for (const std::uint32_t unit : reader) {
    ++first_input[unit + 1];
  }
  std::partial_sum(first_input.begin(), first_input.end(), first_input.begin());
  input.resize(reader.size());
  std::vector<std::uint32_t> next(first_input.begin(), first_input.end() - 1);
  for (std::uint32_t tensor = 0; tensor < num_tensors; ++tensor) {
    for (std::uint32_t i = first_reader[tensor]; i < first_reader[tensor + 1]; ++i) {
      input[next[reader[i]]++] = tensor;
    }
  }
}

}  // namespace placer::sim
