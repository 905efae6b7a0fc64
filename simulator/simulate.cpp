#include "simulator/simulate.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "placer/base/error.h"

namespace placer::sim {

Workspace::Workspace(const CompiledGraph& graph)
    : device(graph.num_nodes),
      custom_rank(graph.num_nodes),
      custom_order(graph.num_nodes),
      waiting(graph.num_nodes),
      edge_buffer(graph.num_edges),
      buffers(std::size_t{graph.num_values} + graph.num_edges),
      copy_value(graph.num_edges),
      ready(graph.num_devices, ReadySet(graph.num_nodes)),
      egress_free(graph.num_devices),
      ingress_free(graph.num_devices),
      bus_free(graph.num_buses),
      memory(graph),
      busy(graph.num_devices) {
  custom_priority.reserve(graph.num_nodes);
  // At most an end per node, three events per copy or one per hand-over, a free per buffer.
  events.reserve(std::size_t{graph.num_nodes} + graph.num_values +
                 3 * std::size_t{graph.num_edges});
}

std::optional<NodeId> Workspace::load(const CompiledGraph& graph, const Placement& placement) {
  PLACER_CHECK(placement.device.size() == graph.num_nodes, "a device per node");
  PLACER_CHECK(placement.priority.empty() || placement.priority.size() == graph.num_nodes,
               "a priority per node, or none");
  std::uint32_t unsupported = graph.num_nodes;
  for (std::uint32_t n = graph.num_nodes; n-- > 0;) {
    const auto d = static_cast<std::uint32_t>(placement.device[n]);
    PLACER_CHECK(d < graph.num_devices, "a device of the cluster");
    device[n] = static_cast<std::uint8_t>(d);
    if ((graph.supported[n] >> d & 1) == 0) unsupported = n;
  }
  if (unsupported != graph.num_nodes) return id_at<NodeId>(unsupported);
  if (placement.priority.empty()) {
    rank = graph.default_rank.data();
    order = graph.default_order.data();
    return std::nullopt;
  }
  // A search that varies devices keeps its priorities: sort them once.
  if (custom_priority != placement.priority) {
    custom_priority = placement.priority;
    rank_by_priority(custom_priority, custom_rank, custom_order);
  }
  rank = custom_rank.data();
  order = custom_order.data();
  return std::nullopt;
}

namespace {

// As CostModel::occupancy(), which rounds up once. Within range: CompiledGraph has checked the sum.
std::int64_t occupancy(const CompiledGraph& graph, std::uint32_t value, const CompiledLink& link) {
  const double stated = graph.stated_us[value];
  const double ps = stated >= 0
                        ? stated * link.transfer_scale * 1e6
                        : static_cast<double>(graph.bytes[value]) / link.bytes_per_second * 1e12;
  const auto whole = static_cast<std::int64_t>(ps);
  return whole + (static_cast<double>(whole) < ps ? 1 : 0);
}

template <typename Recorder>
class Step {
 public:
  Step(const CompiledGraph& graph, Workspace& workspace, Recorder& recorder)
      : g_(graph), w_(workspace), recorder_(recorder) {}

  void run() {
    reset();
    start_sources();
    while (true) {
      start_ops();
      if (w_.events.empty()) break;
      const std::int64_t next = w_.events.top().time;
      if (next != now_) {
        w_.memory.settle();
        now_ = next;
      }
      // All events of one time come before any device picks its next op.
      do {
        const Event event = w_.events.top();
        w_.events.pop();
        handle(event);
      } while (!w_.events.empty() && w_.events.top().time == now_);
    }
    w_.memory.settle();
    PLACER_CHECK(ended_ == g_.num_nodes, "every node has run");
  }

 private:
  void reset() {
    std::ranges::copy(g_.num_inputs, w_.waiting.begin());
    std::ranges::fill(w_.egress_free, 0);
    std::ranges::fill(w_.ingress_free, 0);
    std::ranges::fill(w_.bus_free, 0);
    std::ranges::fill(w_.busy, 0);
    w_.events.clear();
    w_.memory.clear();
    w_.step_time = 0;
    num_copies_ = 0;
    all_devices_ =
        g_.num_devices == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << g_.num_devices) - 1;
    idle_ = all_devices_;
  }

  void start_sources() {
    for (std::uint32_t n = 0; n < g_.num_nodes; ++n) {
      if (g_.num_inputs[n] == 0 && g_.node_class[n] != NodeClass::kSource) {
        become_ready(n, StepRecorder::kNone);
      }
    }
    for (const auto& [n, bytes] : g_.residents) {
      w_.memory.add(w_.device[n], bytes);
    }
    for (const std::uint32_t n : g_.sources) {
      w_.memory.add(w_.device[n], g_.start_bytes[n]);
      hand_out(n);
      ++ended_;
    }
  }

