#include "placer/algorithm/list_schedule.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "placer/algorithm/proposal_judge.h"

namespace placer {
namespace {

constexpr SimTime kNotSent{-1};

}  // namespace

std::vector<std::int64_t> Schedule::priority() const {
  std::vector<std::uint32_t> order(start.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return start[a] < start[b]; });
  std::vector<std::int64_t> result(start.size());
  for (std::size_t position = 0; position < order.size(); ++position) {
    result[order[position]] = static_cast<std::int64_t>(order.size() - position);
  }
  return result;
}

PartialSchedule::PartialSchedule(const Problem& problem, const UnitTable& units,
                                 ScheduleModel model)
    : problem_(problem),
      costs_(problem.costs),
      graph_(costs_.graph()),
      units_(units),
      model_(model),
      devices_(units.num_devices()),
      room_(problem.constraints.memory_limit),
      choice_(units.size()),
      start_(graph_.size()),
      end_(graph_.size()) {
  charge_.reserve(units.size());
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    charge_.push_back(model.charge == Charge::kPersistent ? units.persistent(unit)
                                                          : units.bytes(unit));
  }
  if (model.links == Links::kReserved) {
    egress_.resize(devices_.size());
    ingress_.resize(devices_.size());
    bus_.resize(costs_.cluster().links().size());
    copied_.assign(graph_.num_tensors() * devices_.size(), kNotSent);
  }
}

std::span<const DeviceId> PartialSchedule::devices(NodeId op) const {
  const auto& choice = choice_[unit_of(op)];
  return choice ? std::span(&*choice, 1) : units_.devices(unit_of(op));
}

DeviceId PartialSchedule::roomiest_of(std::span<const DeviceId> devices) const {
  return *std::max_element(devices.begin(), devices.end(), [&](DeviceId a, DeviceId b) {
    return room_[index(a)] < room_[index(b)];
  });
}

DeviceId PartialSchedule::roomiest(NodeId op) const {
  return roomiest_of(devices(op));
}

SimTime PartialSchedule::arrival(NodeId op, DeviceId device) const {
  SimTime latest =
      model_.links == Links::kFree ? free_arrival(op, device) : reserved_arrival(op, device);
  for (const NodeId before : graph_.controls(op)) {
    if (const auto& from = choice_[unit_of(before)]) {
      latest = std::max(latest, end_[index(before)] + costs_.signal_time(*from, device));
    }
  }
  return latest;
}

// Tensors of units that are not fixed yet are state: they will be where they are read.
SimTime PartialSchedule::free_arrival(NodeId op, DeviceId device) const {
  SimTime latest;
  for (const TensorRef input : graph_.node(op).inputs) {
    const auto& from = choice_[unit_of(input.node)];
    if (!from) {
      continue;
    }
    const SimTime end = end_[index(input.node)];
    const SimTime travel =
        *from == device ? SimTime{} : costs_.transfer_time(graph_.tensor(input), *from, device);
    latest = std::max(latest, end + travel);
  }
  return latest;
}

SimTime PartialSchedule::reserved_arrival(NodeId op, DeviceId device) const {
  SimTime latest;
  transfers_.clear();
  for (const TensorRef input : graph_.node(op).inputs) {
    const auto& from = choice_[unit_of(input.node)];
    if (!from) {
      continue;
    }
    const SimTime end = end_[index(input.node)];
    if (*from == device) {
      latest = std::max(latest, end);
      continue;
    }
    const SimTime copied = copied_[copy_index(input, device)];
    const SimTime time = costs_.occupancy(graph_.tensor(input), *from, device);
    if (copied != kNotSent) {
      latest = std::max(latest, copied);
    } else if (time.ps == 0) {
      latest = std::max(latest, end + costs_.signal_time(*from, device));
    } else {
      transfers_.push_back({input, *from, end, time, {}});
    }
  }
  return std::max(latest, plan_transfers(device));
}

// One after the other in order of their ends, as the receiver takes them. Returns the last arrival.
SimTime PartialSchedule::plan_transfers(DeviceId to) const {
  std::sort(transfers_.begin(), transfers_.end(), [](const Transfer& a, const Transfer& b) {
    return std::tie(a.ready, a.tensor.node, a.tensor.output) <
           std::tie(b.ready, b.tensor.node, b.tensor.output);
  });
  const auto twice =
      std::unique(transfers_.begin(), transfers_.end(),
                  [](const Transfer& a, const Transfer& b) { return a.tensor == b.tensor; });
  transfers_.erase(twice, transfers_.end());
  SimTime ingress_free;
  SimTime latest;
  for (Transfer& transfer : transfers_) {
    transfer.start = common_gap(transfer, to, std::max(transfer.ready, ingress_free));
    ingress_free = transfer.start + transfer.time;
    latest = std::max(latest, ingress_free + costs_.signal_time(transfer.from, to));
  }
  return latest;
}

