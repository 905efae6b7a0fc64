#pragma once

// A node of the graph bound to LibTorch's dispatcher: what is needed to run it again and again,
// found and converted once. The executor and the op profiler run ops through this and nothing else.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include "placer/graph/graph.h"

namespace placer::profile {

// Not thread-safe: it keeps its lists of tensors between runs. Different ops may run at the same
// time.
class BoundOp {
 public:
  // Runs the op on this thread.
  //   inputs   [Node::inputs], pointers to defined tensors
  //   outputs  [Node::outputs], overwritten; undefined where the op gives nothing (masked results,
  //   None) stack    scratch that callers reuse, empty after the call throws   what the op throws
  //   (c10::Error); inputs are released all the same
  void run(std::span<const at::Tensor* const> inputs, std::span<at::Tensor> outputs,
           torch::jit::Stack& stack);

  // The same for an op that draws random numbers: alone in this process among all such ops, with
  // its device's default generator seeded, so that the result depends on `seed` and the kind of
  // device only and not on what runs beside it. Leaves that generator changed.
  void run_seeded(std::uint64_t seed, std::span<const at::Tensor* const> inputs,
                  std::span<at::Tensor> outputs, torch::jit::Stack& stack);

  // Makes its results on `device` from now on, whatever device its arguments name. Its inputs must be
  // there. (It starts on the CPU.)
  void place_on(at::Device device);
  [[nodiscard]] at::Device device() const { return device_; }

  // Whether its result depends on the random generator (a dropout of probability 0 does not).
  [[nodiscard]] bool random() const { return random_; }

 private:
  friend class OpBinder;

  struct Slot {
    std::uint32_t position;  // on the stack
    std::uint32_t input;     // of the node
  };
  // A list of tensors: made once, refilled every run.
  struct ListSlot {
    std::uint32_t position;
    std::vector<std::optional<std::uint32_t>> inputs;
    std::variant<c10::List<at::Tensor>, c10::List<std::optional<at::Tensor>>> list;
  };

  explicit BoundOp(c10::OperatorHandle handle) : handle_(std::move(handle)) {}
  void push_arguments(std::span<const at::Tensor* const> inputs, torch::jit::Stack& stack);
  void release_lists();
  void take_results(std::span<const at::Tensor* const> inputs, std::span<at::Tensor> outputs,
                    torch::jit::Stack& stack) const;

  c10::OperatorHandle handle_;
  std::vector<c10::IValue> arguments_;  // [arguments of the schema]; None where a tensor goes
  std::vector<Slot> slots_;
  std::vector<ListSlot> lists_;
  // For ops that return nothing (foreach and fused updates): the inputs that the node's outputs
  // name.
  std::vector<std::uint32_t> pass_through_;
  bool random_ = false;
  // Arguments that name a device, as bound for the CPU.
  std::vector<std::pair<std::uint32_t, c10::IValue>> device_arguments_;
  at::Device device_{at::kCPU};
};

// The op of a node of kind kOp, or what is wrong: no such operator, an argument that its schema
// does not have or that does not fit, a missing one, more outputs than the operator has, an input
// that it writes without Node::mutates saying so. (Outputs correspond to the operator's results in
// schema order, a list of tensors counting as its elements; the last ones may be left out.)
[[nodiscard]] std::variant<BoundOp, std::string> bind_op(const Node& node);

// All ops of a graph: [graph.size()], nothing for other kinds of node.
//   throws  Error(kUsage) with every op that cannot be bound and what is wrong with it
[[nodiscard]] std::vector<std::optional<BoundOp>> bind_ops(const Graph& graph);

}  // namespace placer::profile
