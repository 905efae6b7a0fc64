#include <algorithm>
#include <bit>

#include "placer/base/error.h"
#include "simulator/simulate.h"

namespace placer::sim {

namespace {

constexpr std::uint32_t kLarge = 8192;  // nodes: about 1 MiB of state

template <typename Recorder, bool kMemory>
class EventLoop {
 public:
  EventLoop(const CompiledGraph& graph, Workspace& workspace, Recorder& recorder)
      : g_(graph),
        w_(workspace),
        recorder_(recorder),
        by_ready_time_(graph.model.order == Order::kReadyTime),
        prefetches_(graph.num_nodes >= kLarge),
        all_devices_(graph.num_devices == 64 ? ~std::uint64_t{0}
                                             : (std::uint64_t{1} << graph.num_devices) - 1),
        idle_(all_devices_) {}

  void run() {
    w_.clear(g_);
    w_.events.clear();
    start_sources();
    while (true) {
      start_ops();
      if (w_.events.empty()) break;
      const std::int64_t next = w_.events.top().time;
      if (next != now_) {
        if constexpr (kMemory) w_.memory.settle();
        now_ = next;
      }
      // All events of one time come before any device picks its next op.
      do {
        const Event event = w_.events.top();
        w_.events.pop();
        handle(event);
      } while (!w_.events.empty() && w_.events.top().time == now_);
    }
    if constexpr (kMemory) w_.memory.settle();
    if (g_.model.idle_after_copy.ps > 0) {
      w_.step_time = std::max(w_.step_time, w_.network.last_free());
    }
    PLACER_CHECK(ended_ == g_.num_nodes, "every node has run");
  }

 private:
  void start_sources() {
    for (const std::uint32_t n : g_.heads) become_ready(n, StepRecorder::kNone);
    if constexpr (kMemory) {
      for (const auto& [n, bytes] : g_.residents) {
        w_.memory.add(w_.nodes[n].device, bytes);
      }
    }
    for (const std::uint32_t n : g_.sources) {
      if constexpr (kMemory) w_.memory.add(w_.nodes[n].device, g_.nodes[n].start_bytes);
      hand_out(n);
      ++ended_;
    }
  }

  void start_ops() {
    // Those that start now slow one another down too.
    const std::uint64_t working = all_devices_ & (~idle_ | has_ready_);
    for (std::uint64_t picks = has_ready_ & idle_; picks != 0; picks &= picks - 1) {
      const auto d = static_cast<std::uint32_t>(std::countr_zero(picks));
      const std::uint32_t n = take_ready(d);
      idle_ &= ~bit(d);
      const std::int64_t time =
          duration(g_.cost[std::size_t{d} * g_.num_nodes + n], working, g_.pool_peers[d]);
      w_.busy[d] += time;
      w_.network.device_free[d] = now_ + time + (time > 0 ? g_.model.idle_after_op.ps : 0);
      if constexpr (kMemory) w_.memory.add(d, g_.nodes[n].start_bytes);
      recorder_.start(n, now_);
      w_.events.push(Event::of(now_ + time, EventKind::kEnd, n));
      if (prefetches_) prefetch_end(n);
    }
  }

  // Beyond the size of near caches, what comes is fetched ahead: what the end of an op reads at its
  // start, what its start reads when it becomes ready.
  void prefetch_end(std::uint32_t n) {
    __builtin_prefetch(&g_.values[g_.nodes[n].first_value]);
    if constexpr (kMemory) {
      for (std::uint32_t i = g_.nodes[n].first_input; i < g_.nodes[n].first_signal; ++i) {
        __builtin_prefetch(&w_.buffers[w_.input_buffer[i]]);
      }
    }
  }
  void prefetch_start(std::uint32_t n, std::uint32_t d) {
    __builtin_prefetch(&g_.cost[std::size_t{d} * g_.num_nodes + n]);
    __builtin_prefetch(&w_.order[w_.nodes[n].rank]);
    __builtin_prefetch(&g_.nodes[n]);
  }

