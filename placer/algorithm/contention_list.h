#pragma once

// List scheduling that sees the contention for links: tasks in order, each to the device where it
// ends earliest when its inputs have to wait for both ends of their links, as in Sinnen, Sousa:
// Communication contention in task scheduling, IEEE TPDS 16(6), 2005 (there with routes and
// insertion; here the ends of links are the resources, and what comes later is appended). A price
// on transfers, and an earlier answer to expect the readers on, make of it the step of a search.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/list_state.h"

namespace placer {

class ContentionList {
 public:
  explicit ContentionList(const TaskGraph& graph);

  // A device per task.
  //   order  [tasks], topological
  //   cost   O(reads x devices)
  [[nodiscard]] std::vector<std::uint8_t> run(std::span<const std::uint32_t> order,
                                              const Room& room, const ListOptions& options);

 private:
  const TaskGraph& graph_;
  ListState state_;
  std::vector<std::int64_t> free_;  // [devices]
};

}  // namespace placer