  void start_ops() {
    // Those that start now slow one another down too.
    const std::uint64_t working = all_devices_ & (~idle_ | has_ready_);
    for (std::uint64_t picks = has_ready_ & idle_; picks != 0; picks &= picks - 1) {
      const auto d = static_cast<std::uint32_t>(std::countr_zero(picks));
      const std::uint32_t n = w_.order[w_.ready[d].take_first()];
      if (w_.ready[d].empty()) has_ready_ &= ~bit(d);
      idle_ &= ~bit(d);
      const std::int64_t time =
          duration(g_.cost[std::size_t{d} * g_.num_nodes + n], working, g_.pool_peers[d]);
      w_.busy[d] += time;
      w_.memory.add(d, g_.start_bytes[n]);
      recorder_.start(n, d, now_);
      w_.events.push(Event::of(now_ + time, EventKind::kEnd, n));
    }
  }

  // Between the times alone and with all peers at work, by how many of them work.
  static std::int64_t duration(const OpCost& cost, std::uint64_t working, std::uint64_t peers) {
    const std::uint64_t working_peers = working & peers;
    if (cost.extra == 0 || working_peers == 0) return cost.alone;
    if (working_peers == peers) return cost.alone + cost.extra;
    const std::int64_t count = std::popcount(working_peers);
    const std::int64_t all = std::popcount(peers);
    return cost.alone + cost.extra / all * count + cost.extra % all * count / all;
  }

  void handle(const Event& event) {
    switch (event.kind()) {
      case EventKind::kEnd:
        return end_node(event.subject());
      case EventKind::kArrival:
        return arrive(event.subject());
      case EventKind::kHandOver:
        return hand_over(event.subject(), event.device());
      case EventKind::kCopyStart:
        return allocate_copy(event.subject());
      case EventKind::kFree:
        return free(event.subject());
    }
  }

  void end_node(std::uint32_t n) {
    const std::uint32_t d = w_.device[n];
    ++ended_;
    w_.step_time = now_;
    recorder_.end(n, now_);
    hand_out(n);
    // An output keeps what it reads to the end of the step.
    if (g_.node_class[n] == NodeClass::kKeep) return;
    for (std::uint32_t i = g_.first_read[n]; i < g_.first_read[n + 1]; ++i) {
      drop(w_.edge_buffer[g_.read_edge[i]]);
    }
    w_.memory.add(d, -g_.end_bytes[n]);
    idle_ |= bit(d);
  }

  // Gives the values of a node that has ended to its readers: to those on its device at once, to
  // others by a transfer per device.
  void hand_out(std::uint32_t n) {
    const bool source = g_.node_class[n] == NodeClass::kSource;
    for (std::uint32_t v = g_.first_value[n]; v < g_.first_value[n + 1]; ++v) {
      if (g_.alias_edge[v] == CompiledGraph::kSignal) {
        hand_out_signal(v, source);
      } else {
        hand_out_tensor(v, source);
      }
    }
  }

  void hand_out_signal(std::uint32_t v, bool source) {
    const std::uint32_t from = w_.device[g_.producer[v]];
    std::uint64_t remote = 0;
    for (std::uint32_t e = g_.first_edge[v]; e < g_.first_edge[v + 1]; ++e) {
      const std::uint32_t to = w_.device[g_.reader[e]];
      if (to == from || source) {
        take_input(g_.reader[e], v);
      } else {
        remote |= bit(to);
      }
    }
    send_by_latency(v, from, remote);
  }

  void hand_out_tensor(std::uint32_t v, bool source) {
    const std::uint32_t from = w_.device[g_.producer[v]];
    const bool own = g_.alias_edge[v] == CompiledGraph::kOwnStorage;
    const std::uint32_t b = own ? v : w_.edge_buffer[g_.alias_edge[v]];
    if (own) {
      w_.buffers[b] = {g_.bytes[v], 0, 1, from};
      recorder_.allocate(b, from, g_.bytes[v], now_);
    }
    const std::uint64_t copying = g_.copying_peers[from];
    std::uint64_t copies = 0;
    std::uint64_t hand_overs = 0;
    std::uint32_t holders = 0;
    for (std::uint32_t e = g_.first_edge[v]; e < g_.first_edge[v + 1]; ++e) {
      const std::uint32_t to = w_.device[g_.reader[e]];
      if ((copying >> to & 1) != 0) {
        copies |= bit(to);
        continue;
      }
      w_.edge_buffer[e] = b;
      ++holders;
      if (to == from || source) {
        take_input(g_.reader[e], v);
      } else {
        hand_overs |= bit(to);
      }
    }
    w_.buffers[b].holders += holders;
    send_by_latency(v, from, hand_overs);
    for (; copies != 0; copies &= copies - 1) {
      send_copy(v, b, from, static_cast<std::uint32_t>(std::countr_zero(copies)));
    }
    if (own && !source) drop(b);
  }

