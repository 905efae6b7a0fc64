#include "profiler/torch/op_key.h"

#include "placer/graph/hash_arguments.h"

namespace placer::profile {

std::string op_key(const Node& node, std::span<const at::Tensor* const> inputs,
                   const std::string& context) {
  Hasher hasher;
  hasher.add(context).add(node.op).add(node.overload);
  hash_arguments(hasher, node.arguments);
  for (const at::Tensor* input : inputs) {
    if (!input->defined()) {
      hasher.add("undefined");
      continue;
    }
    hasher.add(static_cast<std::int64_t>(input->scalar_type())).add(input->dim());
    for (std::int64_t d = 0; d < input->dim(); ++d) {
      hasher.add(input->size(d)).add(input->stride(d));
    }
  }
  return hasher.digest();
}

}  // namespace placer::profile
