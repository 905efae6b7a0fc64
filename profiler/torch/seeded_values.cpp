#include "profiler/torch/seeded_values.h"

#include <cmath>
#include <string>

#include "placer/base/error.h"
#include "placer/base/random.h"
#include "profiler/torch/rounding.h"
#include "profiler/torch/tensors.h"

namespace placer::profile {

namespace {

// The increment of SplitMix64's state (Steele, Lea, Flood 2014): output i of a stream needs no loop
// over those before it.
constexpr std::uint64_t kSplitMixIncrement = 0x9E3779B97F4A7C15ULL;

const std::string& seeding_name(const Node& node) {
  return node.origin.empty() ? node.name : node.origin;
}

at::Tensor state_value(const Node& node, std::uint64_t seed) {
  const TensorSpec& spec = node.outputs.front();
  at::Tensor tensor = empty_tensor(spec.dtype, spec.shape);
  const std::string& name = seeding_name(node);
  const bool slot = node.kind == NodeKind::kState && node.state_role == StateRole::kOptimizer;
  const bool floating = is_floating(spec.dtype);
  if (floating && !slot && spec.shape.size() >= 2 && !name.ends_with("running_var")) {
    double fan_in = 1;
    for (std::size_t i = 1; i < spec.shape.size(); ++i) {
      fan_in *= static_cast<double>(spec.shape[i]);
    }
    const double root = std::sqrt(fan_in);
    const std::uint64_t key = value_key(seed, name);
    fill(tensor, [&](std::size_t i) { return (2 * unit_number(key, i) - 1) / root; });
    return tensor;
  }
  const bool ones =
      floating && !slot &&
      (name.ends_with("running_var") || (spec.shape.size() == 1 && name.ends_with("weight")));
  fill(tensor, [&](std::size_t) { return ones ? 1.0 : 0.0; });
  return tensor;
}

at::Tensor input_value(const Node& node, std::uint64_t seed) {
  const TensorSpec& spec = node.outputs.front();
  at::Tensor tensor = empty_tensor(spec.dtype, spec.shape);
  const std::uint64_t key = value_key(seed, seeding_name(node));
  if (is_floating(spec.dtype) || spec.dtype == DType::kComplex64 ||
      spec.dtype == DType::kComplex128) {
    const double root = std::sqrt(3.0);  // variance 1
    fill(tensor, [&](std::size_t i) { return root * (2 * unit_number(key, i) - 1); });
  } else if (spec.dtype == DType::kBool) {
    fill(tensor, [&](std::size_t i) { return unit_number(key, i) >= 0.5 ? 1.0 : 0.0; });
  } else {
    const double low = node.range.size() == 2 ? static_cast<double>(node.range[0]) : 0.0;
    const double span =
        node.range.size() == 2 ? static_cast<double>(node.range[1] - node.range[0]) : 1.0;
    fill(tensor, [&](std::size_t i) { return low + std::floor(unit_number(key, i) * span); });
  }
  return tensor;
}

}  // namespace

std::uint64_t value_key(std::uint64_t seed, std::string_view name) {
  return fnv1a64(name) ^ splitmix64(seed);
}

double unit_number(std::uint64_t key, std::uint64_t element) {
  const std::uint64_t bits = splitmix64(key + element * kSplitMixIncrement) >> 40;
  return static_cast<double>(bits) * 0x1p-24;
}

at::Tensor first_value(const Node& node, std::uint64_t seed) {
  PLACER_CHECK(!node.outputs.empty(), "a source without output");
  if (!node.values.empty()) {
    return tensor_of(node.outputs.front().dtype, node.outputs.front().shape, node.values);
  }
  return node.kind == NodeKind::kInput ? input_value(node, seed) : state_value(node, seed);
}

std::uint64_t random_op_seed(std::uint64_t seed, std::string_view name, std::uint64_t step) {
  return splitmix64(value_key(seed, name) + step * kSplitMixIncrement);
}

}  // namespace placer::profile
