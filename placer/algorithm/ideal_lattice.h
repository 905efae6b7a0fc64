#pragma once

// Ideals of a graph of blocks: sets that hold, with a block, everything before it. What one ideal
// has beyond a smaller one is exactly a contiguous set (Tarnawski et al., NeurIPS 2020, section 4).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "placer/algorithm/block_graph.h"

namespace placer {

class IdealLattice {
 public:
  // From one ideal down to a smaller one, by taking out some of its last blocks.
  struct Removal {
    std::uint32_t ideal = 0;  // what is left
    std::uint32_t first = 0;  // the blocks: see blocks()
    std::uint32_t count = 1;
  };

  // Every ideal; nothing when there are more than `most`.
  //   cost  O(ideals * blocks)
  [[nodiscard]] static std::optional<IdealLattice> all(const BlockGraph& graph, std::size_t most);
  // Those of one topological order: its prefixes, at most `most` + 1 of about equal steps.
  //   order  the blocks
  [[nodiscard]] static IdealLattice prefixes(std::vector<std::uint32_t> order, std::size_t most);

  // Ideal 0 is empty, the last one is everything; every ideal comes after those inside it.
  [[nodiscard]] std::size_t size() const { return first_removal_.size() - 1; }
  [[nodiscard]] std::span<const Removal> removals(std::size_t ideal) const {
    return std::span(removals_).subspan(first_removal_[ideal],
                                        first_removal_[ideal + 1] - first_removal_[ideal]);
  }
  [[nodiscard]] std::span<const std::uint32_t> blocks(const Removal& removal) const {
    return std::span(blocks_).subspan(removal.first, removal.count);
  }

 private:
  IdealLattice() = default;

  std::vector<std::size_t> first_removal_;  // [ideals + 1]
  std::vector<Removal> removals_;
  std::vector<std::uint32_t> blocks_;
};

// Topological orders of the blocks: as numbered, and depth first, which stays in a branch to its
// end.
[[nodiscard]] std::vector<std::uint32_t> numbered_order(const BlockGraph& graph);
[[nodiscard]] std::vector<std::uint32_t> depth_first_order(const BlockGraph& graph);

}  // namespace placer
