// What runs on a device's own thread.

#include <algorithm>
#include <functional>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "profiler/clocks.h"
#include "profiler/torch/cpu_executor.h"
#include "profiler/torch/seeded_values.h"
#include "profiler/torch/tensors.h"

namespace placer::profile {

namespace {}  // namespace

void CpuExecutor::work(DeviceWorker& worker, std::promise<void>& started) {
  try {
    become(worker.place, cluster_.devices()[worker.device]);
    started.set_value();
  } catch (...) {
    started.set_exception(std::current_exception());
    return;
  }
  const c10::InferenceMode inference;  // no autograd bookkeeping: the graph has its backward ops
  for (std::uint64_t turn = 0;;) {
    worker.bell.wait([&] { return worker.turn.load() != turn; });
    turn = worker.turn.load();
    if (turn == kStop) {
      return;
    }
    run_share(worker);
    if (running_.fetch_sub(1) == 1) {
      done_.ring();
    }
  }
}

void CpuExecutor::run_share(DeviceWorker& worker) {
  const auto& order = lowered_.order[worker.device];
  worker.now = StepClock::now();
  while (worker.left != 0) {
    take_inbox(worker);
    if (worker.ready.empty()) {
      worker.bell.wait([&] { return !worker.inbox.empty(); });
      worker.now = StepClock::now();
      continue;
    }
    std::ranges::pop_heap(worker.ready, std::greater<>());
    const std::uint32_t node = order[worker.ready.back()];
    worker.ready.pop_back();
    --worker.left;
    run_op(worker, node);
  }
}

void CpuExecutor::take_inbox(DeviceWorker& worker) {
  if (worker.inbox.empty()) {
    return;
  }
  const StepClock::time_point seen = record_ ? StepClock::now() : StepClock::time_point();
  for (std::uint32_t node = worker.inbox.take_all(); node != kNoNode; node = next_in_inbox_[node]) {
    if (record_) {
      records_[node].seen = seen;
    }
    worker.ready.push_back(lowered_.rank[node]);
    std::ranges::push_heap(worker.ready, std::greater<>());
  }
}

// After a failure the remaining ops are passed over: every counter reaches zero, every worker comes
// to its end, by the same path as in a step that succeeds.
void CpuExecutor::run_op(DeviceWorker& worker, std::uint32_t node) {
  if (failed_.load(std::memory_order_relaxed)) {
    announce(worker, node);
    return;
  }
  const std::int64_t workspace = graph_.nodes()[node].workspace.count;
  const std::int64_t missing = account_.charge(worker.device, program_.allocates[node] + workspace);
  if (missing > 0) {
    fail(out_of_memory(worker.device, node, {missing}));
  } else {
    call(worker, node);
    if (deadline_ && worker.now > *deadline_) {
      fail({InfeasibleReason::kTimeOut,
            id_at<DeviceId>(worker.device),
            id_at<NodeId>(node),
            {},
            fmt::format("the step was ended after {:.3f} s", limit_seconds_)});
    }
  }
  // The account first, so that no successor is refused what this op no longer needs; the memory
  // itself after, since that takes time which a successor need not wait for.
  if (workspace != 0) {
    account_.release(worker.device, workspace);
  }
  settle(node, worker.unread);
  announce(worker, node);
  for (const std::uint32_t value : worker.unread) {
    values_[value].reset();
  }
}

void CpuExecutor::call(DeviceWorker& worker, std::uint32_t node) {
  const Node& description = graph_.nodes()[node];
  BoundOp& op = *ops_[node];
  const StepClock::time_point start = record_ ? StepClock::now() : worker.now;
  const double cpu = record_ ? thread_seconds() : 0;
  const auto failed = [&](const char* text) {
    fail({InfeasibleReason::kFailed,
          id_at<DeviceId>(worker.device),
          id_at<NodeId>(node),
          {},
          fmt::format("\"{}\" ({}) failed on {}: {}", description.name, description.op,
                      cluster_.devices()[worker.device].name, text)});
  };
  try {
    if (op.random()) {
      op.run_seeded(random_op_seed(options_.seed, description.name, step_number_), inputs_of(node),
                    outputs_of(node), worker.stack);
    } else {
      op.run(inputs_of(node), outputs_of(node), worker.stack);
    }
    if (!results_checked_) {
      check_results(node);
    }
  } catch (const c10::Error& error) {
    failed(error.what_without_backtrace());
  } catch (const std::exception& error) {
    failed(error.what());
  }
  worker.now = StepClock::now();
  worker.busy += worker.now - start;
  if (record_) {
    OpRecord& kept = records_[node];
    kept.start = start;
    kept.end = worker.now;
    kept.cpu_seconds = thread_seconds() - cpu;
  }
}

void CpuExecutor::check_results(std::uint32_t node) const {
  const Node& description = graph_.nodes()[node];
  for (std::uint32_t k = 0; k < description.outputs.size(); ++k) {
    const at::Tensor& result = values_[graph_.tensor_index({id_at<NodeId>(node), k})];
    if (const std::string text = mismatch(result, description.outputs[k]); !text.empty()) {
      throw std::runtime_error(fmt::format("its result {} is {}", k, text));
    }
  }
}

void CpuExecutor::announce(DeviceWorker& worker, std::uint32_t node) {
  for (const std::uint32_t successor : program_.successors.of(node)) {
    if (pending_[successor].fetch_sub(1, std::memory_order_acq_rel) != 1) {
      continue;
    }
    const std::uint32_t device = lowered_.device[successor];
    if (device == worker.device) {
      worker.ready.push_back(lowered_.rank[successor]);
      std::ranges::push_heap(worker.ready, std::greater<>());
    } else {
      workers_[device]->inbox.push(successor, next_in_inbox_);
      workers_[device]->bell.ring();
    }
  }
}

void CpuExecutor::settle(std::uint32_t node, std::vector<std::uint32_t>& unread) {
  unread.clear();
  for (const std::uint32_t value : program_.releases.of(node)) {
    if (readers_[value].fetch_sub(1, std::memory_order_acq_rel) != 1) {
      continue;
    }
    unread.push_back(value);
    const std::uint32_t storage = program_.storage[value];
    if (program_.handles[storage] != 0 &&
        handles_[storage].fetch_sub(1, std::memory_order_acq_rel) == 1) {
      account_.release(lowered_.device[program_.node_of[storage]], program_.bytes[storage]);
    }
  }
}

void CpuExecutor::fail(Infeasible reason) {
  const std::scoped_lock lock(failure_mutex_);
  if (!failure_) {
    failure_ = std::move(reason);
  }
  failed_.store(true, std::memory_order_relaxed);
}

Infeasible CpuExecutor::out_of_memory(std::uint32_t device, std::optional<std::uint32_t> node,
                                      Bytes missing) const {
  Infeasible reason{InfeasibleReason::kOutOfMemory, id_at<DeviceId>(device), {}, missing, {}};
  std::string where = "before the first op";
  if (node) {
    reason.node = id_at<NodeId>(*node);
    where = "at \"" + graph_.nodes()[*node].name + "\"";
  }
  reason.text =
      fmt::format("{} is {} short {}", cluster_.devices()[device].name, to_string(missing), where);
  return reason;
}

}  // namespace placer::profile
