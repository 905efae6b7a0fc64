#pragma once

// The weights of a network: drawn from a seed, named for checkpoints.

#include <cstdint>
#include <string>
#include <vector>

#include "policy/torch/policy_network.h"

namespace placer::policy {

class ParameterSet {
 public:
  // dtype: float, or double for gradient checks.
  explicit ParameterSet(at::ScalarType dtype) : dtype_(dtype) {}

  // A new one, with values from reset() on: uniform in centre +- bound. The tensor that is returned
  // is the parameter itself.
  //   centre  as many as it has values, row-major; empty: 0
  at::Tensor add(const std::string& name, std::vector<std::int64_t> shape, double bound,
                 std::vector<double> centre = {});
  // Draws all values anew, in place. They depend on seed, round and the parameters' sizes only.
  void reset(std::uint64_t seed, std::uint64_t round);

  [[nodiscard]] const std::vector<NamedTensor>& all() const { return parameters_; }
  [[nodiscard]] at::ScalarType dtype() const { return dtype_; }

 private:
  struct Initial {
    double bound = 0;
    std::vector<double> centre;
  };
  at::ScalarType dtype_;
  std::vector<NamedTensor> parameters_;
  std::vector<Initial> initial_;
};

}  // namespace placer::policy
