#pragma once

// Proposals of a large neighbourhood search over the device of each task: part of a placement is
// freed and scheduled anew around the rest.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/contention_list.h"
#include "placer/algorithm/step_model.h"
#include "placer/algorithm/task_graph.h"
#include "placer/base/random.h"

namespace placer {

// What a placement must fit into, as far as a schedule can tell.
struct Room {
  std::vector<std::int64_t> bytes;  // [devices]
  bool count_all_bytes = false;     // see ListOptions
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
  // A schedule of everything: on `devices` (a mask) at a price, with or without knowing `expected`.
  [[nodiscard]] std::vector<std::uint8_t> construct(std::uint64_t devices, double price,
                                                    std::span<const std::uint8_t> expected,
                                                    const Room& room);

  // Takes the placement that proposals change.
  void load(std::vector<std::uint8_t> device);
  [[nodiscard]] const std::vector<std::uint8_t>& current() const { return current_; }
  // Another placement; the current one remains.
  [[nodiscard]] std::vector<std::uint8_t> propose(Rng& rng, const Room& room);

 private:
  void free_stretch(Rng& rng);
  void free_at_random(Rng& rng);

  const TaskGraph& graph_;
  StepModel model_;
  ContentionList list_;
  std::vector<std::uint8_t> current_;  // [tasks]
  std::vector<std::uint32_t> order_;   // [tasks], by start in the current placement
  std::vector<std::uint8_t> frozen_;   // [units]
};

}  // namespace placer
