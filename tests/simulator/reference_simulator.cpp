#include "tests/simulator/reference_simulator.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "placer/base/error.h"

namespace placer::sim::test {

namespace {

constexpr SimTime kNever{std::numeric_limits<std::int64_t>::max()};

using TensorKey = std::pair<std::size_t, std::uint32_t>;  // node, output

struct Instance {  // memory of a tensor on the device where it was made or received
  std::size_t device = 0;
  Bytes bytes;
  SimTime start;
  SimTime end;
};

class Reference {
 public:
  Reference(const CostModel& costs, const Placement& placement)
      : costs_(costs),
        graph_(costs.graph()),
        cluster_(costs.cluster()),
        placement_(placement),
        start_(graph_.size()),
        end_(graph_.size()),
        free_(cluster_.size()),
        last_(cluster_.size()),
        egress_(cluster_.size()),
        ingress_(cluster_.size()),
        bus_(cluster_.links().size()) {
    if (placement_.priority.empty()) placement_.priority = default_priority(costs);
  }

  ReferenceStep run() {
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

  // When the result of `from` (an output, or kControl) is usable on `to`; nothing: not known yet.
  [[nodiscard]] std::optional<SimTime> arrival(std::size_t from, std::uint32_t output,
                                               DeviceId to) const {
    if (!end_[from] || !sent_.contains(from)) return std::nullopt;
    if (device(from) == to) return *end_[from];
    const Link& wire = link(device(from), to);
    if (output != Use::kControl && wire.bytes_per_second) {
      return transfers_.at({{from, output}, index(to)}).arrival;
    }
    return is_source(from) ? SimTime{} : *end_[from] + wire.latency;
  }

  [[nodiscard]] bool ready(std::size_t n, SimTime now) const {
    const auto here = [&](std::size_t from, std::uint32_t output) {
      const auto at = arrival(from, output, device(n));
      return at && *at <= now;
    };
    return std::ranges::all_of(node(n).inputs,
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
    std::vector<std::size_t> starting;
    for (std::size_t d = 0; d < cluster_.size(); ++d) {
      if (free_[d] > now || (last_[d] && !sent_.contains(*last_[d]))) continue;
      std::optional<std::size_t> best;
      for (std::size_t n = 0; n < graph_.size(); ++n) {
        if (!is_op(n) || start_[n] || index(device(n)) != d || !ready(n, now)) continue;
        if (!best || placement_.priority[n] > placement_.priority[*best]) best = n;
      }
      if (!best) continue;
      start_[*best] = now;
      last_[d] = *best;
      starting.push_back(*best);
    }
    for (const std::size_t n : starting) {
      end_[n] = free_[index(device(n))] = now + duration(n);
    }
    return !starting.empty();
  }

  // Slowed down by the devices of the same memory pool whose latest op has not ended.
  [[nodiscard]] SimTime duration(std::size_t n) const {
    const NodeId id = id_at<NodeId>(n);
    const SimTime alone = costs_.op_time(id, device(n));
    const auto pool = cluster_.device(device(n)).pool;
    std::int64_t peers = 0;
    std::int64_t working = 0;
    for (std::size_t d = 0; d < cluster_.size(); ++d) {
      if (d == index(device(n)) || !pool || cluster_.devices()[d].pool != pool) continue;
      ++peers;
      if (last_[d] && !sent_.contains(*last_[d])) ++working;
    }
    if (peers == 0) return alone;
    return {alone.ps + (costs_.busy_time(id, device(n)) - alone).ps * working / peers};
  }

  // Reserves the links for what others read of `n`.
  void send(std::size_t n, SimTime now) {
    sent_.insert(n);
    for (std::uint32_t k = 0; k < node(n).outputs.size(); ++k) {
      std::set<DeviceId> destinations;
      for (const Use& use : graph_.uses(id_at<NodeId>(n))) {
        const DeviceId to = device(index(use.consumer));
        if (use.output == k && to != device(n)) destinations.insert(to);
      }
      for (const DeviceId to : destinations) {
        const Link& wire = link(device(n), to);
        TransferRecord record{{id_at<NodeId>(n), k}, device(n), to, now, now, now + wire.latency};
        if (wire.bytes_per_second) {
          SimTime& egress = egress_[index(device(n))];
          SimTime& ingress = ingress_[index(to)];
          SimTime& bus = bus_[index(cluster_.link_between(device(n), to))];
          record.start = std::max({now, egress, ingress, wire.shared ? bus : SimTime{}});
          record.released = record.start + costs_.occupancy(node(n).outputs[k], device(n), to);
          record.arrival = record.released + wire.latency;
          egress = ingress = record.released;
          if (wire.shared) bus = record.released;
        } else if (is_source(n)) {
          continue;  // there from the start
        }
        transfers_[{{n, k}, index(to)}] = record;
      }
    }
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
        if (const auto at = arrival(n, use.output, device(index(use.consumer)))) consider(*at);
      }
    }
    PLACER_CHECK(next != kNever, "the step goes on");
    return next;
  }

