#pragma once

// Proposals of a large neighbourhood search over the device of each task: part of a placement is
// freed and scheduled anew around the rest.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/contention_list.h"
#include "placer/algorithm/online_list.h"
#include "placer/algorithm/step_model.h"
#include "placer/algorithm/task_graph.h"
#include "placer/base/random.h"

namespace placer {

// A schedule of everything.
struct Construction {
  std::uint64_t devices = 0;  // mask
  double price = 0;           // see ListOptions
};

class Rescheduler {
 public:
  // Keeps a reference to `graph`.
  explicit Rescheduler(const TaskGraph& graph);

  [[nodiscard]] const TaskGraph& graph() const { return graph_; }
  // Step time by the model.
  [[nodiscard]] std::int64_t judge(std::span<const std::uint8_t> device) {
    return model_.run(device);
  }
  // With or without knowing `expected`.
  [[nodiscard]] std::vector<std::uint8_t> construct(const Construction& wanted,
                                                    std::span<const std::uint8_t> expected,
                                                    const Room& room);
  // The same in the order of time.
  [[nodiscard]] OrderedPlacement construct_online(const Construction& wanted,
                                                  std::span<const std::uint8_t> expected,
                                                  const Room& room);

  // Takes the placement that proposals change.
  void load(OrderedPlacement placement);
  [[nodiscard]] const OrderedPlacement& current() const { return current_; }
  // Another placement, of the same order; the current one remains.
  [[nodiscard]] std::vector<std::uint8_t> propose(Rng& rng, const Room& room);
  // Another placement with an order of its own.
  [[nodiscard]] OrderedPlacement propose_online(Rng& rng, const Room& room);

 private:
  // Frees some units for a proposal.
  ListOptions free_some(Rng& rng);
  void free_stretch(Rng& rng);
  void free_at_random(Rng& rng);
  [[nodiscard]] std::span<const std::uint32_t> by_urgency() const {
    return current_.order.empty() ? model_.by_rank() : std::span(current_.order);
  }

  const TaskGraph& graph_;
  StepModel model_;
  ContentionList list_;
  OnlineList online_;
  OrderedPlacement current_;
  std::vector<std::uint32_t> by_start_;  // [tasks], in the current placement
  std::vector<std::uint8_t> frozen_;     // [units]
};

}  // namespace placer
