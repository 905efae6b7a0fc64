#pragma once

// One node of a step's graph, with all that is needed to execute it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "placer/base/ids.h"
#include "placer/graph/tensor.h"

namespace placer {

// Output `output` of node `node`.
struct TensorRef {
  NodeId node{};
  std::uint32_t output = 0;

  bool operator==(const TensorRef&) const = default;
};

enum class NodeKind : std::uint8_t {
  kInput,     // fed anew every step
  kState,     // lives on its device between steps: parameters, buffers, optimizer slots
  kConstant,  // never changes; small values stand in the file
  kOp,        // an ATen operator
  kOutput,    // keeps its single input alive to the end of the step: loss, gradient, new value of a
              // state
};
enum class Pass : std::uint8_t { kForward, kBackward, kUpdate };
enum class StateRole : std::uint8_t { kParameter, kBuffer, kOptimizer };
enum class OutputRole : std::uint8_t {
  kLoss,
  kGradient,    // target: the parameter's state node
  kStateWrite,  // target: the state node that holds this value from the next step on
  kResult,      // what the model returns
};

// --- Arguments of an operator, by the parameter names of its ATen schema. Those left out take the
// schema's default. ---

struct InputArgument {
  std::uint32_t input;  // index into Node::inputs
  bool operator==(const InputArgument&) const = default;
};
struct InputListArgument {
  std::vector<std::optional<std::uint32_t>> inputs;  // a list of tensors, possibly with holes
  bool operator==(const InputListArgument&) const = default;
};
enum class MemoryFormat : std::uint8_t { kContiguous, kChannelsLast, kChannelsLast3d, kPreserve };
enum class Layout : std::uint8_t { kStrided };
// An explicit device in the exported program. The executor puts every op on the device of its
// placement, so that this only marks the slot.
struct DeviceArgument {
  std::string device;
  bool operator==(const DeviceArgument&) const = default;
};

using ArgumentValue =
    std::variant<std::monostate /* None */, bool, std::int64_t, double, std::string,
                 std::vector<bool>, std::vector<std::int64_t>, std::vector<double>, InputArgument,
                 InputListArgument, DType, MemoryFormat, Layout, DeviceArgument>;

struct Argument {
  std::string name;
  ArgumentValue value;
  bool operator==(const Argument&) const = default;
};

struct Node {
  std::string name;  // unique in the graph; no '#'
  NodeKind kind = NodeKind::kOp;
  Pass pass = Pass::kForward;
  std::string module;    // dotted path of the module that owns it, or empty
  std::string colocate;  // nodes of one key share a device; empty: none

  // kOp: "aten.convolution"; without arguments' types a workload may use any label here.
  std::string op;
  std::string overload;  // kOp: "default", "Tensor", ...
  std::vector<TensorRef> inputs;
  std::vector<NodeId> after;        // further nodes that must end first (control edges of the file)
  std::vector<Argument> arguments;  // kOp; empty in workloads that cannot be executed
  std::vector<std::uint32_t> mutates;  // kOp: inputs that it writes in place
  // None for kOutput. An opaque one of 0 bytes in an executable op: it returns no tensor there.
  std::vector<TensorSpec> outputs;
  Bytes workspace;  // temporary memory while it runs
  // Held on its device from step to step, beside its outputs: of workloads that state an op's
  // weights and activations as one number.
  Bytes resident;

  StateRole state_role = StateRole::kParameter;  // kState
  // kState, kInput, kConstant: name in the exported program: seeds its value, finds its record.
  std::string origin;
  OutputRole output_role = OutputRole::kResult;  // kOutput
  std::optional<NodeId> target;     // kOutput: see OutputRole; kState kOptimizer: its parameter
  std::vector<std::int64_t> range;  // kInput of an integer type: [low, high), else empty
  std::vector<double> values;  // kConstant, kState: row-major values kept in the file, or empty
};

[[nodiscard]] std::string_view name_of(NodeKind kind);
[[nodiscard]] std::string_view name_of(Pass pass);
[[nodiscard]] std::string_view name_of(StateRole role);
[[nodiscard]] std::string_view name_of(OutputRole role);
[[nodiscard]] std::string_view name_of(MemoryFormat format);

}  // namespace placer
