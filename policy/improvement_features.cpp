#include "policy/improvement_features.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace placer::policy {
namespace {

float signed_log(double value) {
  return static_cast<float>(std::copysign(std::log1p(std::abs(value)), value));
}

float within_one(double value) {
  return static_cast<float>(std::clamp(value, -1.0, 1.0));
}

}  // namespace

ImprovementFeatures::ImprovementFeatures(const Problem& problem)
    : graph_(make_task_graph(problem)),
      model_(graph_),
      unit_time_(graph_.num_units() * graph_.num_devices),
      mean_time_(graph_.num_units()),
      device_(graph_.num_tasks),
      start_(graph_.num_units()),
      end_(graph_.num_units()),
      tail_(graph_.num_units()),
      slots_(graph_.num_devices),
      units_(graph_.num_units() * kUnitWidth),
      pairs_(graph_.num_units() * graph_.num_devices * kPairWidth) {
  const std::size_t devices = graph_.num_devices;
  for (std::uint32_t task = 0; task < graph_.num_tasks; ++task) {
    const std::uint32_t unit = graph_.unit_of[task];
    mean_time_[unit] += graph_.mean_time[task];
    for (std::uint32_t d = 0; d < devices; ++d) {
      unit_time_[unit * devices + d] += graph_.time_on(task, d);
    }
  }
  double sum = 0;
  for (std::size_t unit = 0; unit < num_units(); ++unit) {
    sum += static_cast<double>(mean_time_[unit]);
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (std::size_t d = 0; d < devices; ++d) {
      if (may_use(unit, d)) least = std::min(least, unit_time_[unit * devices + d]);
    }
    least_time_.push_back(least);
  }
  mean_of_times_ = std::max(sum / static_cast<double>(num_units()), 1.0);
  std::vector<Edge> edges;
  add_edges(edges);
  add_adjacency(edges);
}

// One for every pair of units that exchange values.
void ImprovementFeatures::add_edges(std::vector<Edge>& edges) const {
  std::vector<std::uint32_t> seen(num_units(), ~std::uint32_t{0});
  for (std::uint32_t value = 0; value < graph_.num_values(); ++value) {
    const std::uint32_t from = graph_.unit_of[graph_.producer[value]];
    for (std::uint32_t r = graph_.first_reader[value]; r < graph_.first_reader[value + 1]; ++r) {
      const std::uint32_t to = graph_.unit_of[graph_.reader[r]];
      if (to == from || seen[to] == value) continue;
      seen[to] = value;
      edges.push_back({from, to, graph_.mean_transfer[value]});
    }
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
    return a.from != b.from ? a.from < b.from : a.to < b.to;
  });
  std::size_t kept = 0;
  for (const Edge& edge : edges) {
    if (kept > 0 && edges[kept - 1].from == edge.from && edges[kept - 1].to == edge.to) {
      edges[kept - 1].time += edge.time;
    } else {
      edges[kept++] = edge;
    }
  }
  edges.resize(kept);
}

void ImprovementFeatures::add_adjacency(const std::vector<Edge>& edges) {
  reads_.first.assign(num_units() + 1, 0);
  readers_.first.assign(num_units() + 1, 0);
  for (const Edge& edge : edges) {
    ++readers_.first[edge.from + 1];
    ++reads_.first[edge.to + 1];
  }
  std::partial_sum(reads_.first.begin(), reads_.first.end(), reads_.first.begin());
  std::partial_sum(readers_.first.begin(), readers_.first.end(), readers_.first.begin());
  reads_.neighbour.resize(edges.size());
  read_time_.resize(edges.size());
  std::vector<std::int64_t> next(reads_.first.begin(), reads_.first.end() - 1);
  for (const Edge& edge : edges) {
    readers_.neighbour.push_back(edge.to);
    reader_time_.push_back(edge.time);
    const auto place = static_cast<std::size_t>(next[edge.to]++);
    reads_.neighbour[place] = edge.from;
    read_time_[place] = edge.time;
  }
}

std::vector<std::uint8_t> ImprovementFeatures::choice(const Placement& placement) const {
  std::vector<std::uint8_t> choice(num_units());
  for (std::uint32_t task = graph_.num_tasks; task-- > 0;) {
    choice[graph_.unit_of[task]] = static_cast<std::uint8_t>(index(placement.device[task]));
  }
  return choice;
}

Placement ImprovementFeatures::placement(std::span<const std::uint8_t> choice) const {
  Placement placement;
  for (std::uint32_t task = 0; task < graph_.num_tasks; ++task) {
    placement.device.push_back(id_at<DeviceId>(choice[graph_.unit_of[task]]));
  }
  return placement;
}

void ImprovementFeatures::read(std::span<const std::uint8_t> choice) {
  schedule(choice);
  describe_units(choice);
  describe_pairs(choice);
}

