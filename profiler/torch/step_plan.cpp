#include "profiler/torch/step_plan.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "placer/base/error.h"

namespace placer::profile {

namespace {

using Rows = std::vector<std::vector<std::uint32_t>>;

Lists to_lists(const Rows& rows) {
  Lists lists;
  for (const auto& row : rows) {
    lists.items.insert(lists.items.end(), row.begin(), row.end());
    lists.end_list();
  }
  return lists;
}

Rows predecessors(const Program& program, std::size_t nodes) {
  Rows before(nodes);
  for (const std::uint32_t op : program.ops) {
    for (const std::uint32_t successor : program.successors.of(op)) {
      before[successor].push_back(op);
    }
  }
  return before;
}

class PlanMaker {
 public:
  PlanMaker(const Graph& graph, const Program& program, const std::vector<bool>& gpu,
            const Lowered& lowered)
      : graph_(graph),
        program_(program),
        gpu_(gpu),
        lowered_(lowered),
        before_(predecessors(program, graph.size())),
        plan_(plan_without_transfers(graph, program, lowered.order.size())),
        inputs_(graph.size()),
        successors_(graph.size()),
        sends_(graph.size()),
        arrives_(graph.size()) {
    plan_.dependencies.assign(graph.size(), 0);
    plan_.readers.assign(graph.num_tensors(), 0);
    assign_devices(program, lowered, plan_);
  }

  StepPlan make() {
    for (std::size_t i = 0; i < graph_.size(); ++i) {
      const auto node = static_cast<std::uint32_t>(i);
      if (graph_.nodes()[i].kind == NodeKind::kOp) {
        check_shared_memory(node);
        find_inputs(node);
        find_waits(node);
      } else if (graph_.nodes()[i].kind == NodeKind::kOutput) {
        keep_output(node);
      }
    }
    count_releases();
    for (std::uint32_t t = 0; t < plan_.transfers.size(); ++t) {
      begin_transfer(t);
    }
    plan_.inputs = to_lists(inputs_);
    plan_.successors = to_lists(successors_);
    plan_.sends = to_lists(sends_);
    plan_.told = to_lists(told_);
    plan_.arrives = to_lists(arrives_);
    return std::move(plan_);
  }

 private:
  [[nodiscard]] std::uint32_t device(std::uint32_t node) const { return lowered_.device[node]; }
  [[nodiscard]] bool on_gpu(std::uint32_t node) const { return gpu_[device(node)]; }
  // A memory's number: the host's, or a GPU's own.
  [[nodiscard]] std::uint32_t memory(std::uint32_t node) const {
    return on_gpu(node) ? device(node) : kNone;
  }
  [[nodiscard]] bool made_in_step(std::uint32_t tensor) const {
    return graph_.nodes()[program_.node_of[tensor]].kind == NodeKind::kOp;
  }
  [[nodiscard]] std::uint32_t tensor(TensorRef ref) const {
    return static_cast<std::uint32_t>(graph_.tensor_index(ref));
  }

  void check_shared_memory(std::uint32_t node) {
    const Node& op = graph_.nodes()[node];
    std::vector<std::uint32_t> shared = op.mutates;
    for (const TensorSpec& output : op.outputs) {
      if (output.alias_of) {
        shared.push_back(*output.alias_of);
      }
    }
    for (const std::uint32_t input : shared) {
      const auto owner = static_cast<std::uint32_t>(index(op.inputs[input].node));
      if (!plan_.problem && memory(owner) != memory(node)) {
        plan_.problem = Infeasible{
            InfeasibleReason::kUnsupported,
            id_at<DeviceId>(device(node)),
            id_at<NodeId>(node),
            {},
            fmt::format("\"{}\" ({}) shares the memory of \"{}\", which is on another device",
                        op.name, op.op, graph_.nodes()[owner].name)};
      }
    }
  }

