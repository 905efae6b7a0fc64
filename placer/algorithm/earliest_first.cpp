#include "placer/algorithm/earliest_first.h"

#include <algorithm>
#include <utility>

namespace placer {

EarliestFirst::EarliestFirst(const Problem& problem, const UnitTable& units,
                             const ScheduleModel& model, std::vector<NodeId> favourite)
    : schedule_(problem, units, model),
      tracker_(problem.costs.graph()),
      favourite_(std::move(favourite)),
      arrivals_(units.num_devices()),
      urgent_(favourite_.empty() ? 0 : units.num_devices()),
      last_op_(units.num_devices()),
      state_(problem.costs.graph().size(), State::kWaiting),
      shut_(problem.costs.graph().size(), 0) {}

Schedule EarliestFirst::run() {
  for (const NodeId op : tracker_.initial()) {
    add_ready(op);
  }
  while (const auto choice = next()) {
    const NodeId op = choice->entry.op;
    schedule_.place(op, choice->device, choice->entry.start);
    state_[index(op)] = State::kDone;
    last_op_[index(choice->device)] = op;
    tracker_.done(op, [&](NodeId ready) { add_ready(ready); });
  }
  return schedule_.finish();
}

void EarliestFirst::add_ready(NodeId op) {
  state_[index(op)] = State::kReady;
  SimTime everywhere;
  for (const DeviceId device : schedule_.devices(op)) {
    const SimTime arrival = schedule_.arrival(op, device);
    arrivals_[index(device)].add(op, arrival);
    everywhere = std::max(everywhere, arrival);
  }
  if (!urgent_.empty()) {
    for (const DeviceId device : schedule_.devices(op)) {
      urgent_[index(device)].add(op, everywhere);
    }
  }
}

bool EarliestFirst::keep(NodeId op, DeviceId device) {
  State& state = state_[index(op)];
  if (state != State::kReady) {
    return false;
  }
  const auto devices = schedule_.devices(op);
  if (schedule_.may_use(op, device) && schedule_.has_room(op, device)) {
    return true;
  }
  std::uint64_t& shut = shut_[index(op)];
  shut |= std::uint64_t{1} << index(device);
  const bool shut_everywhere = std::all_of(devices.begin(), devices.end(), [&](DeviceId other) {
    return (shut >> index(other) & 1) != 0;
  });
  if (shut_everywhere) {
    state = State::kHomeless;
    homeless_.push_back(op);
  }
  return false;
}

std::optional<EarliestFirst::Choice> EarliestFirst::next() {
  std::optional<Choice> best;
  for (std::size_t d = 0; d < arrivals_.size(); ++d) {
    const auto entry = first_on(id_at<DeviceId>(d));
    if (entry && (!best || *entry < best->entry)) {
      best = {*entry, id_at<DeviceId>(d)};
    }
  }
  if (!homeless_.empty()) {
    const NodeId op = homeless_.back();
    homeless_.pop_back();
    const DeviceId device = schedule_.roomiest(op);
    best = {{start(op, device), op}, device};
  }
  return best;
}

std::optional<EarliestQueue::Entry> EarliestFirst::first_on(DeviceId device) {
  const auto keep_here = [&](NodeId op) { return keep(op, device); };
  const SimTime free = schedule_.free(device);
  const auto child = awaited(device);
  if (!child) {
    return arrivals_[index(device)].first(free, keep_here);
  }
  auto first = urgent_[index(device)].first(free, keep_here);
  if (state_[index(*child)] == State::kReady) {
    const SimTime child_start = start(*child, device);
    if (!first || child_start <= first->start) {
      first = {child_start, *child};
    }
  }
  return first;
}

std::optional<NodeId> EarliestFirst::awaited(DeviceId device) const {
  const auto& last = last_op_[index(device)];
  if (favourite_.empty() || !last || favourite_[index(*last)] == *last) {
    return std::nullopt;
  }
  const NodeId child = favourite_[index(*last)];
  const State state = state_[index(child)];
  const auto devices = schedule_.devices(child);
  if (state == State::kDone || state == State::kHomeless || !schedule_.may_use(child, device) ||
      !schedule_.has_room(child, device)) {
    return std::nullopt;
  }
  if (state == State::kReady) {
    const SimTime here = start(child, device);
    for (const DeviceId other : devices) {
      if (other != device && start(child, other) < here) {
        return std::nullopt;
      }
    }
  }
  return child;
}

}  // namespace placer
