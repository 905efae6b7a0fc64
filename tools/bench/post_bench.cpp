// What the independent policy costs: a sample, and an epoch of an update. One thread.

#include <benchmark/benchmark.h>

#include "policy/independent_policy.h"

namespace placer::policy {
namespace {

constexpr std::size_t kSamples = 16;

// Half-way between uniform and sure, as in most of a search.
IndependentPolicy learning_policy(std::size_t units, std::size_t devices) {
  IndependentPolicy policy(std::vector<std::uint64_t>(units, (std::uint64_t{1} << devices) - 1),
                           devices);
  Rng rng(1);
  std::vector<double> logits(units * devices);
  for (double& logit : logits) logit = 4 * rng.uniform();
  policy.set_logits(std::move(logits));
  return policy;
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"groups", "devices"})->ArgsProduct({{100, 1'000}, {2, 8}});
}

// Items are samples.
void BM_Sample(benchmark::State& state) {
  const auto units = static_cast<std::size_t>(state.range(0));
  const IndependentPolicy policy = learning_policy(units, static_cast<std::size_t>(state.range(1)));
  std::vector<DeviceId> choice(units);
  Rng rng(2);
  for (auto _ : state) {
    policy.draw(rng, choice);
    benchmark::DoNotOptimize(choice.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Sample)->Apply(sizes);

// Gradient, step and new probabilities. Items are epochs.
void BM_Epoch(benchmark::State& state) {
  const auto units = static_cast<std::size_t>(state.range(0));
  IndependentPolicy policy = learning_policy(units, static_cast<std::size_t>(state.range(1)));
  const std::vector<double> before(policy.probabilities().begin(), policy.probabilities().end());
  Rng rng(2);
  Choices samples(kSamples, std::vector<DeviceId>(units));
  std::vector<double> advantages;
  for (std::vector<DeviceId>& sample : samples) {
    policy.draw(rng, sample);
    advantages.push_back(rng.uniform() - 0.5);
  }
  const Credit credit = credit_of(policy, samples, advantages);
  for (auto _ : state) {
    const Gradient gradient = surrogate_gradient(policy, before, credit, 0.2, 0.01);
    std::vector<double> logits(policy.logits().begin(), policy.logits().end());
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] -= 1e-9 * gradient.by_logit[i];
    policy.set_logits(std::move(logits));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Epoch)->Apply(sizes);

}  // namespace
}  // namespace placer::policy
