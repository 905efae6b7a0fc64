#include "policy/torch/weights.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>

#include "placer/base/error.h"
#include "placer/base/random.h"

namespace placer::policy {

at::Tensor Weights::add(const std::string& name, std::vector<std::int64_t> shape, double bound,
                        std::vector<std::vector<double>> centres) {
  const at::Tensor value = at::empty(shape, numbers_).requires_grad_();
  for (const std::vector<double>& centre : centres) {
    PLACER_CHECK(centre.empty() || static_cast<std::int64_t>(centre.size()) == value.numel(),
                 "a centre for every value");
  }
  tensors_.push_back({name, value});
  initial_.push_back({.bound = bound, .centres = std::move(centres)});
  return value;
}

void Weights::add_linear(const std::string& name, std::int64_t in, std::int64_t out, double gain) {
  add(name + ".weight", {out, in}, gain * std::sqrt(3 / static_cast<double>(in)));
  add(name + ".bias", {out}, 0);
}

std::uint64_t Weights::ways() const {
  std::uint64_t most = 1;
  for (const Initial& initial : initial_) {
    most = std::max<std::uint64_t>(most, initial.centres.size());
  }
  return most;
}

void Weights::draw(std::uint64_t seed, std::uint64_t round) {
  const at::NoGradGuard guard;
  const std::uint64_t keys[] = {stream_, round};
  Rng rng = Rng::keyed(seed, keys);
  for (std::size_t p = 0; p < tensors_.size(); ++p) {
    const auto& [bound, centres] = initial_[p];
    std::span<const double> centre;
    if (!centres.empty()) centre = centres[round % centres.size()];
    at::Tensor target = tensors_[p].value;
    const at::Tensor value = at::empty(target.sizes(), at::kDouble);
    double* data = value.mutable_data_ptr<double>();
    for (std::size_t i = 0; i < static_cast<std::size_t>(value.numel()); ++i) {
      data[i] = bound * (2 * rng.uniform() - 1);
      if (!centre.empty()) data[i] += centre[i];
    }
    target.copy_(value);
  }
}

const at::Tensor& Weights::get(std::string_view name) const {
  for (const NamedTensor& tensor : tensors_) {
    if (tensor.name == name) return tensor.value;
  }
  throw LogicError("the network has no weights " + std::string(name));
}

at::Tensor Weights::linear(const std::string& name, const at::Tensor& rows) const {
  return at::linear(rows, get(name + ".weight"), get(name + ".bias"));
}

}  // namespace placer::policy
