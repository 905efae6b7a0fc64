#include "tests/simulator/reference_simulator.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "placer/base/error.h"
#include "tests/simulator/reference_memory.h"

namespace placer::sim::test {

namespace {

class Reference {
 public:
  Reference(const CostModel& costs, const Placement& placement, const Model& model)
      : costs_(costs),
        model_(model),
        graph_(costs.graph()),
        cluster_(costs.cluster()),
        placement_(placement),
        start_(graph_.size()),
        end_(graph_.size()),
        launched_(graph_.size()),
        ready_since_(graph_.size()),
        free_(cluster_.size()),
        last_(cluster_.size()),
        egress_(cluster_.size()),
        ingress_(cluster_.size()),
        bus_(cluster_.links().size()) {
    if (placement_.priority.empty()) placement_.priority = default_priority(costs);
    launch();
  }

  ReferenceStep run() {
    if (model_.order == Order::kFixed) return run_in_order();
    for (std::size_t n = 0; n < graph_.size(); ++n) {
      if (is_source(n)) {
        start_[n] = end_[n] = SimTime{};
        send(n, SimTime{});
      }
    }
    SimTime now;
    while (true) {
      while (end_due(now) || start_due(now)) {
      }
      if (sent_.size() == graph_.size()) return result();
      now = next_time(now);
    }
  }

 private:
  [[nodiscard]] const Node& node(std::size_t n) const { return graph_.nodes()[n]; }
  [[nodiscard]] bool is_op(std::size_t n) const { return node(n).kind == NodeKind::kOp; }
  [[nodiscard]] bool is_output(std::size_t n) const { return node(n).kind == NodeKind::kOutput; }
  [[nodiscard]] bool is_source(std::size_t n) const { return !is_op(n) && !is_output(n); }
  [[nodiscard]] DeviceId device(std::size_t n) const { return placement_.device[n]; }

  [[nodiscard]] const Link& link(DeviceId from, DeviceId to) const {
    return cluster_.link(cluster_.link_between(from, to));
  }

  [[nodiscard]] bool asynchronous(std::size_t n) const {
    return is_op(n) &&
           (model_.launch == Launch::kAsynchronous ||
            (model_.launch == Launch::kOfDevice && cluster_.device(device(n)).asynchronous_launch));
  }

  // Priority order; under Order::kFixed a node comes after all that it waits for.
  [[nodiscard]] std::vector<std::size_t> execution_order() const {
    std::vector<std::size_t> order;
    std::set<std::size_t> taken;
    while (order.size() < graph_.size()) {
      std::optional<std::size_t> best;
      for (std::size_t n = 0; n < graph_.size(); ++n) {
        const auto done = [&](NodeId before) { return taken.contains(index(before)); };
        const bool open = model_.order != Order::kFixed ||
                          (std::ranges::all_of(node(n).inputs, done, &TensorRef::node) &&
                           std::ranges::all_of(graph_.controls(id_at<NodeId>(n)), done));
        if (taken.contains(n) || !open) continue;
        if (!best || placement_.priority[n] > placement_.priority[*best]) best = n;
      }
      order.push_back(*best);
      taken.insert(*best);
    }
    return order;
  }

  void launch() {
    std::map<DeviceId, SimTime> host;
    for (const std::size_t n : execution_order()) {
      if (!asynchronous(n)) continue;
      host[device(n)] += cluster_.device(device(n)).overhead;
      launched_[n] = host[device(n)];
    }
  }

  [[nodiscard]] TransferKey key(TensorKey tensor, DeviceId to, std::size_t reader) const {
    return {tensor, index(to), model_.sending == Sending::kPerReader ? reader : kEveryReader};
  }

  // When the result of `from` (an output, or kControl) is usable by `reader`; nothing: not known
  // yet.
  [[nodiscard]] std::optional<SimTime> arrival(std::size_t from, std::uint32_t output,
                                               std::size_t reader) const {
    const DeviceId to = device(reader);
    if (!end_[from] || !sent_.contains(from)) return std::nullopt;
    if (device(from) == to) return *end_[from];
    const Link& wire = link(device(from), to);
    if (output != Use::kControl && wire.bytes_per_second) {
      return transfers_.at(key({from, output}, to, reader)).arrival;
    }
    return is_source(from) ? SimTime{} : *end_[from] + wire.latency;
  }

