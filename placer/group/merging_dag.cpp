#include "placer/group/merging_dag.h"

#include <algorithm>
#include <numeric>

#include "placer/base/error.h"

namespace placer {

MergingDag::MergingDag(std::size_t size,
                       const std::vector<std::pair<std::uint32_t, std::uint32_t>>& edges)
    : merged_(size),
      successors_(size),
      predecessors_(size),
      position_(size),
      at_(size),
      seen_(size, 0),
      num_left_(size) {
  std::iota(position_.begin(), position_.end(), std::uint32_t{0});
  std::iota(at_.begin(), at_.end(), std::uint32_t{0});
  for (const auto& [from, to] : edges) {
    PLACER_CHECK(from < to, "not in topological order");
    successors_[from].push_back(to);
    predecessors_[to].push_back(from);
  }
}

std::vector<std::uint32_t> MergingDag::order() const {
  std::vector<std::uint32_t> result;
  result.reserve(num_left_);
  std::copy_if(at_.begin(), at_.end(), std::back_inserter(result),
               [](std::uint32_t x) { return x != kNone; });
  return result;
}

const std::vector<std::uint32_t>& MergingDag::cleaned(std::vector<std::uint32_t>& list,
                                                      std::uint32_t self) {
  for (std::uint32_t& x : list) {
    x = find(x);
  }
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  std::erase(list, self);
  return list;
}

const std::vector<std::uint32_t>& MergingDag::successors(std::uint32_t x) {
  return cleaned(successors_[x], x);
}
const std::vector<std::uint32_t>& MergingDag::predecessors(std::uint32_t x) {
  return cleaned(predecessors_[x], x);
}

std::uint32_t MergingDag::after(std::uint32_t x) const {
  const auto next = std::find_if(at_.begin() + position_[x] + 1, at_.end(),
                                 [](std::uint32_t y) { return y != kNone; });
  return next == at_.end() ? kNone : *next;
}
std::uint32_t MergingDag::before(std::uint32_t x) const {
  for (std::uint32_t p = position_[x]; p > 0; --p) {
    if (at_[p - 1] != kNone) {
      return at_[p - 1];
    }
  }
  return kNone;
}

// Leaves the stamp of this search on all that `from` reaches before `to`.
bool MergingDag::reaches_indirectly(std::uint32_t from, std::uint32_t to) {
  ++stamp_;
  stack_.clear();
  stack_.push_back(from);
  while (!stack_.empty()) {
    const std::uint32_t x = stack_.back();
    stack_.pop_back();
    for (const std::uint32_t raw : successors_[x]) {
      const std::uint32_t next = find(raw);
      if (next == to) {
        if (x != from) {
          return true;
        }
        continue;
      }
      if (position_[next] < position_[to] && next != x && seen_[next] != stamp_) {
        seen_[next] = stamp_;
        stack_.push_back(next);
      }
    }
  }
  return false;
}

std::uint32_t MergingDag::merge(std::uint32_t a, std::uint32_t b) {
  if (position_[a] > position_[b]) {
    std::swap(a, b);
  }
  if (reaches_indirectly(a, b)) {
    return kNone;
  }
  // What a reaches comes after the merged node, the rest of the range before it.
  const std::uint32_t begin = position_[a];
  const std::uint32_t end = position_[b];
  std::vector<std::uint32_t> later;
  std::uint32_t next = begin;
  const auto put = [&](std::uint32_t x) {
    at_[next] = x;
    position_[x] = next++;
  };
  for (std::uint32_t p = begin + 1; p < end; ++p) {
    const std::uint32_t x = at_[p];
    if (x != kNone && seen_[x] == stamp_) {
      later.push_back(x);
    } else if (x != kNone) {
      put(x);
    }
  }
  put(a);
  for (const std::uint32_t x : later) {
    put(x);
  }
  std::fill(at_.begin() + next, at_.begin() + end + 1, kNone);

  merged_.attach(b, a);
  successors_[a].insert(successors_[a].end(), successors_[b].begin(), successors_[b].end());
  predecessors_[a].insert(predecessors_[a].end(), predecessors_[b].begin(), predecessors_[b].end());
  successors_[b] = {};
  predecessors_[b] = {};
  --num_left_;
  cleaned(successors_[a], a);
  cleaned(predecessors_[a], a);
  return a;
}

}  // namespace placer
