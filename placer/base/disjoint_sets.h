#pragma once

// Sets of numbers that are merged, two at a time (union-find with path halving). Not even const
// methods may be called by two threads at once.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace placer {

class DisjointSets {
 public:
  // 0 to size-1, each alone.
  explicit DisjointSets(std::size_t size) : parent_(size) {
    std::iota(parent_.begin(), parent_.end(), std::uint32_t{0});
  }

  // The member that names the set of x.
  [[nodiscard]] std::uint32_t find(std::uint32_t x) const {
    while (parent_[x] != x) {
      x = parent_[x] = parent_[parent_[x]];
    }
    return x;
  }
  // The lower name stays, so that the result does not depend on the order of calls.
  void unite(std::uint32_t a, std::uint32_t b) {
    a = find(a);
    b = find(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }
  // The name of the host's set stays.
  void attach(std::uint32_t guest, std::uint32_t host) { parent_[find(guest)] = find(host); }

  struct Numbering {
    std::vector<std::uint32_t> number_of;  // [size]
    std::size_t count = 0;                 // of sets
  };
  // The sets in order of their lowest members; unite() alone made them.
  [[nodiscard]] Numbering numbered() const {
    Numbering result{std::vector<std::uint32_t>(parent_.size()), 0};
    for (std::uint32_t x = 0; x < parent_.size(); ++x) {
      const std::uint32_t lowest = find(x);
      result.number_of[x] =
          lowest == x ? static_cast<std::uint32_t>(result.count++) : result.number_of[lowest];
    }
    return result;
  }

 private:
  mutable std::vector<std::uint32_t> parent_;
};

}  // namespace placer
