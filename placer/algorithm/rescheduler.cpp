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
    : graph_(graph), model_(graph), list_(graph), online_(graph), frozen_(graph.num_units()) {}

std::vector<std::uint8_t> Rescheduler::construct(const Construction& wanted,
                                                 std::span<const std::uint8_t> expected,
                                                 const Room& room) {
  return list_.run(model_.by_rank(), room,
                   {.devices = wanted.devices, .price = wanted.price, .expected = expected});
}

OrderedPlacement Rescheduler::construct_online(const Construction& wanted,
                                               std::span<const std::uint8_t> expected,
                                               const Room& room) {
  return online_.run(model_.by_rank(), room,
                     {.devices = wanted.devices, .price = wanted.price, .expected = expected});
}

void Rescheduler::load(OrderedPlacement placement) {
  current_ = std::move(placement);
  static_cast<void>(model_.run(current_.device, current_.order));
  const auto start = model_.start();
  by_start_.assign(by_urgency().begin(), by_urgency().end());
  std::stable_sort(by_start_.begin(), by_start_.end(),
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
    frozen_[graph_.unit_of[by_start_[i]]] = 0;
  }
}

void Rescheduler::free_at_random(Rng& rng) {
  const double share = draw(rng, 0.01, 0.5);
  for (std::uint8_t& frozen : frozen_) frozen = rng.uniform() < share ? 0 : 1;
}

ListOptions Rescheduler::free_some(Rng& rng) {
  if (rng.below(4) == 0) {
    free_at_random(rng);
  } else {
    free_stretch(rng);
  }
  ListOptions options;
  options.price = draw(rng, 0.03, 30);
  options.expected = current_.device;
  options.frozen = frozen_;
  // Half of the time only what is on a few devices moves, and stays among them.
  if (graph_.num_devices > 2 && rng.below(2) == 0) {
    options.devices = 0;
    for (std::uint64_t k = 2 + rng.below(2); k > 0; --k) {
      options.devices |= std::uint64_t{1} << rng.below(graph_.num_devices);
    }
    for (std::uint32_t t = 0; t < graph_.num_tasks; ++t) {
      if ((options.devices >> current_.device[t] & 1) == 0) frozen_[graph_.unit_of[t]] = 1;
    }
  }
  return options;
}

std::vector<std::uint8_t> Rescheduler::propose(Rng& rng, const Room& room) {
  const ListOptions options = free_some(rng);
  // By start, links are reserved about as the step uses them; by rank, the urgent choose first.
  const bool by_start = rng.below(2) == 0;
  return list_.run(by_start ? by_start_ : model_.by_rank(), room, options);
}

OrderedPlacement Rescheduler::propose_online(Rng& rng, const Room& room) {
  const ListOptions options = free_some(rng);
  const bool by_rank = rng.below(2) == 0;
  return online_.run(by_rank ? model_.by_rank() : by_urgency(), room, options);
}

}  // namespace placer
