#include "tests/policy/torch/small_policy.h"

#include <ATen/ops/empty.h>

namespace placer::policy::test {
namespace {

Inputs inputs_of(const TestProblem& problem, at::ScalarType dtype) {
  LoadAndCut evaluator(problem.costs());
  return to_inputs(make_features(problem.with(evaluator), {.max_outputs = 1, .max_dims = 1}),
                   dtype);
}

}  // namespace

SequenceParameters tiny() {
  SequenceParameters parameters;
  parameters.hidden = 4;
  parameters.type_width = 2;
  parameters.device_width = 2;
  return parameters;
}

TestProblem four_ops() {
  return TestProblem({{.micros = 10, .reads = {}, .bytes = 100, .op = "a"},
                      {.micros = 20, .reads = {0}, .bytes = 10, .op = "b"},
                      {.micros = 30, .reads = {0}, .bytes = 1000, .op = "b"},
                      {.micros = 40, .reads = {1, 2}, .bytes = 4, .op = "c"}},
                     {.devices = 3});
}

SmallPolicy::SmallPolicy(const SequenceParameters& parameters, at::ScalarType dtype,
                         const TestProblem& problem)
    : inputs(inputs_of(problem, dtype)), network(parameters, inputs, /*seed=*/1) {}

void SmallPolicy::forbid(std::int64_t group, std::int64_t device) {
  inputs.forbidden.select(0, group).select(0, device).fill_(true);
}

std::vector<Rng> rngs(std::uint64_t seed, std::uint64_t update, std::int64_t count) {
  std::vector<Rng> streams;
  for (std::int64_t k = 0; k < count; ++k) {
    const std::uint64_t keys[] = {update, static_cast<std::uint64_t>(k)};
    streams.push_back(Rng::keyed(seed, keys));
  }
  return streams;
}

at::Tensor all_placements(std::int64_t groups, std::int64_t devices) {
  std::int64_t count = 1;
  for (std::int64_t g = 0; g < groups; ++g) count *= devices;
  at::Tensor actions = at::empty({groups, count}, at::kLong);
  std::int64_t* data = actions.data_ptr<std::int64_t>();
  for (std::int64_t k = 0; k < count; ++k) {
    std::int64_t rest = k;
    for (std::int64_t g = groups; g-- > 0; rest /= devices) data[g * count + k] = rest % devices;
  }
  return actions;
}

}  // namespace placer::policy::test
