#pragma once

// What an ATen operator does to the memory of its inputs: nothing, a view, an in-place write, or
// handing the input through. LibTorch knows this from its schemas; the importer works without it,
// so that the names stand here.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "placer/formats/pt2_program.h"

namespace placer {

struct AtenEffect {
  enum class Kind : std::uint8_t {
    kCompute,   // results own their memory, except that a written input's result is that input
    kView,      // results share the memory of input `base`
    kIdentity,  // the result is input `base`
  };
  Kind kind = Kind::kCompute;
  std::uint32_t base = 0;  // index into Pt2Call::inputs
  // Inputs written in place; result k is the new value of writes[k].
  std::vector<std::uint32_t> writes;
  // `writes` have no result (running statistics of aten.batch_norm, a list `out`).
  bool unnamed_writes = false;
  // Instead of Pt2Call::op: unsqueeze for unsqueeze_, which only changes the shape.
  std::string op;
};

// Rules:
//   view      by name: view, t, permute, slice, split, detach, ...; reshape and flatten where no
//             copy is needed; contiguous, to and type_as where nothing changes
//   identity  dropout that is switched off
//   in place  a name that ends in "_" writes `self`; an argument `out`; batch norms in training
//             write running_mean and running_var
//   inputs    [call.inputs], their layouts; those of the results are the program's
// Throws Error(kBadInput) for operators that give a tensor another storage (resize_, set_).
[[nodiscard]] AtenEffect effect_of(const Pt2Call& call, const Pt2Program& program,
                                   std::span<const Pt2Tensor* const> inputs);

// The input that argument `name` holds, if it holds a tensor.
[[nodiscard]] std::optional<std::uint32_t> tensor_argument(const Pt2Call& call,
                                                           std::string_view name);

}  // namespace placer
