#include "policy/torch/weight_table.h"

#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>

#include "placer/base/error.h"
#include "placer/base/random.h"

namespace placer::policy {
namespace {

// Keeps initial weights apart from the streams of samples.
constexpr std::uint64_t kWeightStream = 0x77656967;

}  // namespace

void WeightTable::add(const std::string& name, std::vector<std::int64_t> shape, double bound) {
  weights_.push_back({name, at::empty(shape, dtype_).requires_grad_()});
  bounds_.push_back(bound);
}

void WeightTable::add_linear(const std::string& name, std::int64_t in, std::int64_t out,
                             double gain) {
  add(name + ".weight", {out, in}, gain * std::sqrt(3 / static_cast<double>(in)));
  add(name + ".bias", {out}, 0);
}

void WeightTable::reset(std::uint64_t seed, std::uint64_t round) {
  const at::NoGradGuard guard;
  const std::uint64_t keys[] = {kWeightStream, round};
  Rng rng = Rng::keyed(seed, keys);
  for (std::size_t p = 0; p < weights_.size(); ++p) {
    at::Tensor target = weights_[p].value;
    const at::Tensor value = at::empty(target.sizes(), at::kDouble);
    double* data = value.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < value.numel(); ++i) data[i] = bounds_[p] * (2 * rng.uniform() - 1);
    target.copy_(value);
  }
}

const at::Tensor& WeightTable::get(std::string_view name) const {
  for (const NamedTensor& weight : weights_) {
    if (weight.name == name) return weight.value;
  }
  throw LogicError("the policy network has no parameter " + std::string(name));
}

at::Tensor WeightTable::linear(const std::string& name, const at::Tensor& rows) const {
  return at::linear(rows, get(name + ".weight"), get(name + ".bias"));
}

}  // namespace placer::policy