  // The transfer of `value` (or of word of `producer`) to the memory of `reader`.
  std::uint32_t transfer(std::uint32_t producer, std::uint32_t value, std::uint32_t reader) {
    const std::uint32_t what = value == kNone ? producer : value;
    const auto next = static_cast<std::uint32_t>(plan_.transfers.size());
    const auto [known, fresh] =
        known_.emplace(std::tuple(value == kNone, what, memory(reader)), next);
    if (fresh) {
      Transfer made{producer, value, kNone, device(producer), device(reader)};
      if (value != kNone) {
        made.copy = add_copy(value, made.to);
      }
      plan_.transfers.push_back(made);
      told_.emplace_back();
    }
    return known->second;
  }

  std::uint32_t add_copy(std::uint32_t value, std::uint32_t to) {
    const auto slot = static_cast<std::uint32_t>(plan_.storage.size());
    const std::uint32_t producer = program_.node_of[value];
    const std::uint32_t output = value - tensor({id_at<NodeId>(producer), 0});
    plan_.storage.push_back(slot);
    plan_.handles.push_back(1);
    plan_.bytes.push_back(graph_.nodes()[producer].outputs[output].bytes.count);
    plan_.device.push_back(to);
    plan_.readers.push_back(0);
    return slot;
  }

  void find_inputs(std::uint32_t node) {
    for (const std::uint32_t value : program_.inputs.of(node)) {
      const std::uint32_t producer = program_.node_of[value];
      if (memory(producer) == memory(node)) {
        inputs_[node].push_back(value);
        continue;
      }
      const std::uint32_t t = transfer(producer, value, node);
      inputs_[node].push_back(plan_.transfers[t].copy);
      wait_for(node, t);
    }
  }

  void wait_for(std::uint32_t node, std::uint32_t t) {
    if (std::ranges::find(arrives_[node], t) == arrives_[node].end()) {
      arrives_[node].push_back(t);
      told_[t].push_back(node);
      ++plan_.dependencies[node];
    }
  }

  // What is copied from an op comes after it, so that word of it is needed only without a copy.
  // The host tells a GPU's launches of its ops' ends itself.
  void find_waits(std::uint32_t node) {
    for (const std::uint32_t op : before_[node]) {
      const bool direct = memory(op) == memory(node) || (!on_gpu(op) && on_gpu(node));
      const bool copied = std::ranges::any_of(
          arrives_[node], [&](std::uint32_t t) { return plan_.transfers[t].producer == op; });
      if (copied) {
        continue;
      }
      if (direct) {
        successors_[op].push_back(node);
        ++plan_.dependencies[node];
      } else {
        wait_for(node, transfer(op, kNone, node));
      }
    }
  }

  void keep_output(std::uint32_t node) {
    const Node& output = graph_.nodes()[node];
    const std::uint32_t value = tensor(output.inputs.front());
    if (made_in_step(value)) {
      ++plan_.readers[value];
    }
    if (output.output_role != OutputRole::kStateWrite) {
      return;
    }
    const auto state = static_cast<std::uint32_t>(index(*output.target));
    const std::uint32_t producer = program_.node_of[value];
    if (memory(producer) != memory(state)) {
      const std::uint32_t copy = plan_.transfers[transfer(producer, value, state)].copy;
      ++plan_.readers[copy];
      plan_.written[node] = copy;
    }
  }

  void count_releases() {
    Rows releases(graph_.size());
    for (const std::uint32_t op : program_.ops) {
      auto& released = releases[op];
      for (const std::uint32_t slot : inputs_[op]) {
        if (slot >= graph_.num_tensors() || made_in_step(slot)) {
          released.push_back(slot);
        }
      }
      for (const std::uint32_t value : program_.releases.of(op)) {
        if (program_.node_of[value] == op) {  // nobody reads it
          released.push_back(value);
        }
      }
      std::ranges::sort(released);
      released.erase(std::unique(released.begin(), released.end()), released.end());
      for (const std::uint32_t slot : released) {
        ++plan_.readers[slot];
      }
    }
    plan_.releases = to_lists(releases);
  }

  void begin_transfer(std::uint32_t t) {
    const Transfer& moved = plan_.transfers[t];
    if (moved.value != kNone && made_in_step(moved.value)) {
      ++plan_.readers[moved.value];
    }
    if (graph_.nodes()[moved.producer].kind == NodeKind::kOp) {
      sends_[moved.producer].push_back(t);
    } else if (gpu_[moved.from]) {
      plan_.leave_first[moved.from].push_back(t);
    } else {
      plan_.enter_first[moved.to].push_back(t);
    }
    if (!gpu_[moved.to]) {
      ++plan_.to_host[moved.from];
    } else if (!gpu_[moved.from]) {
      ++plan_.from_host[moved.to];
    }
  }

