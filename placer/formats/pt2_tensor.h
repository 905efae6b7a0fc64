#pragma once

// Tensors and enumerations as torch.export writes them. Its codes are its own, not c10's: dtype 7
// is float32 there, 6 in c10.

#include <cstdint>
#include <vector>

#include "placer/formats/json_tree.h"
#include "placer/graph/node.h"

namespace placer {

// Everything that the file knows about one tensor. Sizes and strides count elements.
struct Pt2Tensor {
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
  std::int64_t offset = 0;

  bool operator==(const Pt2Tensor&) const = default;
  [[nodiscard]] std::int64_t numel() const;
  // Row-major without gaps. Strides of dimensions of size 1 do not count.
  [[nodiscard]] bool contiguous() const;
};

// Same element order in memory: equal strides wherever a dimension has more than one element.
[[nodiscard]] bool same_strides(const Pt2Tensor& a, const Pt2Tensor& b);
// True when `base` can be seen with the sizes of `view` without a copy (the rule of ATen's
// computeStride).
[[nodiscard]] bool viewable(const Pt2Tensor& base, const std::vector<std::int64_t>& sizes);

// All throw Error(kBadInput) with the JSON path on a code or a field they do not know.
[[nodiscard]] DType read_pt2_dtype(JsonView code);
[[nodiscard]] MemoryFormat read_pt2_memory_format(JsonView code);
[[nodiscard]] Layout read_pt2_layout(JsonView code);
// {"as_int": 4}, or {"as_expr": {"expr_str": ..., "hint": {"as_int": 4}}}: then the hint, the size
// that the model was exported with. `symbolic` counts those.
[[nodiscard]] std::int64_t read_pt2_size(JsonView size, std::size_t& symbolic);
// A TensorMeta object. Refuses sparse layouts, negative sizes and sizes that overflow.
[[nodiscard]] Pt2Tensor read_pt2_tensor(JsonView meta, std::size_t& symbolic);

}  // namespace placer
