#pragma once

// How workers tell each other of ops that became ready: a list without locks, linked through one
// array for all.

#include <atomic>
#include <cstdint>
#include <limits>
#include <vector>

namespace placer::profile {

inline constexpr std::uint32_t kNoNode = std::numeric_limits<std::uint32_t>::max();

// Ops that became ready on another worker: any thread pushes, the owner takes all.
class Inbox {
 public:
  // `next` is [nodes], shared by all inboxes of an executor: a node is in one of them at most.
  void push(std::uint32_t node, std::vector<std::uint32_t>& next) {
    std::uint32_t head = head_.load();
    do {
      next[node] = head;
    } while (!head_.compare_exchange_weak(head, node));
  }
  [[nodiscard]] bool empty() const { return head_.load() == kNoNode; }
  [[nodiscard]] std::uint32_t take_all() { return head_.exchange(kNoNode); }

 private:
  std::atomic<std::uint32_t> head_{kNoNode};
};

}  // namespace placer::profile
