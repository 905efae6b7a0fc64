#include <algorithm>
#include <numeric>
#include <optional>

#include "placer/algorithm/baselines.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/unit_table.h"
#include "placer/base/error.h"

namespace placer {
namespace {

// What a device is busy with; ops are put into the first idle gap that is long enough.
class DeviceSchedule {
 public:
  // Earliest start at or after `ready` of something that takes `time`.
  [[nodiscard]] SimTime earliest(SimTime ready, SimTime time) const {
    SimTime start = ready;
    for (auto slot = first_ending_after(ready); slot != busy_.end(); ++slot) {
      if (start + time <= slot->start) {
        break;
      }
      start = std::max(start, slot->end);
    }
    return start;
  }
  void reserve(SimTime start, SimTime time) {
    if (time.ps == 0) {
      return;
    }
    const auto at = std::lower_bound(busy_.begin(), busy_.end(), start,
                                     [](const Slot& slot, SimTime t) { return slot.start < t; });
    busy_.insert(at, {start, start + time});
  }

 private:
  struct Slot {
    SimTime start;
    SimTime end;
  };
  [[nodiscard]] std::vector<Slot>::const_iterator first_ending_after(SimTime time) const {
    return std::upper_bound(busy_.begin(), busy_.end(), time,
                            [](SimTime t, const Slot& slot) { return t < slot.end; });
  }

  std::vector<Slot> busy_;  // by start, disjoint
};

class HeftScheduler {
 public:
  HeftScheduler(const Problem& problem, const UnitTable& units)
      : problem_(problem),
        costs_(problem.costs),
        graph_(costs_.graph()),
        units_(units),
        devices_(units.num_devices()),
        room_(problem.constraints.memory_limit),
        choice_(units.size()),
        end_(graph_.size()) {}

  std::vector<DeviceId> run() {
    const std::vector<std::int64_t> rank = default_priority(costs_);
    std::vector<NodeId> order;
    for (std::size_t v = 0; v < graph_.size(); ++v) {
      if (graph_.nodes()[v].kind == NodeKind::kOp) {
        order.push_back(id_at<NodeId>(v));
      }
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](NodeId a, NodeId b) { return rank[index(a)] > rank[index(b)]; });
    for (const NodeId op : order) {
      schedule(op);
    }
    for (std::size_t unit = 0; unit < units_.size(); ++unit) {
      if (!choice_[unit]) {
        fix(unit, roomiest(unit));
      }
    }
    std::vector<DeviceId> result;
    for (const auto& device : choice_) {
      result.push_back(*device);
    }
    return result;
  }

 private:
  [[nodiscard]] std::uint32_t unit_of(NodeId node) const {
    return problem_.constraints.unit_of[index(node)];
  }

  // When all inputs of the op are on the device. Tensors of units that are not fixed yet are state:
  // they will be where they are read.
  [[nodiscard]] SimTime ready(NodeId op, DeviceId device) const {
    SimTime latest;
    for (const TensorRef input : graph_.node(op).inputs) {
      if (const auto& from = choice_[unit_of(input.node)]) {
        const SimTime travel = costs_.transfer_time(graph_.tensor(input), *from, device);
        latest = std::max(latest, end_[index(input.node)] + travel);
      }
    }
    for (const NodeId before : graph_.controls(op)) {
      if (const auto& from = choice_[unit_of(before)]) {
        latest = std::max(latest, end_[index(before)] + costs_.signal_time(*from, device));
      }
    }
    return latest;
  }

  void schedule(NodeId op) {
    const std::uint32_t unit = unit_of(op);
    std::optional<DeviceId> best;
    SimTime best_start;
    SimTime best_end;
    bool best_fits = false;
    for (const DeviceId device : units_.devices(unit)) {
      if (choice_[unit] && *choice_[unit] != device) {
        continue;
      }
      const SimTime time = costs_.op_time(op, device);
      const SimTime start = devices_[index(device)].earliest(ready(op, device), time);
      const bool fits = choice_[unit] || units_.persistent(unit) <= room_[index(device)];
      const bool is_better = fits != best_fits ? fits : start + time < best_end;
      if (!best || is_better) {
        best = device;
        best_start = start;
        best_end = start + time;
        best_fits = fits;
      }
    }
    if (!best_fits) {
      best = roomiest(unit);
      best_start = devices_[index(*best)].earliest(ready(op, *best), costs_.op_time(op, *best));
      best_end = best_start + costs_.op_time(op, *best);
    }
    devices_[index(*best)].reserve(best_start, best_end - best_start);
    end_[index(op)] = best_end;
    fix(unit, *best);
    for (const TensorRef input : graph_.node(op).inputs) {
      const std::uint32_t source = unit_of(input.node);
      if (!choice_[source] && units_.may_use(source, *best)) {
        fix(source, *best);
      }
    }
  }

  void fix(std::size_t unit, DeviceId device) {
    if (!choice_[unit]) {
      choice_[unit] = device;
      room_[index(device)] -= units_.persistent(unit);
    }
  }

  [[nodiscard]] DeviceId roomiest(std::size_t unit) const {
    const auto devices = units_.devices(unit);
    return *std::max_element(devices.begin(), devices.end(), [&](DeviceId a, DeviceId b) {
      return room_[index(a)] < room_[index(b)];
    });
  }

  const Problem& problem_;
  const CostModel& costs_;
  const Graph& graph_;
  const UnitTable& units_;
  std::vector<DeviceSchedule> devices_;
  std::vector<Bytes> room_;                      // [devices]
  std::vector<std::optional<DeviceId>> choice_;  // [units]
  std::vector<SimTime> end_;                     // [nodes]
};

class Heft : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    Parameters("heft", options.parameters).check();
    const UnitTable units(problem);
    return judge_with_repair(problem, options, "heft", units, HeftScheduler(problem, units).run());
  }
};

}  // namespace

std::unique_ptr<Algorithm> heft() {
  return std::make_unique<Heft>();
}

}  // namespace placer