  const Graph& graph_;
  const Program& program_;
  const std::vector<bool>& gpu_;
  const Lowered& lowered_;
  Rows before_;  // [nodes]: ops that it waits for
  StepPlan plan_;
  Rows inputs_, successors_, sends_, arrives_;  // [nodes]
  Rows told_;                                   // [transfers]
  // By whether it is only word, the tensor or producer, and the memory it goes to.
  std::map<std::tuple<bool, std::uint32_t, std::uint32_t>, std::uint32_t> known_;
};

// All ops, each after what it waits for, by priority, then index.
std::vector<std::uint32_t> one_order(const Program& program,
                                     std::span<const std::int64_t> priority) {
  const auto later = [&](std::uint32_t a, std::uint32_t b) {
    if (!priority.empty() && priority[a] != priority[b]) {
      return priority[a] < priority[b];
    }
    return a > b;
  };
  std::vector<std::uint32_t> pending = program.dependencies;
  std::vector<std::uint32_t> order;
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, decltype(later)> ready(later);
  for (const std::uint32_t op : program.ops) {
    if (pending[op] == 0) {
      ready.push(op);
    }
  }
  while (!ready.empty()) {
    const std::uint32_t op = ready.top();
    ready.pop();
    order.push_back(op);
    for (const std::uint32_t successor : program.successors.of(op)) {
      if (--pending[successor] == 0) {
        ready.push(successor);
      }
    }
  }
  PLACER_CHECK(order.size() == program.ops.size(), "a graph has no cycle");
  return order;
}

}  // namespace

StepPlan plan_without_transfers(const Graph& graph, const Program& program, std::size_t devices) {
  StepPlan plan;
  plan.dependencies = program.dependencies;
  plan.successors = program.successors;
  plan.inputs = program.inputs;
  plan.releases = program.releases;
  plan.readers = program.readers;
  plan.storage = program.storage;
  plan.handles = program.handles;
  plan.bytes = program.bytes;
  plan.sends = plan.arrives = to_lists(Rows(graph.size()));
  plan.leave_first.resize(devices);
  plan.enter_first.resize(devices);
  plan.to_host.assign(devices, 0);
  plan.from_host.assign(devices, 0);
  plan.written.assign(graph.size(), kNone);
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.kind == NodeKind::kOutput && node.output_role == OutputRole::kStateWrite) {
      plan.written[i] = static_cast<std::uint32_t>(graph.tensor_index(node.inputs.front()));
    }
  }
  return plan;
}

void assign_devices(const Program& program, const Lowered& lowered, StepPlan& plan) {
  plan.device.resize(program.node_of.size());
  for (std::size_t i = 0; i < program.node_of.size(); ++i) {
    plan.device[i] = lowered.device[program.node_of[i]];
  }
}

StepPlan plan_with_transfers(const Graph& graph, const Program& program,
                             const std::vector<bool>& gpu, std::span<const std::int64_t> priority,
                             Lowered& lowered) {
  StepPlan plan = PlanMaker(graph, program, gpu, lowered).make();
  for (std::size_t d = 0; d < gpu.size(); ++d) {
    lowered.ready[d].clear();
    if (gpu[d]) {
      lowered.order[d].clear();
    }
  }
  for (const std::uint32_t op : one_order(program, priority)) {
    const std::uint32_t d = lowered.device[op];
    if (gpu[d]) {
      lowered.rank[op] = static_cast<std::uint32_t>(lowered.order[d].size());
      lowered.order[d].push_back(op);
    }
  }
  for (std::size_t d = 0; d < gpu.size(); ++d) {
    for (std::uint32_t rank = 0; !gpu[d] && rank < lowered.order[d].size(); ++rank) {
      if (plan.dependencies[lowered.order[d][rank]] == 0) {
        lowered.ready[d].push_back(rank);
      }
    }
  }
  return plan;
}

}  // namespace placer::profile