  [[nodiscard]] bool ready(std::size_t n, SimTime now) const {
    const auto here = [&](std::size_t from, std::uint32_t output) {
      const auto at = arrival(from, output, n);
      return at && *at <= now;
    };
    return launched_[n] <= now &&
           std::ranges::all_of(node(n).inputs,
                               [&](TensorRef in) { return here(index(in.node), in.output); }) &&
           std::ranges::all_of(graph_.controls(id_at<NodeId>(n)),
                               [&](NodeId before) { return here(index(before), Use::kControl); });
  }

  // Ends everything that is due, in order of node; outputs that are ready end at once.
  bool end_due(SimTime now) {
    bool any = false;
    for (std::size_t n = 0; n < graph_.size(); ++n) {
      if (is_output(n) && !end_[n] && ready(n, now)) start_[n] = end_[n] = now;
      if (!is_source(n) && end_[n] == now && !sent_.contains(n)) {
        send(n, now);
        any = true;
      }
    }
    return any;
  }

  // Every idle device takes its best ready op.
  bool start_due(SimTime now) {
    for (std::size_t n = 0; n < graph_.size(); ++n) {
      if (is_op(n) && !ready_since_[n] && ready(n, now)) ready_since_[n] = now;
    }
    std::vector<std::size_t> starting;
    for (std::size_t d = 0; d < cluster_.size(); ++d) {
      if (free_[d] > now || (last_[d] && !sent_.contains(*last_[d]))) continue;
      std::optional<std::size_t> best;
      for (std::size_t n = 0; n < graph_.size(); ++n) {
        if (!is_op(n) || start_[n] || index(device(n)) != d || !ready(n, now)) continue;
        if (!best || goes_before(n, *best)) best = n;
      }
      if (!best) continue;
      start_[*best] = now;
      last_[d] = *best;
      starting.push_back(*best);
    }
    for (const std::size_t n : starting) {
      end_[n] = now + duration(n, now);
    }
    for (const std::size_t n : starting) pause(n, now);
    return !starting.empty();
  }

  [[nodiscard]] bool goes_before(std::size_t a, std::size_t b) const {
    return model_.order == Order::kReadyTime ? *ready_since_[a] < *ready_since_[b]
                                             : placement_.priority[a] > placement_.priority[b];
  }

  void pause(std::size_t n, SimTime start) {
    free_[index(device(n))] = *end_[n] + (*end_[n] > start ? model_.idle_after_op : SimTime{});
  }

  [[nodiscard]] SimTime time_alone(std::size_t n) const {
    const SimTime with_overhead = costs_.op_time(id_at<NodeId>(n), device(n));
    const bool free_launch = asynchronous(n) || model_.launch == Launch::kNone;
    return free_launch ? with_overhead - cluster_.device(device(n)).overhead : with_overhead;
  }

  // Slowed down by the devices of the same memory pool whose latest op has not ended, or that are
  // held.
  [[nodiscard]] SimTime duration(std::size_t n, SimTime now) const {
    const NodeId id = id_at<NodeId>(n);
    const SimTime alone = time_alone(n);
    const auto pool = cluster_.device(device(n)).pool;
    std::int64_t peers = 0;
    std::int64_t working = 0;
    for (std::size_t d = 0; d < cluster_.size(); ++d) {
      if (d == index(device(n)) || !pool || cluster_.devices()[d].pool != pool) continue;
      ++peers;
      if (free_[d] > now || (last_[d] && !sent_.contains(*last_[d]))) ++working;
    }
    if (peers == 0 || !model_.slow_down) return alone;
    const SimTime extra = costs_.busy_time(id, device(n)) - costs_.op_time(id, device(n));
    return {alone.ps + extra.ps * working / peers};
  }

  // Sends what others read of `n`: copies and hand-offs, by output, then destination.
  void send(std::size_t n, SimTime now) {
    sent_.insert(n);
    for (std::uint32_t k = 0; k < node(n).outputs.size(); ++k) {
      std::set<DeviceId> copies;
      for (const auto& [to, readers] : remote_readers(n, k)) {
        if (!link(device(n), to).bytes_per_second) {
          hand_off(n, k, readers.front(), now);
        } else if (model_.sending == Sending::kPerDevice) {
          copy(n, k, {to}, kEveryReader, now);
        } else {
          copies.insert(to);
        }
      }
      if (model_.sending == Sending::kOnce && !copies.empty()) {
        copy(n, k, copies, kEveryReader, now);
      }
      if (model_.sending != Sending::kPerReader) continue;
      for (const Use& use : graph_.uses(id_at<NodeId>(n))) {
        const DeviceId to = device(index(use.consumer));
        if (use.output == k && copies.contains(to)) copy(n, k, {to}, index(use.consumer), now);
      }
    }
  }