void ImprovementFeatures::schedule(std::span<const std::uint8_t> choice) {
  for (std::uint32_t task = 0; task < graph_.num_tasks; ++task) {
    device_[task] = choice[graph_.unit_of[task]];
  }
  step_ = static_cast<double>(std::max<std::int64_t>(model_.run(device_), 1));
  std::ranges::fill(start_, std::numeric_limits<std::int64_t>::max());
  std::ranges::fill(end_, 0);
  busy_.assign(num_devices(), 0);
  kept_.assign(num_devices(), 0);
  for (auto& slots : slots_) slots.clear();
  for (std::uint32_t task = 0; task < graph_.num_tasks; ++task) {
    const std::int64_t from = model_.start()[task];
    const std::int64_t time = graph_.time_on(task, device_[task]);
    const std::uint32_t unit = graph_.unit_of[task];
    start_[unit] = std::min(start_[unit], from);
    end_[unit] = std::max(end_[unit], from + time);
    busy_[device_[task]] += time;
    if (time > 0) slots_[device_[task]].push_back({from, from + time});
  }
  for (auto& slots : slots_) std::ranges::sort(slots);
  for (std::size_t unit = 0; unit < num_units(); ++unit) {
    kept_[choice[unit]] += graph_.persistent[unit];
  }
  // The longest remaining path of every unit, later ones first: units that start late end late.
  std::vector<std::uint32_t> order(num_units());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return start_[a] != start_[b] ? start_[a] > start_[b] : a > b;
  });
  for (const std::uint32_t unit : order) {
    std::int64_t after = 0;
    for (auto r = readers_.first[unit]; r < readers_.first[unit + 1]; ++r) {
      const auto edge = static_cast<std::size_t>(r);
      const auto reader = static_cast<std::size_t>(readers_.neighbour[edge]);
      after = std::max(after,
                       tail_[reader] + (choice[reader] == choice[unit] ? 0 : reader_time_[edge]));
    }
    tail_[unit] = end_[unit] - start_[unit] + after;
  }
}

void ImprovementFeatures::describe_units(std::span<const std::uint8_t> choice) {
  for (std::size_t unit = 0; unit < num_units(); ++unit) {
    float* row = &units_[unit * kUnitWidth];
    const std::size_t device = choice[unit];
    std::int64_t in = 0;
    std::int64_t out = 0;
    std::int64_t last_end = 0;
    std::int64_t arrival = 0;
    for (auto r = reads_.first[unit]; r < reads_.first[unit + 1]; ++r) {
      const auto edge = static_cast<std::size_t>(r);
      const auto from = static_cast<std::size_t>(reads_.neighbour[edge]);
      in += read_time_[edge];
      last_end = std::max(last_end, end_[from]);
      arrival = std::max(arrival, end_[from] + (choice[from] == device ? 0 : read_time_[edge]));
    }
    for (auto r = readers_.first[unit]; r < readers_.first[unit + 1]; ++r) {
      out += reader_time_[static_cast<std::size_t>(r)];
    }
    // Ends may be before arrivals by the mean transfer time, and units of several tasks may have
    // slack below zero: nothing that matters is lost by the clamps.
    const double slack =
        std::clamp(1 - static_cast<double>(start_[unit] + tail_[unit]) / step_, 0.0, 1.0);
    const auto relative = [&](std::int64_t time) {
      return static_cast<float>(std::max(static_cast<double>(time), 0.0) / step_);
    };
    const auto log_of = [&](std::int64_t time) {
      return static_cast<float>(std::log1p(static_cast<double>(time) / mean_of_times_));
    };
    const double least = static_cast<double>(std::max<std::int64_t>(least_time_[unit], 1));
    const double here = static_cast<double>(unit_time_[unit * num_devices() + device]);
    row[0] = log_of(mean_time_[unit]);
    row[1] = log_of(in);
    row[2] = log_of(out);
    row[3] = std::log1p(static_cast<float>(reads_.first[unit + 1] - reads_.first[unit]));
    row[4] = std::log1p(static_cast<float>(readers_.first[unit + 1] - readers_.first[unit]));
    row[5] = relative(start_[unit]);
    row[6] = relative(end_[unit]);
    row[7] = static_cast<float>(slack);
    row[8] = static_cast<float>(std::exp(-50 * slack));
    row[9] = relative(start_[unit] - std::max(arrival, last_end));
    row[10] = relative(std::min(arrival, start_[unit]) - last_end);
    row[11] =
        static_cast<float>(static_cast<double>(graph_.persistent[unit]) /
                           static_cast<double>(std::max<std::int64_t>(graph_.limit[device], 1)));
    row[12] = static_cast<float>(std::log(std::max(here, least) / least));
    row[13] = relative(busy_[device]);
  }
}

void ImprovementFeatures::describe_pairs(std::span<const std::uint8_t> choice) {
  for (std::size_t unit = 0; unit < num_units(); ++unit) describe_pairs_of(unit, choice);
}

