#pragma once

// A placement problem as closed-form objectives see it: units of nodes with a time per device, and
// the tensors between them with a charge per device, in flat arrays.
//
// Times are whole ticks: a power of two of a microsecond, so fine that the sum of everything still
// fits 62 bits. Sums then do not depend on their order, a move is undone to the bit, and the error
// of a value is below that of a sum of doubles.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/base/units.h"
#include "placer/cost/load_model.h"
#include "simulator/memory_domains.h"

namespace placer::sim {

// Nodes that are placed together; each node alone where nothing ties it.
struct UnitMap {
  std::vector<std::uint32_t> unit_of;  // [nodes]
  std::size_t num_units = 0;
};
[[nodiscard]] UnitMap each_node_alone(std::size_t num_nodes);

struct LoadTables {
  // Throws Error(kUsage) when all times together exceed 2^62 ps (53 days).
  //   memory_limit  [devices], or empty: the cluster's
  LoadTables(const LoadModel& model, const UnitMap& units, std::span<const Bytes> memory_limit);

  // Of an objective that is `ticks` long, without rounding.
  [[nodiscard]] double picoseconds(std::int64_t ticks) const {
    return static_cast<double>(ticks) * ps_per_tick;
  }
  // To the nearest picosecond.
  [[nodiscard]] SimTime time_of(std::int64_t ticks) const;
  [[nodiscard]] std::int64_t ticks(double us) const;

  std::uint32_t num_units = 0;
  std::uint32_t num_devices = 0;
  std::uint32_t num_tensors = 0;
  double ticks_per_us = 1;
  double ps_per_tick = 1;

  // By unit.
  std::vector<std::int64_t> time;           // [units x devices]; 0 where a node cannot run
  std::vector<std::int64_t> memory;         // [units]
  std::vector<std::uint32_t> first_output;  // [units + 1]: its tensors are numbered from here
  std::vector<std::uint32_t> first_input;   // [units + 1] into input
  std::vector<std::uint32_t> input;         // tensors that it reads

  // By tensor: those that other units read; of one producer, those with the same readers are one.
  std::vector<std::int64_t> charge;         // [tensors x devices]: when it leaves or enters
  std::vector<std::uint32_t> producer;      // unit
  std::vector<std::uint32_t> first_reader;  // [tensors + 1] into reader
  std::vector<std::uint32_t> reader;        // units, not its producer

  MemoryDomains domains;

 private:
  void set_scale(const LoadModel& model);
  void add_times(const LoadModel& model, const UnitMap& units);
  void add_tensors(const LoadModel& model, const UnitMap& units);
  void add_inputs();
};

}  // namespace placer::sim
