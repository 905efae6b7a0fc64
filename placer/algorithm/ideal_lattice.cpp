#include "placer/algorithm/ideal_lattice.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "placer/base/random.h"

namespace placer {
namespace {

constexpr std::size_t kWordBits = 64;

// Sets of blocks, one after another in one array, found by their content.
class BlockSets {
 public:
  explicit BlockSets(std::size_t blocks)
      : words_((blocks + kWordBits - 1) / kWordBits), index_(16, Hash{this}, Equal{this}) {
    bits_.assign(words_, 0);
    index_.insert(0);
  }

  [[nodiscard]] std::size_t size() const { return words_ == 0 ? 1 : bits_.size() / words_; }
  [[nodiscard]] bool has(std::size_t set, std::uint32_t block) const {
    return (bits_[set * words_ + block / kWordBits] >> block % kWordBits & 1) != 0;
  }
  // The number of the set that is `set` and `block`; new ones are added.
  std::uint32_t with(std::size_t set, std::uint32_t block) {
    const auto candidate = static_cast<std::uint32_t>(size());
    bits_.resize(bits_.size() + words_);
    std::copy_n(bits_.begin() + static_cast<std::ptrdiff_t>(set * words_), words_,
                bits_.end() - static_cast<std::ptrdiff_t>(words_));
    bits_[candidate * words_ + block / kWordBits] |= std::uint64_t{1} << block % kWordBits;
    const auto [found, is_new] = index_.insert(candidate);
    if (!is_new) {
      bits_.resize(bits_.size() - words_);
    }
    return *found;
  }

 private:
  [[nodiscard]] std::span<const std::uint64_t> bits(std::uint32_t set) const {
    return std::span(bits_).subspan(set * words_, words_);
  }
  struct Hash {
    const BlockSets* sets;
    std::size_t operator()(std::uint32_t set) const {
      std::uint64_t hash = 0;
      for (const std::uint64_t word : sets->bits(set)) {
        hash = splitmix64(hash ^ word);
      }
      return hash;
    }
  };
  struct Equal {
    const BlockSets* sets;
    bool operator()(std::uint32_t a, std::uint32_t b) const {
      return std::ranges::equal(sets->bits(a), sets->bits(b));
    }
  };

  std::size_t words_;
  std::vector<std::uint64_t> bits_;
  std::unordered_set<std::uint32_t, Hash, Equal> index_;
};

bool may_follow(const BlockGraph& graph, const BlockSets& sets, std::size_t ideal,
                std::uint32_t block) {
  const auto& before = graph.before[block];
  return !sets.has(ideal, block) &&
         std::all_of(before.begin(), before.end(),
                     [&](std::uint32_t other) { return sets.has(ideal, other); });
}

}  // namespace

std::optional<IdealLattice> IdealLattice::all(const BlockGraph& graph, std::size_t most) {
  struct Step {
    std::uint32_t larger;
    Removal removal;
  };
  BlockSets sets(graph.size());
  std::vector<Step> steps;
  // Breadth first, so that ideals are numbered by size.
  for (std::uint32_t ideal = 0; ideal < sets.size(); ++ideal) {
    for (std::uint32_t block = 0; block < graph.size(); ++block) {
      if (may_follow(graph, sets, ideal, block)) {
        steps.push_back({sets.with(ideal, block), {.ideal = ideal, .first = block}});
      }
    }
    if (sets.size() > most) {
      return std::nullopt;
    }
  }
  IdealLattice lattice;
  lattice.blocks_ = numbered_order(graph);
  lattice.first_removal_.assign(sets.size() + 1, 0);
  for (const Step& step : steps) {
    ++lattice.first_removal_[step.larger + 1];
  }
  std::partial_sum(lattice.first_removal_.begin(), lattice.first_removal_.end(),
                   lattice.first_removal_.begin());
  lattice.removals_.resize(steps.size());
  std::vector<std::size_t> next = lattice.first_removal_;
  for (const Step& step : steps) {
    lattice.removals_[next[step.larger]++] = step.removal;
  }
  return lattice;
}

IdealLattice IdealLattice::prefixes(std::vector<std::uint32_t> order, std::size_t most) {
  const std::size_t steps = std::min(order.size(), most);
  IdealLattice lattice;
  lattice.first_removal_ = {0, 0};
  for (std::size_t i = 0; i < steps; ++i) {
    const std::size_t first = order.size() * i / steps;
    const std::size_t last = order.size() * (i + 1) / steps;
    lattice.removals_.push_back({.ideal = static_cast<std::uint32_t>(i),
                                 .first = static_cast<std::uint32_t>(first),
                                 .count = static_cast<std::uint32_t>(last - first)});
    lattice.first_removal_.push_back(lattice.removals_.size());
  }
  lattice.blocks_ = std::move(order);
  return lattice;
}

std::vector<std::uint32_t> numbered_order(const BlockGraph& graph) {
  std::vector<std::uint32_t> order(graph.size());
  std::iota(order.begin(), order.end(), std::uint32_t{0});
  return order;
}

std::vector<std::uint32_t> depth_first_order(const BlockGraph& graph) {
  std::vector<std::size_t> waiting(graph.size());
  std::vector<std::uint32_t> ready;
  for (std::uint32_t block = 0; block < graph.size(); ++block) {
    waiting[block] = graph.before[block].size();
  }
  for (auto block = static_cast<std::uint32_t>(graph.size()); block-- > 0;) {
    if (waiting[block] == 0) {
      ready.push_back(block);
    }
  }
  std::vector<std::uint32_t> order;
  while (!ready.empty()) {
    const std::uint32_t block = ready.back();
    ready.pop_back();
    order.push_back(block);
    const auto& after = graph.after[block];
    for (auto next = after.rbegin(); next != after.rend(); ++next) {
      if (--waiting[*next] == 0) {
        ready.push_back(*next);
      }
    }
  }
  return order;
}

}  // namespace placer