  [[nodiscard]] std::map<DeviceId, std::vector<std::size_t>> remote_readers(
      std::size_t n, std::uint32_t output) const {
    std::map<DeviceId, std::vector<std::size_t>> readers;
    for (const Use& use : graph_.uses(id_at<NodeId>(n))) {
      const DeviceId to = device(index(use.consumer));
      if (use.output == output && to != device(n)) readers[to].push_back(index(use.consumer));
    }
    return readers;
  }

  void hand_off(std::size_t n, std::uint32_t k, std::size_t reader, SimTime now) {
    if (is_source(n)) return;  // there from the start
    const DeviceId to = device(reader);
    const SimTime at = now + link(device(n), to).latency;
    transfers_[{{n, k}, index(to), kEveryReader}] = {
        {id_at<NodeId>(n), k}, device(n), to, now, now, at};
  }

  // One sending to all destinations, for `reader` alone or all there.
  void copy(std::size_t n, std::uint32_t k, const std::set<DeviceId>& destinations,
            std::size_t reader, SimTime now) {
    const DeviceId from = device(n);
    const bool channel = model_.contention == Contention::kChannel;
    SimTime& sender = egress_[index(from)];
    SimTime start = now;
    if (model_.contention != Contention::kNone) start = std::max(start, sender);
    if (!model_.overlap) start = std::max(start, free_[index(from)]);
    SimTime longest;
    for (const DeviceId to : destinations) {
      longest = std::max(longest, costs_.occupancy(node(n).outputs[k], from, to));
      if (channel) continue;
      if (model_.contention == Contention::kBothEnds) start = std::max(start, ingress_[index(to)]);
      if (!model_.overlap) start = std::max(start, free_[index(to)]);
      if (has_bus(from, to)) start = std::max(start, bus(from, to));
    }
    SimTime released = start + longest;
    if (channel) {
      released = start;
      for (const DeviceId to : destinations) {
        const SimTime time = costs_.occupancy(node(n).outputs[k], from, to);
        SimTime receive = std::max(start, egress_[index(to)]);
        if (!model_.overlap) receive = std::max(receive, free_[index(to)]);
        if (has_bus(from, to)) receive = std::max(receive, bus(from, to));
        egress_[index(to)] = receive + time + model_.idle_after_copy;
        if (!model_.overlap) free_[index(to)] = receive + time;
        if (has_bus(from, to)) bus(from, to) = receive + time + model_.idle_after_copy;
        released = std::max(released, receive + time);
      }
    }
    const SimTime until = released + model_.idle_after_copy;
    if (!model_.overlap) free_[index(from)] = channel ? start + longest : released;
    sender = channel ? start + longest + model_.idle_after_copy : until;
    if (model_.contention != Contention::kNone) last_port_ = std::max(last_port_, until);
    for (const DeviceId to : destinations) {
      if (!channel) {
        ingress_[index(to)] = until;
        if (!model_.overlap) free_[index(to)] = released;
        if (has_bus(from, to)) bus(from, to) = until;
      }
      const SimTime at = released + link(from, to).latency;
      transfers_[{{n, k}, index(to), reader}] = {
          {id_at<NodeId>(n), k}, from, to, start, released, at};
    }
  }

  [[nodiscard]] bool has_bus(DeviceId from, DeviceId to) const {
    return model_.shared_buses && link(from, to).shared;
  }
  [[nodiscard]] SimTime& bus(DeviceId from, DeviceId to) {
    return bus_[index(cluster_.link_between(from, to))];
  }

  // Order::kFixed: everything when its turn comes; a tensor travels when its first reader needs it.
  ReferenceStep run_in_order() {
    for (const std::size_t n : execution_order()) {
      SimTime start;
      std::vector<TensorRef> inputs = node(n).inputs;
      std::ranges::sort(inputs, {}, [](TensorRef in) { return std::pair(in.node, in.output); });
      for (const TensorRef input : inputs) {
        const std::size_t from = index(input.node);
        if (device(from) != device(n)) fetch(from, input.output, n);
        start = std::max(start, *arrival(from, input.output, n));
      }
      for (const NodeId before : graph_.controls(id_at<NodeId>(n))) {
        start = std::max(start, *arrival(index(before), Use::kControl, n));
      }
      start = std::max(start, launched_[n]);
      if (is_op(n)) start = std::max(start, free_[index(device(n))]);
      start_[n] = start;
      end_[n] = is_op(n) ? start + time_alone(n) : start;
      if (is_op(n)) pause(n, start);
      sent_.insert(n);
    }
    return result();
  }

