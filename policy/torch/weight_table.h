#pragma once

// The weights of a network, by name.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/torch/policy_network.h"

namespace placer::policy {

class WeightTable {
 public:
  explicit WeightTable(at::ScalarType dtype) : dtype_(dtype) {}

  // A weight that reset() draws uniformly from [-bound, bound].
  void add(const std::string& name, std::vector<std::int64_t> shape, double bound);
  // A matrix [out, in] "<name>.weight" with the bound sqrt(3 / in) times `gain`, which keeps
  // variances, and a bias [out] "<name>.bias" of zeros.
  void add_linear(const std::string& name, std::int64_t in, std::int64_t out, double gain = 1);

  // Draws all weights anew, in place: they depend on seed, round and the shapes only.
  void reset(std::uint64_t seed, std::uint64_t round);

  [[nodiscard]] const at::Tensor& get(std::string_view name) const;
  // rows times the matrix, plus the bias.
  [[nodiscard]] at::Tensor linear(const std::string& name, const at::Tensor& rows) const;
  // In the order of adding.
  [[nodiscard]] const std::vector<NamedTensor>& all() const { return weights_; }

 private:
  at::ScalarType dtype_;
  std::vector<NamedTensor> weights_;
  std::vector<double> bounds_;
};

}  // namespace placer::policy
