#include "simulator/load_state.h"

#include "placer/base/error.h"

namespace placer::sim {

LoadState::LoadState(const LoadTables& tables)
    : tables_(&tables),
      device_(tables.num_units),
      load_(tables.num_devices),
      count_(std::size_t{tables.num_tensors} * tables.num_devices),
      used_(tables.domains.size()) {}

void LoadState::hold(std::size_t device, std::int64_t bytes) {
  add_memory(device, bytes);
  if (const std::size_t pool = tables_->domains.pool_of(device); pool != device) {
    add_memory(pool, bytes);
  }
}

void LoadState::load(std::span<const DeviceId> choice) {
  const LoadTables& t = *tables_;
  const std::size_t devices = t.num_devices;
  PLACER_CHECK(choice.size() == t.num_units, "a device per unit");
  std::ranges::copy(choice, device_.begin());
  std::ranges::fill(load_, 0);
  std::ranges::fill(count_, 0);
  std::ranges::fill(used_, 0);
  overload_ = 0;
  for (std::size_t unit = 0; unit < t.num_units; ++unit) {
    const std::size_t at = index(device_[unit]);
    load_[at] += t.time[unit * devices + at];
    hold(at, t.memory[unit]);
  }
  for (std::size_t tensor = 0; tensor < t.num_tensors; ++tensor) {
    const std::size_t home = index(device_[t.producer[tensor]]);
    bool leaves = false;
    for (std::uint32_t i = t.first_reader[tensor]; i < t.first_reader[tensor + 1]; ++i) {
      const std::size_t at = index(device_[t.reader[i]]);
      leaves = leaves || at != home;
      if (count_[tensor * devices + at]++ == 0 && at != home) {
        load_[at] += t.charge[tensor * devices + at];
      }
    }
    load_[home] += leaves ? t.charge[tensor * devices + home] : 0;
  }
}

void LoadState::move(std::uint32_t unit, DeviceId to) {
  const LoadTables& t = *tables_;
  const std::size_t devices = t.num_devices;
  const std::size_t a = index(device_[unit]);
  const std::size_t b = index(to);
  if (a == b) {
    return;
  }
  std::int64_t at_a = -t.time[unit * devices + a];
  std::int64_t at_b = t.time[unit * devices + b];
  for (std::size_t tensor = t.first_output[unit]; tensor < t.first_output[unit + 1]; ++tensor) {
    const std::uint32_t* count = &count_[tensor * devices];
    const std::int64_t* charge = &t.charge[tensor * devices];
    const std::uint32_t readers = t.first_reader[tensor + 1] - t.first_reader[tensor];
    // On a it was sent if anyone reads elsewhere, and will be received if anyone reads there.
    at_a += charge[a] * (static_cast<int>(count[a] > 0) - static_cast<int>(count[a] < readers));
    at_b += charge[b] * (static_cast<int>(count[b] < readers) - static_cast<int>(count[b] > 0));
  }
  for (std::uint32_t i = t.first_input[unit]; i < t.first_input[unit + 1]; ++i) {
    const std::size_t tensor = t.input[i];
    std::uint32_t* count = &count_[tensor * devices];
    const std::int64_t* charge = &t.charge[tensor * devices];
    const std::size_t home = index(device_[t.producer[tensor]]);
    const std::uint32_t readers = t.first_reader[tensor + 1] - t.first_reader[tensor];
    const std::uint32_t left_at_a = --count[a];
    const std::uint32_t now_at_b = ++count[b];
    if (home == a) {
      at_a += left_at_a + 1 == readers ? charge[a] : 0;  // leaves a now
    } else {
      at_a -= left_at_a == 0 ? charge[a] : 0;
    }
    if (home == b) {
      at_b -= now_at_b == readers ? charge[b] : 0;  // leaves b no longer
    } else {
      at_b += now_at_b == 1 ? charge[b] : 0;
    }
  }
  load_[a] += at_a;
  load_[b] += at_b;
  device_[unit] = to;
  if (t.memory[unit] != 0) {
    hold(a, -t.memory[unit]);
    hold(b, t.memory[unit]);
  }
}

void fill_loads(const LoadTables& tables, const LoadState& state, Outcome& outcome) {
  outcome.score.reset();
  outcome.busy.resize(tables.num_devices);
  outcome.peak_memory.resize(tables.num_devices);
  for (std::size_t d = 0; d < tables.num_devices; ++d) {
    outcome.busy[d] = tables.time_of(state.loads()[d]);
    outcome.peak_memory[d] = {state.memory()[d]};
  }
  tables.domains.describe_shortage(state.memory(), outcome.infeasible);
}

}  // namespace placer::sim
