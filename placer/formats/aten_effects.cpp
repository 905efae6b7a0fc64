#include "placer/formats/aten_effects.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "placer/base/error.h"

namespace placer {
namespace {

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 46> kViews{"_conj",
                                                  "_reshape_alias",
                                                  "_unsafe_view",
                                                  "adjoint",
                                                  "alias",
                                                  "as_strided",
                                                  "atleast_1d",
                                                  "atleast_2d",
                                                  "atleast_3d",
                                                  "broadcast_to",
                                                  "chunk",
                                                  "detach",
                                                  "diagonal",
                                                  "dsplit",
                                                  "expand",
                                                  "expand_as",
                                                  "hsplit",
                                                  "imag",
                                                  "lift_fresh",
                                                  "linalg_diagonal",
                                                  "mH",
                                                  "mT",
                                                  "matrix_H",
                                                  "moveaxis",
                                                  "movedim",
                                                  "narrow",
                                                  "numpy_T",
                                                  "permute",
                                                  "real",
                                                  "select",
                                                  "slice",
                                                  "split",
                                                  "split_with_sizes",
                                                  "squeeze",
                                                  "swapaxes",
                                                  "swapdims",
                                                  "t",
                                                  "tensor_split",
                                                  "transpose",
                                                  "unbind",
                                                  "unflatten",
                                                  "unfold",
                                                  "unsafe_chunk",
                                                  "unsafe_split",
                                                  "unsqueeze",
                                                  "unsafe_split_with_sizes"};
constexpr std::array<std::string_view, 5> kTypedViews{"view", "view_as", "view_as_complex",
                                                      "view_as_real", "vsplit"};
constexpr std::array<std::string_view, 4> kReshapes{"reshape", "reshape_as", "flatten", "ravel"};
constexpr std::array<std::string_view, 3> kUnlessChanged{"contiguous", "to", "type_as"};
constexpr std::array<std::string_view, 3> kDropouts{"dropout", "alpha_dropout", "feature_dropout"};
constexpr std::array<std::string_view, 7> kShapeInPlace{
    "as_strided_", "squeeze_", "swapaxes_", "swapdims_", "t_", "transpose_", "unsqueeze_"};
constexpr std::array<std::string_view, 5> kOperatorInPlace{"__iand__", "__ior__", "__ixor__",
                                                           "__ilshift__", "__irshift__"};
constexpr std::array<std::string_view, 4> kNewStorage{"resize_", "resize_as_", "set_",
                                                      "resize_as_sparse_"};
// They write running_mean and running_var when the named argument is true, without saying so in
// their name.
struct NormInTraining {
  std::string_view op;
  std::string_view flag;
};
constexpr std::array<NormInTraining, 6> kNorms{{{"batch_norm", "training"},
                                                {"native_batch_norm", "training"},
                                                {"_native_batch_norm_legit", "training"},
                                                {"_batch_norm_impl_index", "training"},
                                                {"cudnn_batch_norm", "training"},
                                                {"instance_norm", "use_input_stats"}}};

const ArgumentValue* value_of(const Pt2Call& call, std::string_view name) {
  for (const Argument& argument : call.arguments) {
    if (argument.name == name) {
      return &argument.value;
    }
  }
  return nullptr;
}

bool is_true(const Pt2Call& call, std::string_view name) {
  const ArgumentValue* value = value_of(call, name);
  const bool* flag = value == nullptr ? nullptr : std::get_if<bool>(value);
  return flag != nullptr && *flag;
}

bool is_zero(const Pt2Call& call, std::string_view name) {
  const ArgumentValue* value = value_of(call, name);
  if (value == nullptr) {
    return false;
  }
  const double* real = std::get_if<double>(value);
  const std::int64_t* whole = std::get_if<std::int64_t>(value);
  return (real != nullptr && *real == 0) || (whole != nullptr && *whole == 0);
}

const Pt2Tensor* only_result(const Pt2Call& call, const Pt2Program& program) {
  return call.outputs.size() == 1 && call.outputs[0] ? &program.tensors.at(*call.outputs[0])
                                                     : nullptr;
}

// Whether the results share the memory of `base`.
bool is_view(std::string_view name, const Pt2Call& call, const Pt2Tensor& base,
             const Pt2Tensor* result) {
  if (contains(kViews, name) || contains(kTypedViews, name)) {
    return true;
  }
  if (result == nullptr) {
    return false;
  }
  if (contains(kReshapes, name)) {
    return viewable(base, result->sizes);
  }
  return contains(kUnlessChanged, name) && base.dtype == result->dtype &&
         same_strides(base, *result) && !is_true(call, "copy");
}

bool writes_self(std::string_view name) {
  return contains(kOperatorInPlace, name) || (name.ends_with('_') && !name.ends_with("__"));
}

// Every tensor of argument `name`, which may be a list.
std::vector<std::uint32_t> tensors_of(const Pt2Call& call, std::string_view name) {
  const ArgumentValue* value = value_of(call, name);
  std::vector<std::uint32_t> inputs;
  if (value == nullptr) {
    return inputs;
  }
  if (const auto* one = std::get_if<InputArgument>(value)) {
    inputs.push_back(one->input);
  } else if (const auto* list = std::get_if<InputListArgument>(value)) {
    for (const auto& input : list->inputs) {
      if (input) {
        inputs.push_back(*input);
      }
    }
  }
  return inputs;
}

void find_writes(std::string_view name, const Pt2Call& call, AtenEffect& effect) {
  if (writes_self(name)) {
    effect.writes = tensors_of(call, "self");
    effect.unnamed_writes = call.outputs.size() != effect.writes.size();
    return;
  }
  effect.writes = tensors_of(call, "out");
  effect.unnamed_writes = !effect.writes.empty() && call.outputs.size() != effect.writes.size();
  for (const NormInTraining& norm : kNorms) {
    if (norm.op == name && is_true(call, norm.flag)) {
      effect.writes = tensors_of(call, "running_mean");
      const auto variance = tensors_of(call, "running_var");
      effect.writes.insert(effect.writes.end(), variance.begin(), variance.end());
      effect.unnamed_writes = true;
    }
  }
}

}  // namespace

std::optional<std::uint32_t> tensor_argument(const Pt2Call& call, std::string_view name) {
  const ArgumentValue* value = value_of(call, name);
  const auto* input = value == nullptr ? nullptr : std::get_if<InputArgument>(value);
  return input == nullptr ? std::nullopt : std::optional(input->input);
}

AtenEffect effect_of(const Pt2Call& call, const Pt2Program& program,
                     std::span<const Pt2Tensor* const> inputs) {
  AtenEffect effect;
  constexpr std::string_view kAten = "aten.";
  if (!call.op.starts_with(kAten)) {
    return effect;
  }
  std::string_view name = std::string_view(call.op).substr(kAten.size());
  if (contains(kNewStorage, name)) {
    throw Error(ErrorKind::kBadInput, program.file, call.where,
                call.op +
                    " gives a tensor another storage, which is not supported: call "
                    "ep.run_decompositions({}) before saving");
  }
  if (contains(kShapeInPlace, name)) {
    name.remove_suffix(1);
    effect.op = std::string(kAten) + std::string(name);
  }
  auto base = tensor_argument(call, "self");
  if (!base) {
    base = tensor_argument(call, "input");
  }
  if (!base) {
    find_writes(name, call, effect);
    return effect;
  }
  effect.base = *base;
  const Pt2Tensor& from = *inputs[*base];
  const Pt2Tensor* result = only_result(call, program);
  const bool dropped = contains(kDropouts, name) && (!is_true(call, "train") || is_zero(call, "p"));
  if (dropped || name == "detach_") {
    effect.kind = AtenEffect::Kind::kIdentity;
  } else if (is_view(name, call, from, result)) {
    effect.kind = AtenEffect::Kind::kView;
  } else {
    find_writes(name, call, effect);
  }
  return effect;
}

}  // namespace placer