  std::uint32_t take_ready(std::uint32_t d) {
    bool empty = false;
    std::uint32_t n = 0;
    if (by_ready_time_) {
      n = w_.fifo[d].top().subject();
      w_.fifo[d].pop();
      empty = w_.fifo[d].empty();
    } else {
      n = w_.order[w_.ready[d].take_first()];
      empty = w_.ready[d].empty();
    }
    if (empty) has_ready_ &= ~bit(d);
    return n;
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
        return hand_over(event.subject(), event.detail());
      case EventKind::kCopyStart:
        return allocate_copy(event.subject());
      case EventKind::kFree:
        return free(event.subject());
      case EventKind::kLaunched:
        return become_startable(event.subject());
      case EventKind::kDeviceFree:
        return release_device(event.subject());
    }
  }

  void end_node(std::uint32_t n) {
    const std::uint32_t d = w_.nodes[n].device;
    ++ended_;
    w_.step_time = now_;
    recorder_.end(n, now_);
    hand_out(n);
    // An output keeps what it reads to the end of the step.
    if (g_.nodes[n].kind == NodeClass::kKeep) return;
    if constexpr (kMemory) {
      for (std::uint32_t i = g_.nodes[n].first_input; i < g_.nodes[n].first_signal; ++i) {
        drop(w_.input_buffer[i]);
      }
      w_.memory.add(d, -g_.nodes[n].end_bytes);
    }
    if (w_.network.device_free[d] <= now_) {
      idle_ |= bit(d);
    } else {
      w_.events.push(Event::of(w_.network.device_free[d], EventKind::kDeviceFree, d));
    }
  }

  // The end of a pause: a copy that held the device, or idle time after an op. Another copy may
  // have come since.
  void release_device(std::uint32_t d) {
    if (w_.network.device_free[d] > now_) {
      w_.events.push(Event::of(w_.network.device_free[d], EventKind::kDeviceFree, d));
      return;
    }
    idle_ |= bit(d);
    w_.step_time = now_;
  }

  // Gives the values of a node that has ended to its readers: to those on its device at once, to
  // others by a transfer per device.
  void hand_out(std::uint32_t n) {
    const bool source = g_.nodes[n].kind == NodeClass::kSource;
    const std::uint32_t last = g_.nodes[n + 1].first_value;
    for (std::uint32_t v = g_.nodes[n].first_value; v < last; ++v) {
      if (g_.is_signal(v)) {
        hand_out_signal(v, w_.nodes[n].device, source);
      } else {
        hand_out_tensor(v, w_.nodes[n].device, source);
      }
    }
  }

  void hand_out_signal(std::uint32_t v, std::uint32_t from, bool source) {
    std::uint64_t remote = 0;
    for (std::uint32_t e = g_.values[v].first_edge; e < g_.values[v + 1].first_edge; ++e) {
      const std::uint32_t to = w_.nodes[g_.readers[e].node].device;
      if (to == from || source) {
        take_input(g_.readers[e].node, v);
      } else {
        remote |= bit(to);
      }
    }
    send_by_latency(v, from, remote);
  }

  void hand_out_tensor(std::uint32_t v, std::uint32_t from, bool source) {
    const CompiledValue& value = g_.values[v];
    const bool own = value.alias == CompiledValue::kOwnStorage;
    std::uint32_t b = v;
    if constexpr (kMemory) {
      if (!own) b = w_.input_buffer[value.alias];
      if (own) {
        w_.buffers[b] = {value.bytes, 0, 1, from};
        recorder_.allocate(b, from, value.bytes, now_);
      }
    }
    const std::uint64_t copying = g_.copying_peers[from];
    std::uint64_t copies = 0;
    std::uint64_t hand_overs = 0;
    std::uint32_t holders = 0;
    const std::uint32_t last = g_.values[v + 1].first_edge;
    for (std::uint32_t e = value.first_edge; e < last; ++e) {
      const std::uint32_t to = w_.nodes[g_.readers[e].node].device;
      if ((copying >> to & 1) != 0) {
        copies |= bit(to);
        continue;
      }
      if constexpr (kMemory) w_.input_buffer[g_.readers[e].input] = b;
      ++holders;
      if (to == from || source) {
        take_input(g_.readers[e].node, v);
      } else {
        hand_overs |= bit(to);
      }
    }
    if constexpr (kMemory) w_.buffers[b].holders += holders;
    if (hand_overs != 0) send_by_latency(v, from, hand_overs);
    if (copies != 0) send_copies(v, b, from, copies);
    if constexpr (kMemory) {
      if (own && !source) drop(b);
    }
  }

