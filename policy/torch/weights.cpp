#include "policy/torch/weights.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "placer/base/error.h"
#include "placer/base/random.h"

namespace placer::policy {

void Weights::add(const std::string& name, std::vector<std::int64_t> shape, double bound) {
  tensors_.push_back({name, at::empty(shape, dtype_).requires_grad_()});
  bounds_.push_back(bound);
}

void Weights::draw(std::uint64_t seed, std::uint64_t round) {
  const at::NoGradGuard guard;
  const std::uint64_t keys[] = {stream_, round};
  Rng rng = Rng::keyed(seed, keys);
  for (std::size_t p = 0; p < tensors_.size(); ++p) {
    at::Tensor target = tensors_[p].value;
    const at::Tensor value = at::empty(target.sizes(), at::kDouble);
    double* data = value.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < value.numel(); ++i) data[i] = bounds_[p] * (2 * rng.uniform() - 1);
    target.copy_(value);
  }
}

const at::Tensor& Weights::get(std::string_view name) const {
  for (const NamedTensor& tensor : tensors_) {
    if (tensor.name == name) return tensor.value;
  }
  throw LogicError("the network has no weights " + std::string(name));
}

}  // namespace placer::policy
