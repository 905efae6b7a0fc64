#include "profiler/torch/captured_step.h"

#include <optional>
#include <vector>

#include <ATen/ops/clone.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <fmt/format.h>

#include "profiler/clocks.h"
#include "profiler/torch/seeded_values.h"

namespace placer::profile {

namespace {

bool same_elements(const at::Tensor& a, const at::Tensor& b) {
  return a.is_alias_of(b) && a.storage_offset() == b.storage_offset() && a.sizes() == b.sizes() &&
         a.strides() == b.strides();
}

}  // namespace

std::string cannot_capture(const StepState& step, const Transfers* transfers) {
  const auto name = [&](std::uint32_t device) { return step.cluster.devices()[device].name; };
  std::optional<std::uint32_t> gpu;
  for (const std::uint32_t op : step.program.ops) {
    const Node& node = step.graph.nodes()[op];
    const std::uint32_t device = step.lowered.device[op];
    if (transfers == nullptr || !transfers->is_gpu(device)) {
      return fmt::format("\"{}\" runs on {}, which is no GPU", node.name, name(device));
    }
    if (gpu && *gpu != device) {
      return fmt::format("its ops run on {} and {}", name(*gpu), name(device));
    }
    gpu = device;
  }
  if (!gpu) {
    return "it has no ops";
  }
  for (const Node& node : step.graph.nodes()) {
    if (node.kind == NodeKind::kOutput && node.output_role == OutputRole::kStateWrite) {
      const std::uint32_t device = step.lowered.device[index(*node.target)];
      if (device != *gpu) {
        return fmt::format("\"{}\" is written on {}", step.graph.node(*node.target).name,
                           name(device));
      }
    }
  }
  if (!step.plan.transfers.empty()) {
    const Transfer& first = step.plan.transfers.front();
    return fmt::format("\"{}\" is copied from {} to {} in every step",
                       step.graph.nodes()[first.producer].name, name(first.from), name(first.to));
  }
  return "";
}

CapturedStep::CapturedStep(StepState& step, Transfers& transfers,
                           std::span<const StateWrite> writes, const std::function<void()>& launch)
    : step_(step),
      device_(step.lowered.device[step.program.ops.front()]),
      streams_(transfers.streams(device_)),
      start_(timed_event(streams_)),
      end_(timed_event(streams_)) {
  const c10::InferenceMode inference;
  // A capture allocates its memory anew.
  transfers.driver().release_cached_memory();
  const c10::StreamGuard on_stream(streams_.compute);
  graph_ = transfers.driver().begin_capture(streams_.gpu);
  launch();
  if (!step_.has_failed()) {
    try {
      keep_outputs();
      write_states(writes);
    } catch (const std::exception& error) {
      transfers.fail(device_, std::nullopt, "keeping states", error);
    }
  }
  graph_->end_capture();
}

// What shows the memory of a state is to show the values of before its update.
void CapturedStep::keep_outputs() {
  for (const Node& node : step_.graph.nodes()) {
    if (node.kind != NodeKind::kOutput || node.output_role == OutputRole::kStateWrite) {
      continue;
    }
    const std::size_t shown = step_.graph.tensor_index(node.inputs.front());
    const std::uint32_t owner = step_.program.storage[shown];
    const NodeKind made_by = step_.graph.nodes()[step_.program.node_of[owner]].kind;
    if (owner != shown && made_by != NodeKind::kOp) {
      step_.values[shown] = step_.values[shown].clone();
    }
  }
}

void CapturedStep::write_states(std::span<const StateWrite> writes) {
  const auto value_of = [&](const StateWrite& write) {
    return step_.values[step_.plan.written[write.node]];
  };
  std::vector<at::Tensor> fresh;
  for (const StateWrite& write : writes) {
    const at::Tensor value = value_of(write);
    const bool there = same_elements(value, step_.values[write.state]);
    fresh.push_back(write.copied && !there ? value.clone() : value);
  }
  for (std::size_t i = 0; i < writes.size(); ++i) {
    at::Tensor& state = step_.values[writes[i].state];
    if (!same_elements(fresh[i], state)) {
      state.copy_(fresh[i]);
    }
  }
}

void CapturedStep::replay() {
  const c10::InferenceMode inference;
  const c10::StreamGuard on_stream(streams_.compute);
  const double cpu = thread_seconds();
  start_.record(streams_.compute);
  graph_->replay(random_op_seed(step_.options.seed, "", step_.step_number));
  end_.record(streams_.compute);
  launch_seconds_ = thread_seconds() - cpu;
  drain(streams_.compute);
  busy_seconds_ = start_.elapsedTime(end_) / 1e3;
}

}  // namespace placer::profile
