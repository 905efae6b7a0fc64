#pragma once

// The best way to cut a lattice of ideals into one contiguous set a device: dynamic programming
// over pairs of ideals (Tarnawski et al., NeurIPS 2020, section 4.1), with a counter for each class
// of devices.

#include <cstdint>
#include <limits>
#include <optional>
#include <stop_token>
#include <vector>

#include "placer/algorithm/block_graph.h"
#include "placer/algorithm/ideal_lattice.h"
#include "placer/cost/load_model.h"

namespace placer {

// What the busiest device minimises.
enum class SplitCost : std::uint8_t {
  kLoad,      // max-load: op times, and every tensor that leaves or enters the device
  kPipeline,  // PipeDream's: the larger of op times and of what crosses the cut before the stage
};

struct Split {
  double value = 0;              // microseconds, of the busiest device
  std::vector<DeviceId> device;  // [blocks]
};

// Of the nodes; where a unit of a block may not use its device it is mended.
[[nodiscard]] Placement placement_of(const Split& split, const BlockGraph& graph,
                                     const Constraints& constraints);

class SplitSolver {
 public:
  struct Limits {
    double at_most = std::numeric_limits<double>::infinity();  // worse splits are of no interest
    // Splits that break the memory limits or the constraints are taken when there is no other, by
    // least violation.
    bool relaxed = false;
    std::uint64_t pairs = std::numeric_limits<std::uint64_t>::max();  // of ideals, looked at
    std::stop_token stop = {};
  };

  SplitSolver(const Problem& problem, const BlockGraph& graph, SplitCost cost);

  // The best split along the lattice; nothing when none is feasible and at most `at_most`, or a
  // limit ended the search (see complete()).
  //   cost  O(pairs * (edges of a block + states)), pairs being those of an ideal and one inside it
  //         whose difference takes no device longer than `at_most`
  [[nodiscard]] std::optional<Split> solve(const IdealLattice& lattice, const Limits& limits);
  // Whether the last solve() looked at everything.
  [[nodiscard]] bool complete() const { return complete_; }
  // Numbers of devices of each class in use, together: the width of the table.
  [[nodiscard]] std::size_t num_states() const { return states_.size(); }
  // False when there are so many classes of devices that they are used in the cluster's order only.
  [[nodiscard]] bool any_order() const { return any_order_; }

 private:
  struct Arrival {       // the state before this one, one device fewer
    std::uint32_t from;  // state
    std::uint32_t device_class;
    DeviceId device;
  };
  struct Step {  // how a table's entry was reached
    std::uint32_t ideal = 0;
    std::uint32_t arrival = 0;  // of its state
  };
  struct Frame {
    std::uint32_t ideal;
    std::uint32_t next;  // removal to follow
  };

  void make_states();
  void make_ordered_states();
  void take(std::span<const std::uint32_t> blocks);
  void give_back(std::span<const std::uint32_t> blocks);
  void change_transfers(std::uint32_t tensor, double sign);
  void fill_crossings(const IdealLattice& lattice);
  void fill(const IdealLattice& lattice, std::uint32_t ideal, const Limits& limits);
  [[nodiscard]] bool hopeless(const Limits& limits) const;
  [[nodiscard]] double piece_cost(std::uint32_t below, std::size_t c, bool relaxed) const;
  void offer(std::uint32_t ideal, std::uint32_t below, const Limits& limits);
  void use_fewer(std::uint32_t ideal);
  [[nodiscard]] Split trace(const IdealLattice& lattice, std::uint32_t state) const;

  const BlockGraph& graph_;
  SplitCost cost_;
  std::vector<std::vector<DeviceId>> classes_;
  std::vector<std::vector<Arrival>> states_;
  bool any_order_ = true;
  bool complete_ = true;
  std::vector<double> times_;            // [blocks x classes]; 0 where not allowed
  std::vector<std::uint8_t> forbidden_;  // [blocks x classes]
  std::vector<double> charges_;          // [tensors x classes]
  std::vector<Bytes> memory_limit_;      // [classes]
  double penalty_ = 0;                   // of a violation, above every load

  // The piece between two ideals.
  std::vector<double> piece_time_;              // [classes]
  std::vector<double> piece_transfer_;          // [classes]
  std::vector<std::uint32_t> piece_forbidden_;  // [classes]: blocks
  Bytes piece_memory_;
  std::vector<std::uint32_t> readers_in_;  // [tensors]
  std::vector<std::uint8_t> owner_in_;     // [tensors]

  std::vector<double> crossing_;        // [ideals x classes]: transfers over the cut above it
  std::vector<double> table_;           // [ideals x states]
  std::vector<Step> steps_;             // [ideals x states]
  std::vector<std::uint32_t> visited_;  // [ideals]: by which larger ideal last
  std::vector<Frame> path_;
  std::vector<double> saved_;        // loads of the piece before each step of the path
  std::vector<double> piece_costs_;  // [classes]
  std::uint64_t pairs_ = 0;
};

}  // namespace placer