  // Whose memory `reader` reads when it reads `tensor`.
  Instance& instance(TensorKey tensor, DeviceId reader) {
    const DeviceId home = device(tensor.first);
    if (home != reader && link(home, reader).bytes_per_second) {
      return copies_.at({tensor, index(reader)});
    }
    const Node& maker = node(tensor.first);
    if (const auto base = maker.outputs[tensor.second].alias_of) {
      const TensorRef input = maker.inputs[*base];
      return instance({index(input.node), input.output}, home);
    }
    return own_.at(tensor);
  }

  void place_memory() {
    for (std::size_t n = 0; n < graph_.size(); ++n) {
      for (std::uint32_t k = 0; k < node(n).outputs.size(); ++k) {
        if (node(n).outputs[k].alias_of) continue;
        own_[{n, k}] = {index(device(n)), node(n).outputs[k].bytes, *start_[n],
                        is_source(n) ? kNever : *end_[n]};
      }
    }
    for (const auto& [key, record] : transfers_) {
      if (!link(record.from, record.to).bytes_per_second) continue;
      const Bytes bytes = graph_.tensor(record.tensor).bytes;
      copies_[key] = {index(record.to), bytes, record.start, record.arrival};
    }
    for (const auto& [key, record] : transfers_) {
      if (!link(record.from, record.to).bytes_per_second) continue;
      Instance& source = instance(key.first, record.from);
      source.end = std::max(source.end, record.released);
    }
    for (std::size_t n = 0; n < graph_.size(); ++n) {
      for (const TensorRef input : node(n).inputs) {
        Instance& read = instance({index(input.node), input.output}, device(n));
        read.end = std::max(read.end, is_output(n) ? kNever : *end_[n]);
      }
    }
  }

  // Most bytes of devices for which `counts` says so, over all times at which something starts.
  template <typename Counts>
  [[nodiscard]] Bytes peak(Counts counts) const {
    std::vector<Instance> all;
    for (const auto& [key, instance] : own_) all.push_back(instance);
    for (const auto& [key, instance] : copies_) all.push_back(instance);
    for (std::size_t n = 0; n < graph_.size(); ++n) {
      all.push_back({index(device(n)), node(n).workspace, *start_[n], *end_[n]});
    }
    Bytes most;
    for (const Instance& at : all) {
      Bytes used;
      for (const Instance& other : all) {
        const bool alive = other.start <= at.start && at.start < other.end;
        if (alive && counts(other.device)) used += other.bytes;
      }
      most = std::max(most, used);
    }
    return most;
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
    for (const auto& [key, record] : transfers_) step.transfers.push_back(record);
    std::ranges::stable_sort(step.transfers, {}, &TransferRecord::start);
    place_memory();
    for (std::size_t d = 0; d < cluster_.size(); ++d) {
      step.peak_memory.push_back(peak([&](std::size_t other) { return other == d; }));
    }
    for (std::uint32_t p = 0; p < cluster_.pools().size(); ++p) {
      step.pool_peak.push_back(
          peak([&](std::size_t d) { return cluster_.devices()[d].pool == p; }));
    }
    return step;
  }

  const CostModel& costs_;
  const Graph& graph_;
  const Cluster& cluster_;
  Placement placement_;
  std::vector<std::optional<SimTime>> start_;
  std::vector<std::optional<SimTime>> end_;
  std::set<std::size_t> sent_;                    // nodes whose end has been handled
  std::vector<SimTime> free_;                     // [devices]
  std::vector<std::optional<std::size_t>> last_;  // [devices]: latest op
  std::vector<SimTime> egress_;
  std::vector<SimTime> ingress_;
  std::vector<SimTime> bus_;  // [links]
  std::map<std::pair<TensorKey, std::size_t>, TransferRecord> transfers_;
  std::map<TensorKey, Instance> own_;
  std::map<std::pair<TensorKey, std::size_t>, Instance> copies_;
};

}  // namespace

ReferenceStep reference_step(const CostModel& costs, const Placement& placement) {
  return Reference(costs, placement).run();
}

}  // namespace placer::sim::test
