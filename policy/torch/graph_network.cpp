#include "policy/torch/graph_network.h"

#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include "policy/torch/floats.h"

namespace placer::policy {
namespace {

constexpr std::uint64_t kGraphNetworkStream = 0x676e6e;

constexpr auto kUnitWidth = static_cast<std::int64_t>(ImprovementFeatures::kUnitWidth);
constexpr auto kPairWidth = static_cast<std::int64_t>(ImprovementFeatures::kPairWidth);

at::Tensor normalized(const at::Tensor& rows) {
  return at::layer_norm(rows, {rows.size(1)});
}

}  // namespace

PlacementInputs to_inputs(const ImprovementFeatures& features, std::span<const std::uint8_t> choice,
                          const at::TensorOptions& numbers) {
  const auto units = static_cast<std::int64_t>(features.num_units());
  const auto devices = static_cast<std::int64_t>(features.num_devices());
  PlacementInputs inputs{
      .units = from_floats(features.units(), {units, kUnitWidth}, numbers),
      .pairs = from_floats(features.pairs(), {units, devices, kPairWidth}, numbers),
      .device = at::empty({units}, at::kLong),
      .forbidden = at::empty({units, devices}, at::kBool),
      .reads = neighbour_means(features.reads(), choice, numbers),
      .readers = neighbour_means(features.readers(), choice, numbers)};
  auto* device = inputs.device.mutable_data_ptr<std::int64_t>();
  auto* forbidden = inputs.forbidden.mutable_data_ptr<bool>();
  for (std::size_t unit = 0; unit < choice.size(); ++unit) {
    device[unit] = choice[unit];
    for (std::size_t d = 0; d < features.num_devices(); ++d) {
      *forbidden++ = !features.may_use(unit, d);
    }
  }
  inputs.device = inputs.device.to(numbers.device());
  inputs.forbidden = inputs.forbidden.to(numbers.device());
  return inputs;
}

GraphNetwork::GraphNetwork(const GraphNetworkParameters& parameters, std::uint64_t seed,
                           const at::TensorOptions& numbers)
    : layers_(parameters.layers), weights_(kGraphNetworkStream, numbers) {
  const std::int64_t hidden = parameters.hidden;
  weights_.add_linear("input", kUnitWidth, hidden);
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    // Residual: the sum of all layers stays as large as one.
    weights_.add_linear(fmt::format("layer{}", layer), 5 * hidden, hidden,
                        1 / std::sqrt(static_cast<double>(layers_)));
  }
  weights_.add_linear("pair.unit", hidden, parameters.pair);
  weights_.add_linear("pair.features", kPairWidth, parameters.pair);
  weights_.add_linear("pair.device", hidden, parameters.pair, 0.5);
  weights_.add_linear("pair.graph", hidden, parameters.pair, 0.5);
  weights_.add_linear("pair.hidden", parameters.pair, parameters.pair);
  // Small, so that at first no device is preferred.
  weights_.add_linear("score", parameters.pair, 1, 0.1);
  weights_.add_linear("score.features", kPairWidth, 1, 0.1);
  reset(seed, 0);
}

void GraphNetwork::reset(std::uint64_t seed, std::uint64_t round) {
  weights_.draw(seed, round);
}

at::Tensor GraphNetwork::scores(const PlacementInputs& inputs) const {
  const std::int64_t units = inputs.pairs.size(0);
  const std::int64_t devices = inputs.pairs.size(1);
  at::Tensor h = at::relu(weights_.linear("input", inputs.units));
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    const at::Tensor rows = normalized(h);
    const at::Tensor received = at::cat({rows, pass(inputs.reads, rows).view({units, -1}),
                                         pass(inputs.readers, rows).view({units, -1})},
                                        1);
    h = h + at::relu(weights_.linear(fmt::format("layer{}", layer), received));
  }
  h = normalized(h);
  const at::Tensor on_device =
      at::zeros({devices, units}, h.options()).scatter_(0, inputs.device.unsqueeze(0), 1);
  const at::Tensor device = at::mm(on_device, h) / on_device.sum(1, /*keepdim=*/true).clamp_min(1);
  const at::Tensor graph = h.mean(0, /*keepdim=*/true);
  const at::Tensor of_unit = weights_.linear("pair.unit", h).unsqueeze(1);
  const at::Tensor of_device = weights_.linear("pair.device", device).unsqueeze(0);
  const at::Tensor of_graph = weights_.linear("pair.graph", graph).unsqueeze(0);
  const at::Tensor pairs =
      at::relu(weights_.linear("pair.features", inputs.pairs) + of_unit + of_device + of_graph);
  const at::Tensor scored =
      weights_.linear("score", at::relu(weights_.linear("pair.hidden", pairs))) +
      weights_.linear("score.features", inputs.pairs);
  return scored.squeeze(2).masked_fill(inputs.forbidden, -std::numeric_limits<double>::infinity());
}

}  // namespace placer::policy
