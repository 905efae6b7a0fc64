#include "placer/algorithm/list_state.h"

#include <algorithm>
#include <bit>

namespace placer {

ListState::ListState(const TaskGraph& graph)
    : graph_(graph),
      fixed_(graph.num_units()),
      end_(graph.num_tasks),
      arrival_(graph.num_values() * graph.num_devices),
      egress_(graph.num_devices),
      ingress_(graph.num_devices),
      trial_egress_(graph.num_devices),
      bus_(graph.num_buses),
      readers_hold_(graph.num_devices) {}

void ListState::reset(const Room& room, const ListOptions& options) {
  std::ranges::fill(fixed_, kNone);
  std::ranges::fill(end_, 0);
  std::ranges::fill(arrival_, -1);
  std::ranges::fill(egress_, 0);
  std::ranges::fill(ingress_, 0);
  std::ranges::fill(bus_, 0);
  room_ = room;
  for (std::uint32_t t = 0; !options.frozen.empty() && t < graph_.num_tasks; ++t) {
    const std::uint32_t unit = graph_.unit_of[t];
    if (options.frozen[unit] != 0 && fixed_[unit] == kNone) fix(unit, options.expected[t]);
  }
}

std::vector<std::uint8_t> ListState::devices(const ListOptions& options) {
  std::vector<std::uint8_t> result(graph_.num_tasks);
  for (std::uint32_t t = 0; t < graph_.num_tasks; ++t) {
    const std::uint32_t unit = graph_.unit_of[t];
    if (fixed_[unit] == kNone) fix(unit, roomiest(candidates(unit, options)));
    result[t] = fixed_[unit];
  }
  return result;
}

std::uint64_t ListState::candidates(std::uint32_t unit, const ListOptions& options) const {
  const std::uint64_t wanted = graph_.allowed[unit] & options.devices;
  return wanted != 0 ? wanted : graph_.allowed[unit];
}

std::uint32_t ListState::roomiest(std::uint64_t among) const {
  auto best = static_cast<std::uint32_t>(std::countr_zero(among));
  for (; among != 0; among &= among - 1) {
    const auto d = static_cast<std::uint32_t>(std::countr_zero(among));
    if (room_.bytes[d] > room_.bytes[best]) best = d;
  }
  return best;
}

void ListState::fix(std::uint32_t unit, std::uint32_t device) {
  fixed_[unit] = static_cast<std::uint8_t>(device);
  room_.bytes[device] -= bytes(unit);
}

void ListState::price_readers(std::uint32_t task, std::uint64_t among,
                              std::span<const std::uint8_t> expected) {
  std::ranges::fill(readers_hold_, 0);
  for (std::uint32_t v = graph_.first_value[task]; v < graph_.first_value[task + 1]; ++v) {
    std::uint64_t targets = 0;
    for (std::uint32_t r = graph_.first_reader[v]; r < graph_.first_reader[v + 1]; ++r) {
      targets |= std::uint64_t{1} << expected[graph_.reader[r]];
    }
    for (std::uint64_t from = among; from != 0; from &= from - 1) {
      const auto d = static_cast<std::uint32_t>(std::countr_zero(from));
      for (std::uint64_t to = targets; to != 0; to &= to - 1) {
        const std::int64_t hold =
            graph_.hold(v, graph_.link(d, static_cast<std::uint32_t>(std::countr_zero(to))));
        readers_hold_[d] += std::max<std::int64_t>(hold, 0);
      }
    }
  }
}

// The inputs' way to the device: tried out, or with the links reserved.
ListState::Trial ListState::receive(std::uint32_t task, std::uint32_t device, bool keep) {
  Trial trial;
  std::int64_t ingress = ingress_[device];
  std::vector<std::int64_t>& egress = keep ? egress_ : trial_egress_;
  if (!keep) std::ranges::copy(egress_, egress.begin());
  for (std::uint32_t i = graph_.first_input[task]; i < graph_.first_input[task + 1]; ++i) {
    const std::uint32_t value = graph_.input[i];
    const std::uint32_t producer = graph_.producer[value];
    const std::uint8_t from = fixed_[graph_.unit_of[producer]];
    if (from == kNone) continue;  // it will be where it is read
    if (from == device) {
      trial.ready = std::max(trial.ready, end_[producer]);
      continue;
    }
    std::int64_t& known = arrival_[std::size_t{value} * graph_.num_devices + device];
    std::int64_t arrival = known;
    if (arrival < 0) {
      const std::uint32_t link = graph_.link(from, device);
      const std::int64_t hold = graph_.hold(value, link);
      std::int64_t start = end_[producer];
      if (hold >= 0) {
        start = std::max({start, egress[from], ingress, bus_[graph_.bus[link]]});
        egress[from] = ingress = start + hold;
        if (keep && graph_.bus[link] != 0) bus_[graph_.bus[link]] = start + hold;
      }
      const std::int64_t held = std::max<std::int64_t>(hold, 0);
      arrival = start + held + graph_.latency[link];
      trial.held += held;
      if (keep) known = arrival;
    }
    trial.ready = std::max(trial.ready, arrival);
  }
  if (keep) ingress_[device] = ingress;
  return trial;
}

std::uint32_t ListState::choose(std::uint32_t task, std::span<const std::int64_t> free,
                                const ListOptions& options) {
  const std::uint32_t unit = graph_.unit_of[task];
  if (fixed_[unit] != kNone) return fixed_[unit];
  const std::uint64_t among = candidates(unit, options);
  const bool priced = options.price > 0 && !options.expected.empty();
  if (priced) price_readers(task, among, options.expected);
  std::uint32_t best = graph_.num_devices;
  double best_score = 0;
  for (std::uint64_t left = among; left != 0; left &= left - 1) {
    const auto d = static_cast<std::uint32_t>(std::countr_zero(left));
    if (bytes(unit) > room_.bytes[d]) continue;
    const Trial trial = receive(task, d, false);
    const std::int64_t end = std::max(trial.ready, free[d]) + graph_.time_on(task, d);
    const std::int64_t held = trial.held + (priced ? readers_hold_[d] : 0);
    const double score = static_cast<double>(end) + options.price * static_cast<double>(held);
    if (best == graph_.num_devices || score < best_score) {
      best = d;
      best_score = score;
    }
  }
  if (best == graph_.num_devices) best = roomiest(among);
  take(task, best);
  return best;
}

std::uint64_t ListState::open(std::uint32_t task, const ListOptions& options) const {
  const std::uint32_t unit = graph_.unit_of[task];
  if (fixed_[unit] != kNone) return std::uint64_t{1} << fixed_[unit];
  const std::uint64_t among = candidates(unit, options);
  std::uint64_t roomy = 0;
  for (std::uint64_t left = among; left != 0; left &= left - 1) {
    const auto d = static_cast<std::uint32_t>(std::countr_zero(left));
    if (bytes(unit) <= room_.bytes[d]) roomy |= std::uint64_t{1} << d;
  }
  return roomy != 0 ? roomy : std::uint64_t{1} << roomiest(among);
}

void ListState::take(std::uint32_t task, std::uint32_t device) {
  const std::uint32_t unit = graph_.unit_of[task];
  if (fixed_[unit] == kNone) fix(unit, device);
  for (std::uint32_t i = graph_.first_input[task]; i < graph_.first_input[task + 1]; ++i) {
    const std::uint32_t source = graph_.unit_of[graph_.producer[graph_.input[i]]];
    if (fixed_[source] == kNone && (graph_.allowed[source] >> device & 1) != 0) {
      fix(source, device);
    }
  }
}

}  // namespace placer
