#pragma once

// A network over the units and devices of a placement that says for each unit where it should be
// instead. Message passing along and against edges (GraphSAGE: Hamilton, Ying, Leskovec, NeurIPS
// 2017), devices scored one by one, so that neither the number of units nor that of devices is part
// of the weights. With x_v the features of unit v, y_vd those of the pair of v and device d,
// p(v) the device of v, N reads and readers of v on its device and on others, four means:
//   h_v  = relu(A x_v)
//   h_v <- h_v + relu(B [norm(h_v), mean over each N of norm(h)])           `layers` times
//   c_d  = mean of h_v over v on d,   g = mean of h_v
//   z_vd = w relu(C relu(P h_v + Q y_vd + R c_d + S g)) + u y_vd
// z_vd = -inf for devices that v may not use.

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "policy/improvement_features.h"
#include "policy/torch/neighbour_mean.h"
#include "policy/torch/policy_network.h"
#include "policy/torch/weights.h"

namespace placer::policy {

struct GraphNetworkParameters {
  std::int64_t hidden = 48;  // width of h; 4..1024
  std::int64_t layers = 3;   // rounds of message passing; 0..32
  std::int64_t pair = 24;    // width of what scores a pair; 4..1024

  bool operator==(const GraphNetworkParameters&) const = default;
};

// A placement that was read, as tensors.
struct PlacementInputs {
  at::Tensor units;      // [U, kUnitWidth]
  at::Tensor pairs;      // [U, D, kPairWidth]
  at::Tensor device;     // [U] int64
  at::Tensor forbidden;  // [U, D] bool
  Messages reads;
  Messages readers;
};

// Copies what `features` last read, which was `choice`.
//   numbers  device of the copies, and the type of what is no index or mask
[[nodiscard]] PlacementInputs to_inputs(const ImprovementFeatures& features,
                                        std::span<const std::uint8_t> choice,
                                        const at::TensorOptions& numbers);

class GraphNetwork {
 public:
  // Weights depend on seed and parameters only.
  //   numbers  their device and type, and those of what is read
  GraphNetwork(const GraphNetworkParameters& parameters, std::uint64_t seed,
               const at::TensorOptions& numbers);

  void reset(std::uint64_t seed, std::uint64_t round);
  // z [U, D], differentiable.
  [[nodiscard]] at::Tensor scores(const PlacementInputs& inputs) const;

  [[nodiscard]] const std::vector<NamedTensor>& parameters() const { return weights_.all(); }
  [[nodiscard]] const at::TensorOptions& numbers() const { return weights_.numbers(); }

 private:
  std::int64_t layers_;
  Weights weights_;
};

}  // namespace placer::policy