  // Hand-offs and signals hold nothing and copy nothing.
  void send_by_latency(std::uint32_t v, std::uint32_t from, std::uint64_t destinations) {
    for (; destinations != 0; destinations &= destinations - 1) {
      const auto to = static_cast<std::uint32_t>(std::countr_zero(destinations));
      const std::int64_t arrival = now_ + g_.links[from * g_.num_devices + to].latency;
      recorder_.send(v, to, now_, now_, now_, arrival);
      w_.events.push(Event::of(arrival, EventKind::kHandOver, v, to));
    }
  }

  void send_copy(std::uint32_t v, std::uint32_t b, std::uint32_t from, std::uint32_t to) {
    const CompiledLink& link = g_.links[from * g_.num_devices + to];
    const std::int64_t start =
        std::max({now_, w_.egress_free[from], w_.ingress_free[to], w_.bus_free[link.bus]});
    const std::int64_t released = start + occupancy(g_, v, link);
    w_.egress_free[from] = released;
    w_.ingress_free[to] = released;
    if (link.bus != 0) w_.bus_free[link.bus] = released;
    w_.buffers[b].busy_until = std::max(w_.buffers[b].busy_until, released);

    const std::uint32_t copy = num_copies_++;
    w_.copy_value[copy] = v;
    w_.buffers[g_.num_values + copy] = {g_.bytes[v], 0, 1, to};
    if (start == now_) {
      allocate_copy(copy);
    } else {
      w_.events.push(Event::of(start, EventKind::kCopyStart, copy));
    }
    recorder_.send(v, to, now_, start, released, released + link.latency);
    w_.events.push(Event::of(released + link.latency, EventKind::kArrival, copy));
  }

  void allocate_copy(std::uint32_t copy) {
    const Buffer& buffer = w_.buffers[g_.num_values + copy];
    recorder_.allocate(g_.num_values + copy, buffer.device, buffer.bytes, now_);
    w_.memory.add(buffer.device, buffer.bytes);
  }

  void arrive(std::uint32_t copy) {
    const std::uint32_t v = w_.copy_value[copy];
    const std::uint32_t b = g_.num_values + copy;
    const std::uint32_t to = w_.buffers[b].device;
    for (std::uint32_t e = g_.first_edge[v]; e < g_.first_edge[v + 1]; ++e) {
      if (w_.device[g_.reader[e]] != to) continue;
      w_.edge_buffer[e] = b;
      ++w_.buffers[b].holders;
      take_input(g_.reader[e], v);
    }
    drop(b);
  }

  void hand_over(std::uint32_t v, std::uint32_t to) {
    for (std::uint32_t e = g_.first_edge[v]; e < g_.first_edge[v + 1]; ++e) {
      if (w_.device[g_.reader[e]] == to) take_input(g_.reader[e], v);
    }
  }

  void take_input(std::uint32_t n, std::uint32_t value) {
    if (--w_.waiting[n] == 0) become_ready(n, value);
  }

  void become_ready(std::uint32_t n, std::uint32_t last_input) {
    recorder_.ready(n, last_input, now_);
    const std::uint32_t d = w_.device[n];
    if (g_.node_class[n] == NodeClass::kOp) {
      w_.ready[d].insert(w_.rank[n]);
      has_ready_ |= bit(d);
    } else {
      recorder_.start(n, d, now_);
      w_.events.push(Event::of(now_, EventKind::kEnd, n));
    }
  }

  void drop(std::uint32_t b) {
    Buffer& buffer = w_.buffers[b];
    if (--buffer.holders != 0) return;
    if (buffer.busy_until > now_) {
      w_.events.push(Event::of(buffer.busy_until, EventKind::kFree, b));
    } else {
      free(b);
    }
  }

  void free(std::uint32_t b) {
    recorder_.free(b, now_);
    w_.memory.add(w_.buffers[b].device, -w_.buffers[b].bytes);
  }

  static std::uint64_t bit(std::uint32_t device) { return std::uint64_t{1} << device; }

  const CompiledGraph& g_;
  Workspace& w_;
  Recorder& recorder_;
  std::int64_t now_ = 0;
  std::uint32_t ended_ = 0;
  std::uint32_t num_copies_ = 0;
  std::uint64_t has_ready_ = 0;  // mask of devices with ready ops
  std::uint64_t idle_ = 0;       // mask of devices
  std::uint64_t all_devices_ = 0;
};

}  // namespace

void simulate(const CompiledGraph& graph, Workspace& workspace) {
  SilentRecorder recorder;
  Step(graph, workspace, recorder).run();
}

void simulate(const CompiledGraph& graph, Workspace& workspace, StepRecorder& recorder) {
  Step(graph, workspace, recorder).run();
}

}  // namespace placer::sim
