#pragma once

// The weights of a network by name, drawn uniformly. Not thread-safe.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/torch/policy_network.h"

namespace placer::policy {

class Weights {
 public:
  //   stream   keeps the draws apart from those of other networks and of samples
  //   numbers  device and type of them all: float, or double for gradient checks
  Weights(std::uint64_t stream, const at::TensorOptions& numbers)
      : stream_(stream), numbers_(numbers) {}

  // One more tensor, not drawn yet; its first values are from centre +- bound. What is returned is
  // the tensor itself.
  //   centres  that of round r is the one numbered r modulo how many there are: as many as the
  //            tensor has values, row-major; an empty one, and where there is none: 0
  at::Tensor add(const std::string& name, std::vector<std::int64_t> shape, double bound,
                 std::vector<std::vector<double>> centres = {});
  // A matrix [out, in] "<name>.weight" with the bound sqrt(3 / in) times `gain`, which keeps
  // variances, and a bias [out] "<name>.bias" of zeros.
  void add_linear(const std::string& name, std::int64_t in, std::int64_t out, double gain = 1);

  // In how many ways they begin: the most centres that one of them has; at least 1.
  [[nodiscard]] std::uint64_t ways() const;
  // Draws all anew, in place: they depend on seed, round, stream and the shapes only, not on the
  // device.
  void draw(std::uint64_t seed, std::uint64_t round);

  [[nodiscard]] const at::Tensor& get(std::string_view name) const;  // LogicError for no such name
  // Of what add_linear() added: rows times the matrix, plus the bias.
  [[nodiscard]] at::Tensor linear(const std::string& name, const at::Tensor& rows) const;
  // In the order of adding.
  [[nodiscard]] const std::vector<NamedTensor>& all() const { return tensors_; }
  [[nodiscard]] const at::TensorOptions& numbers() const { return numbers_; }

 private:
  struct Initial {
    double bound = 0;
    std::vector<std::vector<double>> centres;
  };
  std::uint64_t stream_;
  at::TensorOptions numbers_;
  std::vector<NamedTensor> tensors_;
  std::vector<Initial> initial_;
};

}  // namespace placer::policy