// The first gap that both ends, and the link where it is shared, have in common.
SimTime PartialSchedule::common_gap(const Transfer& transfer, DeviceId to, SimTime ready) const {
  const LinkId link = costs_.cluster().link_between(transfer.from, to);
  const bool is_shared = costs_.cluster().link(link).shared;
  for (SimTime start = ready;;) {
    const SimTime sent = egress_[index(transfer.from)].earliest(start, transfer.time);
    start = ingress_[index(to)].earliest(sent, transfer.time);
    if (is_shared) {
      start = bus_[index(link)].earliest(start, transfer.time);
    }
    // What all of them allow the first of them has allowed too.
    if (start == sent) {
      return start;
    }
  }
}

void PartialSchedule::reserve_transfers(DeviceId to) {
  for (const Transfer& transfer : transfers_) {
    const LinkId link = costs_.cluster().link_between(transfer.from, to);
    egress_[index(transfer.from)].reserve(transfer.start, transfer.time);
    ingress_[index(to)].reserve(transfer.start, transfer.time);
    if (costs_.cluster().link(link).shared) {
      bus_[index(link)].reserve(transfer.start, transfer.time);
    }
    copied_[copy_index(transfer.tensor, to)] =
        transfer.start + transfer.time + costs_.signal_time(transfer.from, to);
  }
}

void PartialSchedule::place(NodeId op, DeviceId device, SimTime not_before) {
  const SimTime time = costs_.op_time(op, device);
  const SimTime ready = std::max(arrival(op, device), not_before);
  const SimTime start = devices_[index(device)].earliest(ready, time);
  if (model_.links == Links::kReserved) {
    reserve_transfers(device);
  }
  devices_[index(device)].reserve(start, time);
  start_[index(op)] = start;
  end_[index(op)] = start + time;
  fix(unit_of(op), device);
  for (const TensorRef input : graph_.node(op).inputs) {
    const std::uint32_t source = unit_of(input.node);
    if (!fixed(source) && units_.may_use(source, device)) {
      fix(source, device);
    }
  }
}

void PartialSchedule::fix(std::uint32_t unit, DeviceId device) {
  if (!choice_[unit]) {
    choice_[unit] = device;
    room_[index(device)] -= charge_[unit];
  }
}

Schedule PartialSchedule::finish() {
  Schedule result;
  result.choice.reserve(units_.size());
  for (std::uint32_t unit = 0; unit < units_.size(); ++unit) {
    if (!fixed(unit)) {
      fix(unit, roomiest_of(units_.devices(unit)));
    }
    result.choice.push_back(*choice_[unit]);
  }
  for (const SimTime end : end_) {
    result.makespan = std::max(result.makespan, end);
  }
  result.start = std::move(start_);
  result.end = std::move(end_);
  return result;
}

ReadyTracker::ReadyTracker(const Graph& graph) : graph_(graph), waiting_(graph.size()) {
  for (std::size_t v = 0; v < graph.size(); ++v) {
    if (graph.nodes()[v].kind == NodeKind::kOp) {
      for (const Use& use : graph.uses(id_at<NodeId>(v))) {
        ++waiting_[index(use.consumer)];
      }
    }
  }
}

std::vector<NodeId> ReadyTracker::initial() const {
  std::vector<NodeId> result;
  for (std::size_t v = 0; v < waiting_.size(); ++v) {
    if (waiting_[v] == 0 && graph_.nodes()[v].kind == NodeKind::kOp) {
      result.push_back(id_at<NodeId>(v));
    }
  }
  return result;
}

SearchResult judge_schedules(const Problem& problem, const SearchOptions& options,
                             const std::string& name, const UnitTable& units,
                             const std::function<Schedule(const ScheduleModel&)>& make) {
  ProposalJudge judge(problem, options, name, units);
  for (const Charge charge : {Charge::kPersistent, Charge::kEverything}) {
    for (const Links view : {Links::kFree, Links::kReserved}) {
      Schedule schedule = make({.links = view, .charge = charge});
      std::vector<std::int64_t> priority = schedule.priority();
      judge.judge({schedule.choice, {}});
      judge.judge({std::move(schedule.choice), std::move(priority)});
    }
    if (judge.found()) {
      break;
    }
  }
  return judge.finish();
}

}  // namespace placer
