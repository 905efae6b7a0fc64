#include "placer/algorithm/rescheduler.h"

#include <algorithm>
#include <cmath>

namespace placer {
namespace {

// Log-uniform in [low, high).
double draw(Rng& rng, double low, double high) {
  return low * std::pow(high / low, rng.uniform());
}

}  // namespace

Rescheduler::Rescheduler(const TaskGraph& graph)
    : graph_(graph), model_(graph), list_(graph), frozen_(graph.num_units()) {}

std::vector<std::uint8_t> Rescheduler::construct(std::uint64_t devices, double price,
                                                 std::span<const std::uint8_t> expected,
                                                 const Room& room) {
  ListOptions options;
  options.devices = devices;
  options.price = price;
  options.expected = expected;
  options.count_all_bytes = room.count_all_bytes;
  return list_.run(model_.by_rank(), room.bytes, options);
}

void Rescheduler::load(std::vector<std::uint8_t> device) {
  current_ = std::move(device);
  static_cast<void>(model_.run(current_));
  const auto start = model_.start();
  order_.assign(model_.by_rank().begin(), model_.by_rank().end());
  std::stable_sort(order_.begin(), order_.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return start[a] < start[b]; });
}

// Units with a task in a stretch of time.
void Rescheduler::free_stretch(Rng& rng) {
  std::ranges::fill(frozen_, 1);
  const double tasks = graph_.num_tasks;
  const auto length = static_cast<std::size_t>(std::ceil(draw(rng, 4 / (tasks + 4), 1) * tasks));
  const std::size_t first =
      rng.below(graph_.num_tasks - std::min<std::size_t>(length, graph_.num_tasks) + 1);
  for (std::size_t i = first; i < std::min<std::size_t>(first + length, graph_.num_tasks); ++i) {
    frozen_[graph_.unit_of[order_[i]]] = 0;
  }
}

void Rescheduler::free_at_random(Rng& rng) {
  const double share = draw(rng, 0.01, 0.5);
  for (std::uint8_t& frozen : frozen_) frozen = rng.uniform() < share ? 0 : 1;
}

std::vector<std::uint8_t> Rescheduler::propose(Rng& rng, const Room& room) {
  if (rng.below(4) == 0) {
    free_at_random(rng);
  } else {
    free_stretch(rng);
  }
  ListOptions options;
  options.price = draw(rng, 0.03, 30);
  options.expected = current_;
  options.frozen = frozen_;
  options.count_all_bytes = room.count_all_bytes;
  // Half of the time only what is on a few devices moves, and stays among them.
  if (graph_.num_devices > 2 && rng.below(2) == 0) {
    options.devices = 0;
    for (std::uint64_t k = 2 + rng.below(2); k > 0; --k) {
      options.devices |= std::uint64_t{1} << rng.below(graph_.num_devices);
    }
    for (std::uint32_t t = 0; t < graph_.num_tasks; ++t) {
      if ((options.devices >> current_[t] & 1) == 0) frozen_[graph_.unit_of[t]] = 1;
    }
  }
  // By start, links are reserved about as the step uses them; by rank, what is urgent chooses first.
  const bool by_start = rng.below(2) == 0;
  return list_.run(by_start ? order_ : model_.by_rank(), room.bytes, options);
}

}  // namespace placer
