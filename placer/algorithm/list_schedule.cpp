#include "placer/algorithm/list_schedule.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>
#include <utility>

#include "placer/algorithm/proposal_judge.h"

namespace placer {
namespace {

constexpr SimTime kNotSent{-1};
constexpr SimTime kShortestTransfer{1};  // what holds no link is not reserved

// Timelines of devices that know the shortest op which they may get.
std::vector<BusyTimeline> device_timelines(const Problem& problem) {
  const std::size_t num_devices = problem.costs.cluster().size();
  std::vector<SimTime> shortest(num_devices, kMaxSimTime);
  for (std::size_t v = 0; v < problem.costs.graph().size(); ++v) {
    const auto id = id_at<NodeId>(v);
    if (problem.costs.graph().node(id).kind != NodeKind::kOp) continue;
    for (std::uint64_t left = problem.constraints.allowed[v]; left != 0; left &= left - 1) {
      const auto d = static_cast<std::size_t>(std::countr_zero(left));
      shortest[d] = std::min(shortest[d], problem.costs.op_time(id, id_at<DeviceId>(d)));
    }
  }
  return {shortest.begin(), shortest.end()};
}

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
      devices_(device_timelines(problem)),
      room_(problem.constraints.memory_limit),
      choice_(units.size(), kNowhere),
      start_(graph_.size()),
      end_(graph_.size()),
      holds_(units.num_devices()),
      reach_(units.num_devices()) {
  charge_.reserve(units.size());
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    charge_.push_back(model.charge == Charge::kPersistent ? units.persistent(unit)
                                                          : units.bytes(unit));
  }
  if (model.links == Links::kReserved) {
    const BusyTimeline idle(kShortestTransfer);
    egress_.resize(devices_.size(), idle);
    ingress_.resize(devices_.size(), idle);
    bus_.resize(costs_.cluster().links().size(), idle);
    copied_.assign(graph_.num_tensors() * devices_.size(), kNotSent);
  }
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
  look_at(op);
  return model_.links == Links::kFree ? reach_[index(device)] : reserved_arrival(device);
}

// Tensors of units that are not fixed yet are state: they will be where they are read.
void PartialSchedule::look_at(NodeId op) const {
  if (looked_at_ == op) return;
  looked_at_ = op;
  planned_for_.reset();
  inputs_.clear();
  ways_.clear();
  std::ranges::fill(reach_, SimTime{});
  for (const TensorRef input : graph_.node(op).inputs) {
    const DeviceId from = choice_[unit_of(input.node)];
    if (from == kNowhere) continue;
    costs_.occupancies(graph_.tensor(input), from, holds_);
    const SimTime ready = end_[index(input.node)];
    if (model_.links == Links::kFree) {
      reach_after(from, ready, holds_);
    } else {
      inputs_.push_back({graph_.tensor_index(input), from, ready});
      look_at_links(inputs_.back());
    }
  }
  std::ranges::fill(holds_, SimTime{});
  for (const NodeId before : graph_.controls(op)) {
    const DeviceId from = choice_[unit_of(before)];
    if (from != kNowhere) reach_after(from, end_[index(before)], holds_);
  }
}

void PartialSchedule::reach_after(DeviceId from, SimTime ready,
                                  std::span<const SimTime> holds) const {
  for (std::size_t d = 0; d < reach_.size(); ++d) {
    const SimTime travel = holds[d] + costs_.signal_time(from, id_at<DeviceId>(d));
    reach_[d] = std::max(reach_[d], ready + travel);
  }
}

void PartialSchedule::look_at_links(const Input& input) const {
  Way way;  // the last one that needs a link
  for (std::size_t d = 0; d < reach_.size(); ++d) {
    const auto to = id_at<DeviceId>(d);
    const SimTime copied = copied_[at(input.tensor, to)];
    SimTime arrival = copied;
    if (copied != kNotSent) {
      ways_.push_back({});
    } else if (holds_[d].ps == 0) {
      ways_.push_back({});
      arrival = input.ready + costs_.signal_time(input.from, to);
    } else {
      if (holds_[d] != way.hold) {
        way = {holds_[d], egress_[index(input.from)].earliest(input.ready, holds_[d])};
      }
      ways_.push_back(way);
      arrival = way.sent + way.hold + costs_.signal_time(input.from, to);
    }
    reach_[d] = std::max(reach_[d], arrival);
  }
}

SimTime PartialSchedule::reserved_arrival(DeviceId device) const {
  if (planned_for_ == device) return planned_arrival_;
  planned_for_ = device;
  transfers_.clear();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const Way& way = ways_[at(i, device)];
    if (way.hold.ps == 0) continue;
    const Input& input = inputs_[i];
    transfers_.push_back({input.tensor, input.from, input.ready, way.hold, way.sent});
  }
  planned_arrival_ = std::max(reach_[index(device)], plan_transfers(device));
  return planned_arrival_;
}

// One after the other in order of their ends, as the receiver takes them. Returns the last arrival.
SimTime PartialSchedule::plan_transfers(DeviceId to) const {
  std::sort(transfers_.begin(), transfers_.end(), [](const Transfer& a, const Transfer& b) {
    return std::tie(a.ready, a.tensor) < std::tie(b.ready, b.tensor);
  });
  const auto twice =
      std::unique(transfers_.begin(), transfers_.end(),
                  [](const Transfer& a, const Transfer& b) { return a.tensor == b.tensor; });
  transfers_.erase(twice, transfers_.end());
  SimTime ingress_free;
  SimTime latest;
  for (Transfer& transfer : transfers_) {
    transfer.start = common_gap(transfer, to, ingress_free);
    ingress_free = transfer.start + transfer.time;
    latest = std::max(latest, ingress_free + costs_.signal_time(transfer.from, to));
  }
  return latest;
}

// The first gap that both ends, and the link where it is shared, have in common.
SimTime PartialSchedule::common_gap(const Transfer& transfer, DeviceId to, SimTime ready) const {
  const LinkId link = costs_.cluster().link_between(transfer.from, to);
  const bool is_shared = costs_.cluster().link(link).shared;
  BusyTimeline::Search egress(egress_[index(transfer.from)], transfer.time);
  BusyTimeline::Search ingress(ingress_[index(to)], transfer.time);
  SimTime sent = ready <= transfer.start ? transfer.start : egress.earliest(ready);
  for (;;) {
    SimTime start = ingress.earliest(sent);
    if (is_shared) {
      start = bus_[index(link)].earliest(start, transfer.time);
    }
    // What all of them allow the first of them has allowed too.
    if (start == sent) {
      return start;
    }
    sent = egress.earliest(start);
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
    copied_[at(transfer.tensor, to)] =
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
  looked_at_.reset();
  fix(unit_of(op), device);
  for (const TensorRef input : graph_.node(op).inputs) {
    const std::uint32_t source = unit_of(input.node);
    if (!fixed(source) && units_.may_use(source, device)) {
      fix(source, device);
    }
  }
}

void PartialSchedule::fix(std::uint32_t unit, DeviceId device) {
  if (!fixed(unit)) {
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
    result.choice.push_back(choice_[unit]);
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