// Earliest end of something that is ready and takes so long, in a gap of the device or after all.
std::int64_t ImprovementFeatures::earliest_end(std::size_t device, std::int64_t ready,
                                               std::int64_t time) const {
  constexpr std::size_t kLook = 32;  // slots: what comes later is no improvement
  const auto& slots = slots_[device];
  auto slot = std::partition_point(slots.begin(), slots.end(),
                                   [&](const auto& taken) { return taken[1] <= ready; });
  std::int64_t from = ready;
  for (std::size_t i = 0; i < kLook && slot != slots.end(); ++i, ++slot) {
    if ((*slot)[0] - from >= time) return from + time;
    from = std::max(from, (*slot)[1]);
  }
  return from + time;
}

void ImprovementFeatures::describe_pairs_of(std::size_t unit,
                                            std::span<const std::uint8_t> choice) {
  const std::size_t devices = num_devices();
  std::array<std::int64_t, kMaxDevices> from{};  // transfer times by device
  std::array<std::int64_t, kMaxDevices> to{};
  std::int64_t in = 0;
  std::int64_t out = 0;
  // Arrival on a device: what comes from elsewhere takes its transfer; the two latest decide.
  std::array<std::int64_t, kMaxDevices> local_arrival{};
  std::array<std::int64_t, kMaxDevices> remote_arrival{};
  for (auto r = reads_.first[unit]; r < reads_.first[unit + 1]; ++r) {
    const auto edge = static_cast<std::size_t>(r);
    const auto other = static_cast<std::size_t>(reads_.neighbour[edge]);
    const std::size_t d = choice[other];
    from[d] += read_time_[edge];
    in += read_time_[edge];
    local_arrival[d] = std::max(local_arrival[d], end_[other]);
    remote_arrival[d] = std::max(remote_arrival[d], end_[other] + read_time_[edge]);
  }
  for (auto r = readers_.first[unit]; r < readers_.first[unit + 1]; ++r) {
    const auto edge = static_cast<std::size_t>(r);
    to[choice[static_cast<std::size_t>(readers_.neighbour[edge])]] += reader_time_[edge];
    out += reader_time_[edge];
  }
  const std::size_t here = choice[unit];
  const double least = static_cast<double>(std::max<std::int64_t>(least_time_[unit], 1));
  for (std::size_t d = 0; d < devices; ++d) {
    float* row = &pairs_[(unit * devices + d) * kPairWidth];
    std::fill_n(row, kPairWidth, 0.0F);
    row[0] = d == here ? 1.0F : 0.0F;
    if (!may_use(unit, d)) {
      row[9] = 1;
      continue;
    }
    const std::int64_t time = unit_time_[unit * devices + d];
    std::int64_t arrival = local_arrival[d];
    for (std::size_t e = 0; e < devices; ++e) {
      if (e != d) arrival = std::max(arrival, remote_arrival[e]);
    }
    const bool moved = d != here;
    const double busy = static_cast<double>(busy_[d] + (moved ? time : 0));
    const double bytes = static_cast<double>(kept_[d] + (moved ? graph_.persistent[unit] : 0));
    const std::int64_t end = moved ? earliest_end(d, arrival, time) : end_[unit];
    row[1] = static_cast<float>(std::log(std::max(static_cast<double>(time), least) / least));
    row[2] =
        in > 0 ? static_cast<float>(static_cast<double>(from[d]) / static_cast<double>(in)) : 0;
    row[3] =
        out > 0 ? static_cast<float>(static_cast<double>(to[d]) / static_cast<double>(out)) : 0;
    row[4] =
        signed_log(static_cast<double>(from[d] + to[d] - from[here] - to[here]) / mean_of_times_);
    row[5] = static_cast<float>(busy / step_);
    row[6] = static_cast<float>(
        std::min(bytes / static_cast<double>(std::max<std::int64_t>(graph_.limit[d], 1)), 2.0));
    row[7] = within_one(10 * static_cast<double>(arrival - start_[unit]) / step_);
    row[8] = within_one(10 * static_cast<double>(end - end_[unit]) / step_);
  }
}

void ImprovementFeatures::repair(std::vector<std::uint8_t>& choice,
                                 std::span<const float> preference) const {
  const std::size_t devices = num_devices();
  std::vector<std::int64_t> room(graph_.limit.begin(), graph_.limit.end());
  for (std::size_t unit = 0; unit < num_units(); ++unit) {
    room[choice[unit]] -= graph_.persistent[unit];
  }
  std::vector<std::uint32_t> order(num_units());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return graph_.persistent[a] < graph_.persistent[b];
  });
  for (const std::uint32_t unit : order) {
    const std::int64_t bytes = graph_.persistent[unit];
    const std::size_t here = choice[unit];
    if (room[here] >= 0 || bytes == 0) continue;
    std::size_t best = here;
    for (std::size_t d = 0; d < devices; ++d) {
      if (d == here || !may_use(unit, d) || room[d] < bytes) continue;
      if (best == here || preference[unit * devices + d] > preference[unit * devices + best]) {
        best = d;
      }
    }
    room[here] += bytes;
    room[best] -= bytes;
    choice[unit] = static_cast<std::uint8_t>(best);
  }
}

}  // namespace placer::policy
