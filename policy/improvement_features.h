#pragma once

// What a policy that improves placements sees of one: numbers for every unit and for every pair of
// unit and device. None depends on how many units and devices there are, what they are called or in
// which unit times are given, so that weights go from one graph and cluster to another.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "placer/algorithm/step_model.h"
#include "placer/algorithm/task_graph.h"

namespace placer::policy {

// Rows of neighbours: those of unit u are neighbour[first[u]] .. neighbour[first[u + 1] - 1].
struct Adjacency {
  std::vector<std::int64_t> first;      // [units + 1]
  std::vector<std::int64_t> neighbour;  // units
};

// With T the step time of the placement by StepModel, t the mean op time of a unit:
//   unit   0  log(1 + t / mean of t)
//          1  log(1 + transfer time of what it reads from other units / mean of t); 2: of what it
//             hands to them
//          3  log(1 + units that it reads); 4: units that read it
//          5  start / T; 6: end / T; 7: slack / T (how much later it may end without delaying the
//             step, if nothing had to wait for a device); 8: exp(-50 slack / T)
//          9  (start - arrival of its last input) / T: waits for its device
//         10  (arrival of its last input - last end of what it reads) / T: waits for links
//         11  bytes kept from step to step / its device's memory
//         12  log(time on its device / its least time)
//         13  its device's busy time / T
//   pair   0  1: the unit is there
//          1  log(time there / its least time)
//          2  share of what it reads that comes from there; 3: of what it hands out that goes there
//          4  time saved on transfers if it were there / mean of t, as sign(x) log(1 + |x|)
//          5  busy time there if it were there / T
//          6  bytes there if it were there / memory, at most 2
//          7  (earliest arrival of its inputs there - start) / T, 10 times, within [-1, 1]
//          8  (earliest end there in a gap of that device - end) / T, likewise
//          9  1: it may not be there, by its constraints
class ImprovementFeatures {
 public:
  static constexpr std::size_t kUnitWidth = 14;
  static constexpr std::size_t kPairWidth = 10;

  explicit ImprovementFeatures(const Problem& problem);

  [[nodiscard]] std::size_t num_units() const { return graph_.num_units(); }
  [[nodiscard]] std::size_t num_devices() const { return graph_.num_devices; }
  [[nodiscard]] bool may_use(std::size_t unit, std::size_t device) const {
    return (graph_.allowed[unit] >> device & 1) != 0;
  }
  // Units that a unit reads, and units that read it; ascending, each once.
  [[nodiscard]] const Adjacency& reads() const { return reads_; }
  [[nodiscard]] const Adjacency& readers() const { return readers_; }

  // The device of each unit: of its first node.
  [[nodiscard]] std::vector<std::uint8_t> choice(const Placement& placement) const;
  [[nodiscard]] Placement placement(std::span<const std::uint8_t> choice) const;

  // Looks at a placement. Cost O((V + E) log V + units x devices).
  void read(std::span<const std::uint8_t> choice);
  [[nodiscard]] std::span<const float> units() const { return units_; }  // [units, kUnitWidth]
  // [units, devices, kPairWidth]
  [[nodiscard]] std::span<const float> pairs() const { return pairs_; }

  // Moves units, lightest first, off devices whose kept bytes exceed the memory to where there is
  // room, as near to `preference` [units, devices] (higher is better) as possible. What fits
  // nowhere stays.
  void repair(std::vector<std::uint8_t>& choice, std::span<const float> preference) const;

 private:
  // An edge between units: its mean transfer time.
  struct Edge {
    std::uint32_t from;
    std::uint32_t to;
    std::int64_t time;
  };
  void add_edges(std::vector<Edge>& edges) const;
  void add_adjacency(const std::vector<Edge>& edges);
  void schedule(std::span<const std::uint8_t> choice);
  void describe_units(std::span<const std::uint8_t> choice);
  void describe_pairs(std::span<const std::uint8_t> choice);
  void describe_pairs_of(std::size_t unit, std::span<const std::uint8_t> choice);
  [[nodiscard]] std::int64_t earliest_end(std::size_t device, std::int64_t ready,
                                          std::int64_t time) const;

  TaskGraph graph_;
  StepModel model_;
  Adjacency reads_;
  Adjacency readers_;
  std::vector<std::int64_t> read_time_;    // of reads_.neighbour: mean transfer time
  std::vector<std::int64_t> reader_time_;  // of readers_.neighbour
  std::vector<std::int64_t> unit_time_;    // [units x devices]
  std::vector<std::int64_t> mean_time_;    // [units]
  std::vector<std::int64_t> least_time_;   // [units]
  double mean_of_times_ = 1;

  // Of the placement that was read last.
  std::vector<std::uint8_t> device_;  // [tasks]
  double step_ = 1;                   // T
  std::vector<std::int64_t> start_;   // [units]: of the first task
  std::vector<std::int64_t> end_;     // [units]: of the last
  std::vector<std::int64_t> tail_;    // [units]: from its start to the end of the step, at least
  std::vector<std::int64_t> busy_;    // [devices]
  std::vector<std::int64_t> kept_;    // [devices]: bytes
  std::vector<std::vector<std::array<std::int64_t, 2>>> slots_;  // [devices]: start, end; ascending
  std::vector<float> units_;
  std::vector<float> pairs_;
};

}  // namespace placer::policy
