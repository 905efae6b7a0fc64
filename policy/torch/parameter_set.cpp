#include "policy/torch/parameter_set.h"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "placer/base/error.h"

namespace placer::policy {
namespace {

// Keeps initial weights apart from the streams of samples.
constexpr std::uint64_t kParameterStream = 0x70617261;

}  // namespace

at::Tensor ParameterSet::add(const std::string& name, std::vector<std::int64_t> shape, double bound,
                             std::vector<double> centre) {
  const at::Tensor value = at::empty(shape, dtype_).requires_grad_();
  PLACER_CHECK(centre.empty() || static_cast<std::int64_t>(centre.size()) == value.numel(),
               "a centre for every value");
  parameters_.push_back({name, value});
  initial_.push_back({bound, std::move(centre)});
  return value;
}

void ParameterSet::reset(std::uint64_t seed, std::uint64_t round) {
  const at::NoGradGuard guard;
  const std::uint64_t keys[] = {kParameterStream, round};
  Rng rng = Rng::keyed(seed, keys);
  for (std::size_t p = 0; p < parameters_.size(); ++p) {
    const Initial& initial = initial_[p];
    at::Tensor target = parameters_[p].value;
    const at::Tensor value = at::empty(target.sizes(), at::kDouble);
    double* data = value.mutable_data_ptr<double>();
    for (std::size_t i = 0; i < static_cast<std::size_t>(value.numel()); ++i) {
      data[i] = initial.bound * (2 * rng.uniform() - 1);
      if (!initial.centre.empty()) data[i] += initial.centre[i];
    }
    target.copy_(value);
  }
}

}  // namespace placer::policy
