#include <algorithm>
#include <bit>
#include <limits>
#include <set>

#include "simulator/simulate.h"

namespace placer::sim {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

template <typename Recorder, bool kMemory>
class FixedOrder {
 public:
  FixedOrder(const CompiledGraph& graph, Workspace& workspace, Recorder& recorder)
      : g_(graph),
        w_(workspace),
        recorder_(recorder),
        // A copy that holds nothing can be computed anew for every reader.
        counts_copies_(kMemory || Recorder::kRecords || !graph.model.overlap ||
                       graph.model.contention != Contention::kNone || graph.num_buses > 1 ||
                       graph.model.sending == Sending::kOnce) {}

  void run() {
    w_.clear(g_);
    if (counts_copies_) std::ranges::fill(w_.last_copy, Workspace::kNoCopy);
    for (std::uint32_t i = 0; i < g_.num_nodes; ++i) {
      visit(w_.order[i]);
    }
    if (g_.model.idle_after_op.ps > 0) {
      w_.step_time = std::max(w_.step_time, std::ranges::max(w_.network.device_free));
    }
    if (g_.model.idle_after_copy.ps > 0) {
      w_.step_time = std::max(w_.step_time, w_.network.last_free());
    }
    if constexpr (kMemory) account_memory();
  }

 private:
  // When a node may start, and the value that came last.
  struct Ready {
    std::int64_t time = 0;
    std::uint32_t last_input = StepRecorder::kNone;
  };

  void visit(std::uint32_t n) {
    const CompiledNode& node = g_.nodes[n];
    const std::uint32_t d = w_.nodes[n].device;
    if (node.kind == NodeClass::kSource) {
      w_.finish[n] = 0;
      if constexpr (kMemory) make_buffers(n, kNever);
      return;
    }
    const Ready ready = find_ready(n, d);
    std::int64_t start = ready.time;
    std::int64_t end = start;
    if (node.kind == NodeClass::kOp) {
      const std::int64_t time = g_.cost[std::size_t{d} * g_.num_nodes + n].alone;
      start = std::max(start, w_.network.device_free[d]);
      end = start + time;
      w_.busy[d] += time;
      w_.network.device_free[d] = end + (time > 0 ? g_.model.idle_after_op.ps : 0);
    }
    w_.finish[n] = end;
    w_.step_time = std::max(w_.step_time, end);
    recorder_.ready(n, ready.last_input, ready.time);
    recorder_.start(n, start);
    recorder_.end(n, end);
    if constexpr (kMemory) {
      use_buffers(n, node.kind == NodeClass::kKeep ? kNever : end);
      make_buffers(n, end);
    }
  }

  Ready find_ready(std::uint32_t n, std::uint32_t d) {
    const CompiledNode& node = g_.nodes[n];
    Ready ready;
    const auto wait = [&](std::int64_t time, std::uint32_t value) {
      if (ready.last_input == StepRecorder::kNone || time > ready.time) ready = {time, value};
    };
    for (std::uint32_t i = node.first_input; i < node.first_signal; ++i) {
      wait(receive(i, d), g_.inputs[i].value);
    }
    for (std::uint32_t i = node.first_signal; i < g_.nodes[n + 1].first_input; ++i) {
      wait(receive_by_latency(g_.inputs[i], d), g_.inputs[i].value);
    }
    const bool waits = node.kind == NodeClass::kOp && !w_.launched.empty();
    if (waits && w_.launched[n] > ready.time) ready = {w_.launched[n], StepRecorder::kLaunch};
    return ready;
  }

  // When a tensor is usable on device `d`.
  std::int64_t receive(std::uint32_t i, std::uint32_t d) {
    const CompiledInput& input = g_.inputs[i];
    const std::uint32_t from = w_.nodes[input.producer].device;
    if (from == d || (g_.copying_peers[from] >> d & 1) == 0) {
      if constexpr (kMemory) w_.input_buffer[i] = storage(input.value);
      return receive_by_latency(input, d);
    }
    const CompiledLink& link = g_.link(from, d);
    if (!counts_copies_) {
      return w_.finish[input.producer] + g_.occupancy(input.value, link) + link.latency;
    }
    std::uint32_t copy = Workspace::kNoCopy;
    if (g_.model.sending != Sending::kPerReader) copy = find_copy(input.value, d);
    if (copy == Workspace::kNoCopy) {
      send_copies(input, from, d);
      copy = find_copy(input.value, d);
    }
    if constexpr (kMemory) w_.input_buffer[i] = g_.num_values + copy;
    return w_.arrivals[copy].time;
  }

  // A signal, a hand-off or what is on the device already.
  std::int64_t receive_by_latency(const CompiledInput& input, std::uint32_t d) {
    const std::uint32_t from = w_.nodes[input.producer].device;
    const std::int64_t made = w_.finish[input.producer];
    if (from == d || g_.nodes[input.producer].kind == NodeClass::kSource) return made;
    const std::int64_t arrival = made + g_.link(from, d).latency;
    if constexpr (Recorder::kRecords) {
      if (handed_over_.emplace(input.value, d).second) {
        recorder_.send(input.value, d, made, {made, made}, arrival);
      }
    }
    return arrival;
  }