  // Hand-offs and signals hold nothing and copy nothing. One event brings them to all devices that
  // they reach at the same time.
  void send_by_latency(std::uint32_t v, std::uint32_t from, std::uint64_t destinations) {
    while (destinations != 0) {
      const CompiledLink& first =
          g_.link(from, static_cast<std::uint32_t>(std::countr_zero(destinations)));
      for (std::uint64_t left = destinations; left != 0; left &= left - 1) {
        const auto to = static_cast<std::uint32_t>(std::countr_zero(left));
        if (g_.link(from, to).latency_class != first.latency_class) continue;
        destinations &= ~bit(to);
        recorder_.send(v, to, now_, {now_, now_}, now_ + first.latency);
      }
      w_.events.push(Event::of(now_ + first.latency, EventKind::kHandOver, v, first.latency_class));
    }
  }

  void hand_over(std::uint32_t v, std::uint32_t latency_class) {
    const std::uint32_t from = w_.nodes[g_.values[v].producer].device;
    // Those that have it or get a copy.
    const std::uint64_t others = bit(from) | (g_.is_signal(v) ? 0 : g_.copying_peers[from]);
    for (std::uint32_t e = g_.values[v].first_edge; e < g_.values[v + 1].first_edge; ++e) {
      const std::uint32_t to = w_.nodes[g_.readers[e].node].device;
      if ((others >> to & 1) != 0 || g_.link(from, to).latency_class != latency_class) continue;
      take_input(g_.readers[e].node, v);
    }
  }

  void send_copies(std::uint32_t v, std::uint32_t b, std::uint32_t from,
                   std::uint64_t destinations) {
    switch (g_.model.sending) {
      case Sending::kPerDevice:
        for (; destinations != 0; destinations &= destinations - 1) {
          const std::uint64_t to = destinations & -destinations;
          const Reservation reservation = reserve(v, b, from, to);
          add_copy(v, from, to, Workspace::Copy::kAllReaders, reservation);
        }
        return;
      case Sending::kPerReader:
        for (std::uint32_t e = g_.values[v].first_edge; e < g_.values[v + 1].first_edge; ++e) {
          const std::uint64_t to = bit(w_.nodes[g_.readers[e].node].device);
          if ((destinations & to) == 0) continue;
          const Reservation reservation = reserve(v, b, from, to);
          add_copy(v, from, to, e, reservation);
        }
        return;
      case Sending::kOnce:
        const Reservation reservation = reserve(v, b, from, destinations);
        for (; destinations != 0; destinations &= destinations - 1) {
          const std::uint64_t to = destinations & -destinations;
          add_copy(v, from, to, Workspace::Copy::kAllReaders, reservation);
        }
        return;
    }
  }

  Reservation reserve(std::uint32_t v, std::uint32_t b, std::uint32_t from,
                      std::uint64_t destinations) {
    const Reservation result = w_.network.reserve(g_, v, from, destinations, now_);
    if constexpr (kMemory) {
      w_.buffers[b].busy_until = std::max(w_.buffers[b].busy_until, result.released);
    }
    if (!g_.model.overlap) hold_devices(destinations | bit(from));
    return result;
  }

  void hold_devices(std::uint64_t devices) {
    for (; devices != 0; devices &= devices - 1) {
      const auto d = static_cast<std::uint32_t>(std::countr_zero(devices));
      const std::int64_t until = w_.network.device_free[d];
      if (until <= now_ || (idle_ & bit(d)) == 0) continue;
      idle_ &= ~bit(d);
      w_.events.push(Event::of(until, EventKind::kDeviceFree, d));
    }
  }

