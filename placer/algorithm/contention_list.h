#pragma once

// List scheduling that sees the contention for links: tasks in order, each to the device where it
// ends earliest when its inputs have to wait for both ends of their links, as in Sinnen, Sousa:
// Communication contention in task scheduling, IEEE TPDS 16(6), 2005 (there with routes and
// insertion; here the ends of links are the resources, and what comes later is appended). A price
// on transfers, and an earlier answer to expect the readers on, make of it the step of a search.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/task_graph.h"

namespace placer {

struct ListOptions {
  std::uint64_t devices = ~std::uint64_t{0};  // mask; a unit that may use none of them ignores it
  // What a new transfer costs beside its delay: so many times as long as it holds a link.
  double price = 0;
  // [tasks] where readers are expected (empty: unknown), at the same price.
  std::span<const std::uint8_t> expected = {};
  // [units], with `expected`: nonzero for units that stay as expected; empty: none.
  std::span<const std::uint8_t> frozen = {};
  // Units are counted with all that they produce, not with what they keep only.
  bool count_all_bytes = false;
};

class ContentionList {
 public:
  explicit ContentionList(const TaskGraph& graph);

  // A device per task.
  //   order  [tasks], topological
  //   room   [devices]: bytes; may be overdrawn where nothing else is left
  //   cost   O(reads x devices)
  [[nodiscard]] std::vector<std::uint8_t> run(std::span<const std::uint32_t> order,
                                              std::span<const std::int64_t> room,
                                              const ListOptions& options);

 private:
  static constexpr std::uint8_t kNone = 0xFF;

  void reset(std::span<const std::int64_t> room);
  void schedule(std::uint32_t task, const ListOptions& options);
  [[nodiscard]] std::uint64_t candidates(std::uint32_t unit, const ListOptions& options) const;
  // What the task's transfers to the expected devices of its readers would hold links for.
  void price_readers(std::uint32_t task, std::uint64_t among,
                     std::span<const std::uint8_t> expected);
  struct Trial {
    std::int64_t ready = 0;
    std::int64_t held = 0;  // by transfers that are not under way yet
  };
  Trial receive(std::uint32_t task, std::uint32_t device, bool keep);
  void place(std::uint32_t task, std::uint32_t device);
  void fix(std::uint32_t unit, std::uint32_t device, const ListOptions& options);
  [[nodiscard]] std::uint32_t roomiest(std::uint64_t among) const;
  [[nodiscard]] std::int64_t bytes(std::uint32_t unit, const ListOptions& options) const {
    return options.count_all_bytes ? graph_.bytes[unit] : graph_.persistent[unit];
  }

  const TaskGraph& graph_;
  std::vector<std::uint8_t> fixed_;    // [units]
  std::vector<std::int64_t> end_;      // [tasks]
  std::vector<std::int64_t> arrival_;  // [values x devices]; -1: not sent there
  std::vector<std::int64_t> free_;     // [devices]
  std::vector<std::int64_t> egress_;   // [devices]
  std::vector<std::int64_t> ingress_;  // [devices]
  std::vector<std::int64_t> trial_egress_;
  std::vector<std::int64_t> bus_;
  std::vector<std::int64_t> room_;
  std::vector<std::int64_t> readers_hold_;  // [devices]
};

}  // namespace placer
