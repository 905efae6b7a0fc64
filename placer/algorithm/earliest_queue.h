#pragma once

// Ready ops of one device, by when they could start there: what ETF and SCT choose from.

#include <optional>

#include "placer/base/ids.h"
#include "placer/base/min_heap.h"
#include "placer/base/units.h"

namespace placer {

class EarliestQueue {
 public:
  struct Entry {
    SimTime start;
    NodeId op{};
    auto operator<=>(const Entry&) const = default;
  };

  // The op's inputs can be there at `arrival`.
  void add(NodeId op, SimTime arrival) { coming_.push({arrival, op}); }

  // The op that can start first on a device that is free from `free` on, which never decreases; the
  // lowest of equals. Ops for which keep(op) is false are dropped for good.
  template <typename Keep>
  [[nodiscard]] std::optional<Entry> first(SimTime free, Keep keep) {
    while (!coming_.empty() && coming_.top().start <= free) {
      come_.push(take_least(coming_).op);
    }
    while (!come_.empty() && !keep(come_.top())) {
      come_.pop();
    }
    if (!come_.empty()) {
      return Entry{free, come_.top()};
    }
    while (!coming_.empty() && !keep(coming_.top().op)) {
      coming_.pop();
    }
    return coming_.empty() ? std::nullopt : std::optional(coming_.top());
  }

 private:
  MinHeap<Entry> coming_;  // inputs arrive after the device is free
  MinHeap<NodeId> come_;   // could start at once
};

}  // namespace placer