  void fetch(std::size_t from, std::uint32_t output, std::size_t reader) {
    const DeviceId to = device(reader);
    if (!link(device(from), to).bytes_per_second) {
      return hand_off(from, output, reader, *end_[from]);
    }
    if (transfers_.contains(key({from, output}, to, reader))) return;
    std::set<DeviceId> destinations = {to};
    if (model_.sending == Sending::kOnce) {
      for (const auto& [other, readers] : remote_readers(from, output)) {
        if (link(device(from), other).bytes_per_second) destinations.insert(other);
      }
    }
    copy(from, output, destinations, std::get<2>(key({from, output}, to, reader)), *end_[from]);
  }

  [[nodiscard]] SimTime next_time(SimTime now) const {
    SimTime next = kNever;
    const auto consider = [&](SimTime time) {
      if (time > now) next = std::min(next, time);
    };
    for (std::size_t n = 0; n < graph_.size(); ++n) {
      if (!end_[n]) continue;
      consider(*end_[n]);
      for (const Use& use : graph_.uses(id_at<NodeId>(n))) {
        if (const auto at = arrival(n, use.output, index(use.consumer))) consider(*at);
      }
    }
    for (const SimTime time : launched_) consider(time);
    for (const SimTime time : free_) consider(time);
    PLACER_CHECK(next != kNever, "the step goes on");
    return next;
  }

  ReferenceStep result() {
    ReferenceStep step;
    for (std::size_t n = 0; n < graph_.size(); ++n) {
      if (!is_source(n)) step.step_time = std::max(step.step_time, *end_[n]);
      if (is_op(n)) step.ops.push_back({id_at<NodeId>(n), device(n), *start_[n], *end_[n]});
    }
    std::ranges::stable_sort(step.ops, [](const OpRecord& a, const OpRecord& b) {
      return std::tuple(a.start, a.device, a.end) < std::tuple(b.start, b.device, b.end);
    });
    if (model_.idle_after_op.ps > 0) {
      step.step_time = std::max(step.step_time, std::ranges::max(free_));
    }
    if (model_.idle_after_copy.ps > 0) step.step_time = std::max(step.step_time, last_port_);
    for (const auto& [key, record] : transfers_) step.transfers.push_back(record);
    std::ranges::stable_sort(step.transfers, {}, &TransferRecord::start);
    step.peak_memory.resize(cluster_.size());
    step.pool_peak.resize(cluster_.pools().size());
    if (model_.memory) add_memory(step);
    return step;
  }

  void add_memory(ReferenceStep& step) const {
    ReferenceMemory memory(graph_, cluster_, placement_, model_.sending);
    std::vector<SimTime> start;
    std::vector<SimTime> end;
    for (std::size_t n = 0; n < graph_.size(); ++n) {
      start.push_back(*start_[n]);
      end.push_back(*end_[n]);
    }
    memory.place(start, end, transfers_);
    for (std::size_t d = 0; d < cluster_.size(); ++d) {
      step.peak_memory[d] = memory.peak([&](std::size_t other) { return other == d; });
    }
    for (std::uint32_t p = 0; p < cluster_.pools().size(); ++p) {
      step.pool_peak[p] =
          memory.peak([&](std::size_t d) { return cluster_.devices()[d].pool == p; });
    }
  }

  const CostModel& costs_;
  const Model model_;
  const Graph& graph_;
  const Cluster& cluster_;
  Placement placement_;
  std::vector<std::optional<SimTime>> start_;
  std::vector<std::optional<SimTime>> end_;
  std::vector<SimTime> launched_;
  std::vector<std::optional<SimTime>> ready_since_;
  std::set<std::size_t> sent_;                    // nodes whose end has been handled
  std::vector<SimTime> free_;                     // [devices]
  std::vector<std::optional<std::size_t>> last_;  // [devices]: latest op
  std::vector<SimTime> egress_;
  std::vector<SimTime> ingress_;
  std::vector<SimTime> bus_;  // [links]
  SimTime last_port_;
  std::map<TransferKey, TransferRecord> transfers_;
};

}  // namespace

ReferenceStep reference_step(const CostModel& costs, const Placement& placement,
                             const Model& model) {
  return Reference(costs, placement, model).run();
}

}  // namespace placer::sim::test
