#include "profiler/torch/step_state.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "profiler/torch/inbox.h"
#include "profiler/torch/seeded_values.h"
#include "profiler/torch/step_thread.h"
#include "profiler/torch/tensors.h"

namespace placer::profile {

StepState::StepState(const Graph& the_graph, const Cluster& the_cluster,
                     const ExecutorOptions& the_options)
    : graph(the_graph),
      cluster(the_cluster),
      options(the_options),
      program(make_program(the_graph)),
      ops(bind_ops(the_graph)),
      account(the_cluster, the_options.memory_limit),
      plan(plan_without_transfers(the_graph, program, the_cluster.size())),
      values(the_graph.num_tensors()),
      pending(the_graph.size()),
      next_in_inbox(the_graph.size(), kNoNode),
      workers(the_cluster.size()),
      entrances(the_cluster.size()) {
  PLACER_CHECK(options.priority.empty() || options.priority.size() == graph.size(),
               "a priority per node");
  take_plan();
}

void StepState::take_plan() {
  drop_step_values();
  values.resize(plan.storage.size());
  readers = std::vector<std::atomic<std::uint32_t>>(values.size());
  handles = std::vector<std::atomic<std::uint32_t>>(values.size());
  input_values.clear();
  for (const std::uint32_t slot : plan.inputs.items) {
    input_values.push_back(&values[slot]);
  }
}

void StepState::drop_step_values() {
  for (const std::uint32_t op : program.ops) {
    for (at::Tensor& value : outputs_of(op)) {
      value.reset();
    }
  }
  for (std::size_t copy = graph.num_tensors(); copy < values.size(); ++copy) {
    values[copy].reset();
  }
}

void StepState::prepare(bool the_record) {
  drop_step_values();
  for (std::size_t i = 0; i < pending.size(); ++i) {
    pending[i].store(plan.dependencies[i], std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < readers.size(); ++i) {
    readers[i].store(plan.readers[i], std::memory_order_relaxed);
    handles[i].store(plan.handles[i], std::memory_order_relaxed);
  }
  record = the_record;
  if (record) {
    records.assign(graph.size(), {});
    arrivals.assign(plan.transfers.size(), {});
  }
  failed.store(false, std::memory_order_relaxed);
  failure.reset();
}

void StepState::run(std::uint32_t node, torch::jit::Stack& stack) {
  BoundOp& op = *ops[node];
  if (op.random() && !capturing) {  // a capture has one seed a step
    op.run_seeded(random_op_seed(options.seed, graph.nodes()[node].name, step_number),
                  inputs_of(node), outputs_of(node), stack);
  } else {
    op.run(inputs_of(node), outputs_of(node), stack);
  }
  if (!results_checked) {
    check_results(node);
  }
}

void StepState::check_results(std::uint32_t node) const {
  const Node& description = graph.nodes()[node];
  const at::Device device = ops[node]->device();
  for (std::uint32_t k = 0; k < description.outputs.size(); ++k) {
    const at::Tensor& result = values[graph.tensor_index({id_at<NodeId>(node), k})];
    if (const std::string text = mismatch(result, description.outputs[k]); !text.empty()) {
      throw std::runtime_error(fmt::format("its result {} is {}", k, text));
    }
    // Single numbers may be the host's: LibTorch takes them from there.
    if (result.defined() && result.dim() != 0 && result.device() != device) {
      throw std::runtime_error(
          fmt::format("its result {} is on {}, not on {}", k, result.device().str(), device.str()));
    }
  }
}

bool StepState::release(std::uint32_t slot) {
  if (readers[slot].fetch_sub(1, std::memory_order_acq_rel) != 1) {
    return false;
  }
  const std::uint32_t storage = plan.storage[slot];
  if (plan.handles[storage] != 0 && handles[storage].fetch_sub(1, std::memory_order_acq_rel) == 1) {
    account.release(plan.device[storage], plan.bytes[storage]);
  }
  return true;
}

bool StepState::charge(std::uint32_t node) {
  const std::uint32_t device = lowered.device[node];
  const std::int64_t missing =
      account.charge(device, program.allocates[node] + graph.nodes()[node].workspace.count);
  if (missing > 0) {
    fail(out_of_memory(device, node, {missing}));
  }
  return missing <= 0;
}

void StepState::release_workspace(std::uint32_t node) {
  if (const std::int64_t workspace = graph.nodes()[node].workspace.count; workspace != 0) {
    account.release(lowered.device[node], workspace);
  }
}

void StepState::settle(std::uint32_t node, std::vector<std::uint32_t>& unread) {
  unread.clear();
  for (const std::uint32_t slot : plan.releases.of(node)) {
    if (release(slot)) {
      unread.push_back(slot);
    }
  }
}

void StepState::tell(std::span<const std::uint32_t> told) {
  for (const std::uint32_t op : told) {
    if (pending[op].fetch_sub(1) == 1) {
      workers[lowered.device[op]]->hear(op);
    }
  }
}

void StepState::fail(Infeasible reason) {
  const std::scoped_lock lock(failure_mutex);
  if (!failure) {
    failure = std::move(reason);
  }
  failed.store(true, std::memory_order_relaxed);
}

void StepState::fail_op(std::uint32_t node, InfeasibleReason reason, const char* text) {
  const std::uint32_t device = lowered.device[node];
  const Node& description = graph.nodes()[node];
  fail({reason,
        id_at<DeviceId>(device),
        id_at<NodeId>(node),
        {},
        fmt::format("\"{}\" ({}) failed on {}: {}", description.name, description.op,
                    cluster.devices()[device].name, text)});
}

void StepState::check_time(StepClock::time_point now, std::optional<std::uint32_t> node,
                           std::uint32_t device) {
  if (deadline && now > *deadline) {
    fail({InfeasibleReason::kTimeOut,
          id_at<DeviceId>(device),
          node ? std::optional(id_at<NodeId>(*node)) : std::nullopt,
          {},
          fmt::format("the step was ended after {:.3f} s", limit_seconds)});
  }
}

Infeasible StepState::out_of_memory(std::uint32_t device, std::optional<std::uint32_t> node,
                                    Bytes missing) const {
  Infeasible reason{InfeasibleReason::kOutOfMemory, id_at<DeviceId>(device), {}, missing, {}};
  std::string where = "before the first op";
  if (node) {
    reason.node = id_at<NodeId>(*node);
    where = "at \"" + graph.nodes()[*node].name + "\"";
  }
  reason.text =
      fmt::format("{} is {} short {}", cluster.devices()[device].name, to_string(missing), where);
  return reason;
}

}  // namespace placer::profile
