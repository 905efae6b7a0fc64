#pragma once

// The exported program in <root>/models/<model>.json as plain structures: names still stand for
// tensors, nothing is interpreted yet.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "placer/formats/pt2_tensor.h"
#include "placer/graph/node.h"

namespace placer {

struct Pt2Input {
  enum class Kind : std::uint8_t { kUser, kParameter, kBuffer, kConstant };
  Kind kind = Kind::kUser;
  std::string tensor;  // its name in the program
  // Of the parameter, buffer or constant: "features.0.weight"; user inputs: as `tensor`.
  std::string name;
  bool persistent = true;  // kBuffer
};

struct Pt2Output {
  enum class Kind : std::uint8_t {
    kResult,
    kLoss,
    kStateWrite,     // new value of a buffer or parameter
    kGradient,       // of a parameter
    kInputGradient,  // of a user input
    kInputWrite,     // new value of a user input
  };
  Kind kind = Kind::kResult;
  std::string tensor;
  std::string target;  // name of the parameter, buffer or user input
  std::string where;   // JSON path
};

// A call of an operator. InputArgument and InputListArgument in `arguments` count `inputs`, one
// entry a use.
struct Pt2Call {
  std::string name;
  std::string op;        // "aten.convolution"
  std::string overload;  // "default"
  std::vector<Argument> arguments;
  std::vector<std::string> inputs;
  std::vector<std::optional<std::string>> outputs;  // nothing: a result that is not returned
  std::optional<std::string> module;  // path by nn_module_stack; nothing when the file has none
  std::string where;                  // JSON path: "graph_module.graph.nodes[17]"
};

struct Pt2Program {
  std::string file;  // for messages: "model.pt2:models/model.json"
  std::string torch_version;
  std::vector<Pt2Input> inputs;
  std::vector<Pt2Call> calls;  // in order of execution
  std::vector<Pt2Output> outputs;
  std::unordered_map<std::string, Pt2Tensor> tensors;
  std::vector<std::string> notes;
};

// Reads schema 8.x of torch.export. Sub-programs of set_grad_enabled and (switched off) autocast
// regions are put in their place; checks without a result (aten._assert_tensor_metadata, ...) and
// integer arithmetic on sizes are left out, since sizes are fixed.
//   file  named in errors and in Pt2Program::file
// Throws Error(kBadInput) with the JSON path: another major version, a kind of argument, input or
// output that is not known, control flow (cond, map, while_loop), a tensor without description, a
// value that depends on the data.
[[nodiscard]] Pt2Program read_pt2_program(std::string_view json, const std::string& file);

}  // namespace placer
