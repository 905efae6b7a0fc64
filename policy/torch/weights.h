#pragma once

// The weights of a network by name, drawn uniformly. Not thread-safe.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/torch/policy_network.h"

namespace placer::policy {

class Weights {
 public:
  //   stream  keeps the draws apart from those of other networks and of samples
  Weights(std::uint64_t stream, at::ScalarType dtype) : stream_(stream), dtype_(dtype) {}

  // One more tensor, not drawn yet; its first values are from [-bound, bound).
  void add(const std::string& name, std::vector<std::int64_t> shape, double bound);
  // Draws all anew, in place: they depend on seed, round, stream and the shapes only.
  void draw(std::uint64_t seed, std::uint64_t round);
  [[nodiscard]] const at::Tensor& get(std::string_view name) const;  // LogicError for no such name
  // In the order of adding.
  [[nodiscard]] const std::vector<NamedTensor>& all() const { return tensors_; }

 private:
  std::uint64_t stream_;
  at::ScalarType dtype_;
  std::vector<NamedTensor> tensors_;
  std::vector<double> bounds_;
};

}  // namespace placer::policy