  void add_copy(std::uint32_t v, std::uint32_t from, std::uint64_t destination, std::uint32_t edge,
                const Reservation& reservation) {
    const auto to = static_cast<std::uint32_t>(std::countr_zero(destination));
    const std::uint32_t copy = w_.num_copies++;
    w_.copies[copy] = {v, to, edge};
    if constexpr (kMemory) {
      w_.buffers[g_.num_values + copy] = {g_.values[v].bytes, 0, 1, to};
      if (reservation.start == now_) {
        allocate_copy(copy);
      } else {
        w_.events.push(Event::of(reservation.start, EventKind::kCopyStart, copy));
      }
    }
    const std::int64_t arrival = reservation.released + g_.link(from, to).latency;
    recorder_.send(v, to, now_, reservation, arrival);
    w_.events.push(Event::of(arrival, EventKind::kArrival, copy));
  }

  void allocate_copy(std::uint32_t copy) {
    const Buffer& buffer = w_.buffers[g_.num_values + copy];
    recorder_.allocate(g_.num_values + copy, buffer.device, buffer.bytes, now_);
    w_.memory.add(buffer.device, buffer.bytes);
  }

  void arrive(std::uint32_t number) {
    const Workspace::Copy& copy = w_.copies[number];
    const std::uint32_t b = g_.num_values + number;
    const auto give = [&](std::uint32_t e) {
      if constexpr (kMemory) {
        w_.input_buffer[g_.readers[e].input] = b;
        ++w_.buffers[b].holders;
      }
      take_input(g_.readers[e].node, copy.value);
    };
    if (copy.edge != Workspace::Copy::kAllReaders) {
      give(copy.edge);
    } else {
      const std::uint32_t last = g_.values[copy.value + 1].first_edge;
      for (std::uint32_t e = g_.values[copy.value].first_edge; e < last; ++e) {
        if (w_.nodes[g_.readers[e].node].device == copy.device) give(e);
      }
    }
    if constexpr (kMemory) drop(b);
  }

  void take_input(std::uint32_t n, std::uint32_t value) {
    if (--w_.nodes[n].waiting == 0) become_ready(n, value);
  }

  void become_ready(std::uint32_t n, std::uint32_t last_input) {
    if (w_.nodes[n].kind != NodeClass::kOp) {
      recorder_.ready(n, last_input, now_);
      recorder_.start(n, now_);
      w_.events.push(Event::of(now_, EventKind::kEnd, n));
    } else if (!w_.launched.empty() && w_.launched[n] > now_) {
      w_.events.push(Event::of(w_.launched[n], EventKind::kLaunched, n));
    } else {
      recorder_.ready(n, last_input, now_);
      insert_ready(n);
    }
  }

  void become_startable(std::uint32_t n) {
    recorder_.ready(n, StepRecorder::kLaunch, now_);
    insert_ready(n);
  }

  void insert_ready(std::uint32_t n) {
    const std::uint32_t d = w_.nodes[n].device;
    if (prefetches_) prefetch_start(n, d);
    if (by_ready_time_) {
      w_.fifo[d].push(Event::of(now_, EventKind::kEnd, n));
    } else {
      w_.ready[d].insert(w_.nodes[n].rank);
    }
    has_ready_ |= bit(d);
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
  const bool by_ready_time_;
  const bool prefetches_;
  const std::uint64_t all_devices_;
  std::int64_t now_ = 0;
  std::uint32_t ended_ = 0;
  std::uint64_t has_ready_ = 0;  // mask of devices with ready ops
  std::uint64_t idle_;           // mask of devices
};

}  // namespace

template <typename Recorder>
void run_events(const CompiledGraph& graph, Workspace& workspace, Recorder& recorder) {
  if (graph.model.memory) {
    EventLoop<Recorder, true>(graph, workspace, recorder).run();
  } else {
    EventLoop<Recorder, false>(graph, workspace, recorder).run();
  }
}

template void run_events(const CompiledGraph&, Workspace&, SilentRecorder&);
template void run_events(const CompiledGraph&, Workspace&, StepRecorder&);

}  // namespace placer::sim
