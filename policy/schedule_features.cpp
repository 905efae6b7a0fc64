#include "policy/schedule_features.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "policy/node_features.h"

namespace placer::policy {
namespace {

// Tasks with very many siblings (all that read one parameter's producer) are looked at by this many
// of them, the nearest in topological order.
constexpr std::size_t kMostSiblings = 16;

template <typename Function>
void for_each_bit(std::uint64_t mask, const Function& function) {
  for (; mask != 0; mask &= mask - 1) {
    function(static_cast<std::uint32_t>(std::countr_zero(mask)));
  }
}

}  // namespace

ScheduleReader::ScheduleReader(const TaskGraph& graph)
    : graph_(graph),
      state_(graph),
      unit_(mean_task_time(graph)),
      scheduled_(graph.num_tasks),
      end_(graph.num_tasks),
      free_(graph.num_devices),
      work_(graph.num_devices),
      produced_(graph.num_devices),
      charged_(graph.num_units()),
      trials_(graph.num_devices),
      inputs_(graph.num_devices),
      siblings_(graph.num_devices) {
  find_siblings();
  reset();
}

// Siblings of a task: what else its readers read.
void ScheduleReader::find_siblings() {
  first_sibling_.push_back(0);
  std::vector<std::uint32_t> found;
  for (std::uint32_t t = 0; t < graph_.num_tasks; ++t) {
    found.clear();
    for (std::uint32_t v = graph_.first_value[t]; v < graph_.first_value[t + 1]; ++v) {
      for (std::uint32_t r = graph_.first_reader[v]; r < graph_.first_reader[v + 1]; ++r) {
        if (found.size() >= 4 * kMostSiblings) break;
        const std::uint32_t reader = graph_.reader[r];
        const std::uint32_t first = graph_.first_input[reader];
        const std::uint32_t last =
            std::min<std::uint32_t>(graph_.first_input[reader + 1], first + kMostSiblings);
        for (std::uint32_t i = first; i < last; ++i) {
          const std::uint32_t other = graph_.producer[graph_.input[i]];
          if (other != t && !graph_.is_source(other)) found.push_back(other);
        }
      }
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    const auto distance = [t](std::uint32_t other) { return other > t ? other - t : t - other; };
    std::stable_sort(found.begin(), found.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return distance(a) < distance(b); });
    if (found.size() > kMostSiblings) found.resize(kMostSiblings);
    sibling_.insert(sibling_.end(), found.begin(), found.end());
    first_sibling_.push_back(static_cast<std::uint32_t>(sibling_.size()));
  }
}

void ScheduleReader::reset() {
  state_.reset({.bytes = graph_.limit}, {});
  scheduled_.assign(scheduled_.size(), false);
  charged_.assign(charged_.size(), false);
  std::ranges::fill(free_, 0);
  std::ranges::fill(work_, 0);
  std::ranges::fill(produced_, 0);
  makespan_ = 0;
  total_work_ = 0;
}

void ScheduleReader::try_devices(std::uint32_t task, std::uint64_t among) {
  for_each_bit(among, [&](std::uint32_t d) {
    const ListState::Trial trial = state_.probe(task, d);
    const std::int64_t start =
        graph_.takes_device[task] ? std::max(trial.ready, free_[d]) : trial.ready;
    trials_[d] = {start, start + graph_.time_on(task, d), trial.held};
  });
}

void ScheduleReader::weigh_neighbours(std::uint32_t task) {
  std::ranges::fill(inputs_, 0);
  std::ranges::fill(siblings_, 0);
  critical_ = graph_.num_devices;
  double total = 0;
  std::int64_t latest = -1;
  for (std::uint32_t i = graph_.first_input[task]; i < graph_.first_input[task + 1]; ++i) {
    const std::uint32_t value = graph_.input[i];
    const std::uint32_t producer = graph_.producer[value];
    const std::uint8_t on = state_.device_of(producer);
    if (on == ListState::kNone) continue;
    // A picosecond more, so that inputs that cost nothing to move count where all do.
    const double weight = static_cast<double>(graph_.mean_transfer[value]) + 1;
    inputs_[on] += weight;
    total += weight;
    if (scheduled_[producer] && end_[producer] > latest) {
      latest = end_[producer];
      critical_ = on;
    }
  }
  for (double& share : inputs_) share = total > 0 ? share / total : 0;
  double count = 0;
  for (std::uint32_t s = first_sibling_[task]; s < first_sibling_[task + 1]; ++s) {
    if (!scheduled_[sibling_[s]]) continue;
    siblings_[state_.device_of(sibling_[s])] += 1;
    count += 1;
  }
  for (double& share : siblings_) share = count > 0 ? share / count : 0;
}

void ScheduleReader::read(std::uint32_t task, std::uint64_t among, std::span<float> rows) {
  try_devices(task, among);
  weigh_neighbours(task);
  const auto first = static_cast<std::uint32_t>(std::countr_zero(among));
  Trial best = trials_[first];
  std::int64_t shortest = graph_.time_on(task, first);
  for_each_bit(among, [&](std::uint32_t d) {
    best.start = std::min(best.start, trials_[d].start);
    best.end = std::min(best.end, trials_[d].end);
    shortest = std::min(shortest, graph_.time_on(task, d));
  });
  const auto scaled = [this](std::int64_t time) {
    return std::log1p(static_cast<double>(time) / unit_);
  };
  const std::uint32_t unit = graph_.unit_of[task];
  const double own = static_cast<double>(graph_.mean_time[task]) + 1;
  const double mean_work = total_work_ / static_cast<double>(graph_.num_devices) + unit_;
  for_each_bit(among, [&](std::uint32_t d) {
    const Trial& trial = trials_[d];
    const auto behind = static_cast<double>(trial.end - best.end);
    const double limit = std::max(1.0, static_cast<double>(graph_.limit[d]));
    const auto room = static_cast<double>(
        state_.room()[d] -
        (state_.device_of(task) == ListState::kNone ? graph_.persistent[unit] : 0));
    const double left =
        room - static_cast<double>(produced_[d] + graph_.bytes[unit] - graph_.persistent[unit]);
    const double row[kWidth] = {
        scaled(trial.end - best.end),
        trial.end == best.end ? 1.0 : 0.0,
        behind / (behind + own),
        scaled(trial.start - best.start),
        scaled(std::max<std::int64_t>(0, trial.start - free_[d])),
        scaled(trial.held),
        inputs_[d],
        critical_ == d ? 1.0 : 0.0,
        siblings_[d],
        std::log((static_cast<double>(work_[d]) + unit_) / mean_work),
        work_[d] == 0 ? 1.0 : 0.0,
        shortest > 0
            ? std::log(static_cast<double>(graph_.time_on(task, d)) / static_cast<double>(shortest))
            : 0.0,
        std::clamp(room / limit, -1.0, 1.0),
        std::clamp(left / limit, -1.0, 1.0)};
    std::transform(row, row + kWidth, rows.begin() + static_cast<std::ptrdiff_t>(d * kWidth),
                   [](double number) { return static_cast<float>(number); });
  });
}

void ScheduleReader::place(std::uint32_t task, std::uint32_t device) {
  state_.take(task, device);
  std::int64_t end = state_.reserve(task, device);
  if (graph_.takes_device[task]) {
    const std::int64_t time = graph_.time_on(task, device);
    end = std::max(end, free_[device]) + time;
    free_[device] = end;
    work_[device] += time;
    total_work_ += static_cast<double>(time);
  }
  const std::uint32_t unit = graph_.unit_of[task];
  if (!charged_[unit]) produced_[device] += graph_.bytes[unit] - graph_.persistent[unit];
  charged_[unit] = true;
  scheduled_[task] = true;
  end_[task] = end;
  makespan_ = std::max(makespan_, end);
  state_.set_end(task, end);
}

}  // namespace placer::policy
