#include "placer/algorithm/placement_search.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "placer/algorithm/crossing_tensors.h"
#include "placer/bound/device_classes.h"

namespace placer {
namespace {

// Sums in another order differ by less than this share.
constexpr double kRounding = 1e-10;

}  // namespace

PlacementSearch::PlacementSearch(const Problem& problem, const UnitTable& units,
                                 Incumbent& incumbent, bool max_load)
    : problem_(problem),
      units_(units),
      incumbent_(incumbent),
      max_load_(max_load),
      model_(problem.costs),
      classes_(device_classes(problem.costs, problem.constraints)),
      class_of_(units.num_devices()),
      touch_(units.size()),
      times_(units.size() * units.num_devices(), 0),
      memory_(units.size()),
      work_from_(units.size() + 1, 0),
      choice_(units.size()),
      load_(units.num_devices(), 0),
      room_(problem.constraints.memory_limit),
      used_(units.num_devices(), 0) {
  for (std::uint32_t c = 0; c < classes_.size(); ++c) {
    for (const DeviceId device : classes_[c]) {
      class_of_[index(device)] = c;
    }
  }
  for (std::size_t unit = units.size(); unit-- > 0;) {
    double least = std::numeric_limits<double>::infinity();
    for (const NodeId node : units.members(unit)) {
      memory_[unit] += model_.memory(node);
    }
    for (const DeviceId device : units.devices(unit)) {
      double& time = times_[unit * units.num_devices() + index(device)];
      for (const NodeId node : units.members(unit)) {
        time += model_.time_us(node, device);
      }
      least = std::min(least, time);
    }
    work_from_[unit] = work_from_[unit + 1] + least;
  }
  add_tensors();
}

void PlacementSearch::add_tensors() {
  for (CrossingTensor& crossing :
       crossing_tensors(problem_.costs.graph(), problem_.constraints.unit_of)) {
    Tensor tensor{.owner = crossing.owner, .readers = std::move(crossing.readers), .us = {}};
    for (std::size_t d = 0; d < units_.num_devices(); ++d) {
      tensor.us.push_back(model_.transfer_us(crossing.ref, id_at<DeviceId>(d)));
    }
    const auto id = static_cast<std::uint32_t>(tensors_.size());
    touch_[tensor.owner].push_back(id);
    for (const std::uint32_t reader : tensor.readers) {
      touch_[reader].push_back(id);
    }
    tensors_.push_back(std::move(tensor));
  }
}

// Adds what becomes certain of a tensor once `placed` has its device, the last unit that has one.
void PlacementSearch::charge(const Tensor& tensor, std::uint32_t placed) {
  if (tensor.owner > placed) {
    return;
  }
  const DeviceId home = choice_[tensor.owner];
  const auto leaves = [&](std::uint32_t before) {
    return std::any_of(tensor.readers.begin(), tensor.readers.end(), [&](std::uint32_t reader) {
      return reader < before && choice_[reader] != home;
    });
  };
  const auto enters = [&](std::uint32_t reader) {
    const bool first = std::none_of(
        tensor.readers.begin(), tensor.readers.end(),
        [&](std::uint32_t other) { return other < reader && choice_[other] == choice_[reader]; });
    return choice_[reader] != home && first;
  };
  const bool is_owner = placed == tensor.owner;
  if (leaves(placed + 1) && (is_owner || !leaves(placed))) {
    load_[index(home)] += tensor.us[index(home)];
  }
  for (const std::uint32_t reader : tensor.readers) {
    if ((is_owner ? reader < placed : reader == placed) && enters(reader)) {
      load_[index(choice_[reader])] += tensor.us[index(choice_[reader])];
    }
  }
}

void PlacementSearch::place(std::uint32_t unit, DeviceId device) {
  choice_[unit] = device;
  ++used_[index(device)];
  room_[index(device)] -= memory_[unit];
  if (max_load_) {
    load_[index(device)] += times_[unit * units_.num_devices() + index(device)];
    for (const std::uint32_t tensor : touch_[unit]) {
      charge(tensors_[tensor], unit);
    }
  }
}

// An unused device beside a lower unused one that it may be exchanged with.
bool PlacementSearch::is_needless(DeviceId device) const {
  const auto& alike = classes_[class_of_[index(device)]];
  return used_[index(device)] == 0 && std::any_of(alike.begin(), alike.end(), [&](DeviceId other) {
           return other < device && used_[index(other)] == 0;
         });
}

// Devices with room first, then by load.
std::vector<DeviceId> PlacementSearch::choices(std::uint32_t unit) const {
  std::vector<DeviceId> result;
  for (const DeviceId device : units_.devices(unit)) {
    if (!max_load_ || (!is_needless(device) && memory_[unit] <= room_[index(device)])) {
      result.push_back(device);
    }
  }
  const auto after = [&](DeviceId device) {
    return load_[index(device)] + times_[unit * units_.num_devices() + index(device)];
  };
  std::stable_sort(result.begin(), result.end(), [&](DeviceId a, DeviceId b) {
    const bool a_fits = memory_[unit] <= room_[index(a)];
    const bool b_fits = memory_[unit] <= room_[index(b)];
    return a_fits != b_fits ? a_fits : after(a) < after(b);
  });
  return result;
}

bool PlacementSearch::hopeless(std::uint32_t placed) const {
  if (!max_load_ || !incumbent_.best()) {
    return false;
  }
  double most = 0;
  double sum = work_from_[placed + 1];
  for (const double load : load_) {
    most = std::max(most, load);
    sum += load;
  }
  const double bound = std::max(most, sum / static_cast<double>(load_.size()));
  // Whole picoseconds, like the costs that are compared.
  return bound * 1e6 * (1 - kRounding) >
         static_cast<double>(incumbent_.best_outcome().cost()) - 0.5;
}

bool PlacementSearch::explore(std::uint32_t unit) {
  // A look at a partial placement counts as an evaluation, as a move of a local search does.
  if (incumbent_.exhausted()) return false;
  incumbent_.spend(1);
  incumbent_.report_if_due();
  if (unit == units_.size()) {
    const Placement placement = units_.placement(choice_);
    return incumbent_.evaluate({&placement, 1}) == 1;
  }
  const std::vector<double> loads = load_;
  for (const DeviceId device : choices(unit)) {
    place(unit, device);
    const bool finished = hopeless(unit) || explore(unit + 1);
    load_ = loads;
    room_[index(device)] += memory_[unit];
    --used_[index(device)];
    if (!finished) {
      return false;
    }
  }
  return true;
}

}  // namespace placer