  // The latest copy on the device.
  std::uint32_t find_copy(std::uint32_t value, std::uint32_t d) const {
    std::uint32_t copy = w_.last_copy[value];
    while (copy != Workspace::kNoCopy && w_.copies[copy].device != d) {
      copy = w_.arrivals[copy].previous;
    }
    return copy;
  }

  void send_copies(const CompiledInput& input, std::uint32_t from, std::uint32_t d) {
    std::uint64_t destinations = std::uint64_t{1} << d;
    if (g_.model.sending == Sending::kOnce) {
      const std::uint32_t last = g_.values[input.value + 1].first_edge;
      for (std::uint32_t e = g_.values[input.value].first_edge; e < last; ++e) {
        destinations |= std::uint64_t{1} << w_.nodes[g_.readers[e].node].device;
      }
      destinations &= g_.copying_peers[from];
    }
    const std::int64_t made = w_.finish[input.producer];
    const Reservation held = w_.network.reserve(g_, input.value, from, destinations, made);
    if constexpr (kMemory) {
      Buffer& source = w_.buffers[storage(input.value)];
      source.busy_until = std::max(source.busy_until, held.released);
    }
    for (; destinations != 0; destinations &= destinations - 1) {
      const auto to = static_cast<std::uint32_t>(std::countr_zero(destinations));
      const std::uint32_t copy = w_.num_copies++;
      const std::int64_t arrival = held.released + g_.link(from, to).latency;
      w_.copies[copy] = {input.value, to};
      w_.arrivals[copy] = {arrival, held.start, w_.last_copy[input.value]};
      w_.last_copy[input.value] = copy;
      recorder_.send(input.value, to, made, held, arrival);
      if constexpr (kMemory) {
        w_.buffers[g_.num_values + copy] = {g_.values[input.value].bytes, arrival, 0, to};
      }
    }
  }

  // --- Memory: how long everything lives is known once the last reader was visited. ---

  std::uint32_t storage(std::uint32_t value) const {
    const std::uint32_t alias = g_.values[value].alias;
    return alias == CompiledValue::kOwnStorage ? value : w_.input_buffer[alias];
  }

  void make_buffers(std::uint32_t n, std::int64_t end) {
    for (std::uint32_t v = g_.nodes[n].first_value; v < g_.nodes[n + 1].first_value; ++v) {
      if (g_.values[v].alias != CompiledValue::kOwnStorage) continue;
      w_.buffers[v] = {g_.values[v].bytes, end, 0, w_.nodes[n].device};
    }
  }

  void use_buffers(std::uint32_t n, std::int64_t end) {
    for (std::uint32_t i = g_.nodes[n].first_input; i < g_.nodes[n].first_signal; ++i) {
      Buffer& buffer = w_.buffers[w_.input_buffer[i]];
      buffer.busy_until = std::max(buffer.busy_until, end);
    }
  }

  void account_memory() {
    w_.changes.clear();
    for (const auto& [n, bytes] : g_.residents) add_change(0, bytes, w_.nodes[n].device);
    for (std::uint32_t n = 0; n < g_.num_nodes; ++n) {
      const CompiledNode& node = g_.nodes[n];
      const std::uint32_t d = w_.nodes[n].device;
      const bool op = node.kind == NodeClass::kOp;
      const std::int64_t time = op ? g_.cost[std::size_t{d} * g_.num_nodes + n].alone : 0;
      add_change(w_.finish[n] - time, node.start_bytes, d);
      if (op) add_change(w_.finish[n], -node.end_bytes, d);
    }
    for (std::uint32_t v = 0; v < g_.num_values; ++v) {
      if (g_.values[v].alias != CompiledValue::kOwnStorage) continue;
      recorder_.allocate(v, w_.buffers[v].device, w_.buffers[v].bytes, 0);
      end_buffer(v);
    }
    for (std::uint32_t copy = 0; copy < w_.num_copies; ++copy) {
      const std::uint32_t b = g_.num_values + copy;
      const std::int64_t start = w_.arrivals[copy].start;
      add_change(start, w_.buffers[b].bytes, w_.buffers[b].device);
      recorder_.allocate(b, w_.buffers[b].device, w_.buffers[b].bytes, start);
      end_buffer(b);
    }
    w_.memory.replay(w_.changes);
  }

  void end_buffer(std::uint32_t b) {
    const Buffer& buffer = w_.buffers[b];
    if (buffer.busy_until == kNever) return;
    add_change(buffer.busy_until, -buffer.bytes, buffer.device);
    recorder_.free(b, buffer.busy_until);
  }

  void add_change(std::int64_t time, std::int64_t bytes, std::uint32_t device) {
    if (bytes != 0) w_.changes.push_back({time, bytes, device});
  }

  const CompiledGraph& g_;
  Workspace& w_;
  Recorder& recorder_;
  const bool counts_copies_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> handed_over_;  // value, device: recorded ones
};

}  // namespace

template <typename Recorder>
void run_fixed_order(const CompiledGraph& graph, Workspace& workspace, Recorder& recorder) {
  if (graph.model.memory) {
    FixedOrder<Recorder, true>(graph, workspace, recorder).run();
  } else {
    FixedOrder<Recorder, false>(graph, workspace, recorder).run();
  }
}

template void run_fixed_order(const CompiledGraph&, Workspace&, SilentRecorder&);
template void run_fixed_order(const CompiledGraph&, Workspace&, StepRecorder&);

}  // namespace placer::sim
