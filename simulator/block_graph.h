#pragma once

// The order of blocks: every accelerator's nodes are one block that starts when all its inputs are
// there and whose results exist when all of it is done; nodes on hosts stand alone.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "placer/base/ids.h"
#include "placer/cost/load_model.h"
#include "simulator/load_tables.h"

namespace placer::sim {

// Kept while nodes move. Times in the ticks of the tables that it is made with.
class BlockGraph {
 public:
  // Both outlive it.
  BlockGraph(const LoadModel& model, const LoadTables& tables);

  void load(std::span<const DeviceId> device);  // [nodes]
  //   cost  O(degree of the node)
  void move(NodeId node, DeviceId to);
  // When the last block or node is done; nothing: blocks wait for one another in a cycle.
  //   duration  [devices]: of an accelerator's block
  //   cost      O(V + E)
  [[nodiscard]] std::optional<std::int64_t> finish(std::span<const std::int64_t> duration);

 private:
  // What a node on a host, or a block, waits for.
  struct Wait {
    std::int64_t start = 0;    // the latest of its inputs so far
    std::uint32_t inputs = 0;  // that are not there yet
  };

  [[nodiscard]] bool on_host(std::size_t node) const { return is_host_[device_[node]]; }
  // Tells the readers of `node`, which is done at `time`; those in its own block know.
  void announce(std::size_t node, std::int64_t time);
  void add_member(std::uint32_t node, std::uint32_t device);
  void remove_member(std::uint32_t node);

  std::uint32_t num_nodes_;
  std::vector<std::uint32_t> first_reader_;  // [nodes + 1] into reader_
  std::vector<std::uint32_t> reader_;
  std::vector<std::uint32_t> first_source_;  // [nodes + 1] into source_
  std::vector<std::uint32_t> source_;
  std::vector<std::uint32_t> roots_;     // nodes without sources
  std::vector<bool> is_host_;            // [devices]
  std::vector<std::int64_t> host_time_;  // [devices x nodes]; 0 for accelerators

  std::vector<std::uint32_t> device_;  // [nodes]
  std::vector<std::vector<std::uint32_t>>
      members_;                          // [devices]: nodes of each block; none of hosts
  std::vector<std::uint32_t> place_;     // [nodes]: position in members_
  std::vector<std::uint32_t> entering_;  // [devices]: edges into its block

  std::vector<Wait> at_rest_;  // [nodes, then devices]: before anything is done
  std::vector<Wait> wait_;     // the same while finish() works
  std::vector<std::uint32_t> ready_;
};

}  // namespace placer::sim
