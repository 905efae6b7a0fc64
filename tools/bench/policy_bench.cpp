// One update of the policy: encode, sample K placements, teacher-forced pass, backward, Adam; and
// parts of it; one thread. CPU time is what counts.

#include <benchmark/benchmark.h>

#include "policy/torch/policy_gradient.h"
#include "policy/torch/seq2seq.h"
#include "policy/torch/single_thread.h"

namespace placer::policy {
namespace {

// A chain of groups with the widths of a real graph's features: 40 op types, 39 columns and
// adjacency.
GroupFeatures chain_features(std::size_t groups, std::size_t devices) {
  GroupFeatures features;
  features.num_groups = groups;
  features.num_devices = devices;
  features.types.resize(40);
  features.width = 39 + 2 * groups;
  Rng rng(1);
  for (std::size_t i = 0; i < groups * features.types.size(); ++i) {
    features.type_counts.push_back(rng.uniform() < 0.1 ? 1.0F : 0.0F);
  }
  for (std::size_t v = 0; v < groups; ++v) {
    for (std::size_t c = 0; c < features.width; ++c) {
      const bool neighbour = c == 39 + v + 1 || c + 1 == 39 + groups + v;
      features.numbers.push_back(c < 39      ? static_cast<float>(rng.uniform())
                                 : neighbour ? 1.0F
                                             : 0.0F);
    }
  }
  features.allowed.assign(groups, (std::uint64_t{1} << devices) - 1);
  return features;
}

struct Fixture {
  Fixture(std::int64_t groups, std::int64_t devices, std::int64_t hidden)
      : inputs(to_inputs(
            chain_features(static_cast<std::size_t>(groups), static_cast<std::size_t>(devices)),
            at::kFloat)),
        network(parameters(hidden), inputs, 1),
        optimizer(network.parameters(), 1e-3, 1) {}

  static SequenceParameters parameters(std::int64_t hidden) {
    SequenceParameters result;
    result.hidden = hidden;
    return result;
  }

  [[nodiscard]] Samples sample(const Encoding& encoding, std::int64_t k) const {
    std::vector<Rng> rngs;
    for (std::int64_t i = 0; i < k; ++i) rngs.emplace_back(static_cast<std::uint64_t>(i));
    return network.sample(encoding, rngs);
  }

  SingleThread one_thread;
  Inputs inputs;
  Seq2Seq network;
  AdamOptimizer optimizer;
};

void BM_PolicyUpdate(benchmark::State& state) {
  const std::int64_t groups = state.range(0);
  Fixture fixture(groups, state.range(1), state.range(2));
  const std::int64_t k = state.range(3);
  std::vector<double> advantages;
  for (std::int64_t i = 0; i < k; ++i) advantages.push_back(i % 2 == 0 ? 1 : -1);
  for (auto _ : state) {
    const Encoding encoding = fixture.network.encode(fixture.inputs);
    const Samples samples = fixture.sample(encoding, k);
    const Evaluation evaluation = fixture.network.evaluate(encoding, samples.actions);
    benchmark::DoNotOptimize(
        fixture.optimizer.minimize(reinforce_loss(evaluation, advantages, 0.1)));
  }
  state.SetItemsProcessed(state.iterations() * k);
}

void BM_PolicySample(benchmark::State& state) {
  Fixture fixture(state.range(0), state.range(1), state.range(2));
  const Encoding encoding = fixture.network.encode(fixture.inputs);
  for (auto _ : state) {
    benchmark::DoNotOptimize(fixture.sample(encoding, state.range(3)));
  }
  state.SetItemsProcessed(state.iterations() * state.range(3));
}

// What an update needs of its samples before their outcomes are known: all that could be done while
// they are evaluated.
void BM_PolicyForward(benchmark::State& state) {
  Fixture fixture(state.range(0), state.range(1), state.range(2));
  const Encoding encoding = fixture.network.encode(fixture.inputs);
  const at::Tensor actions = fixture.sample(encoding, state.range(3)).actions;
  for (auto _ : state) {
    benchmark::DoNotOptimize(fixture.network.evaluate(encoding, actions).log_probability);
  }
  state.SetItemsProcessed(state.iterations() * state.range(3));
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"groups", "devices", "hidden", "k"})->Unit(benchmark::kMillisecond);
  bench->Args({20, 4, 64, 8})->Args({100, 8, 64, 8})->Args({100, 8, 256, 8});
}
BENCHMARK(BM_PolicyUpdate)->Apply(sizes);
BENCHMARK(BM_PolicySample)->Apply(sizes);
// As many as there are elites, and with them.
BENCHMARK(BM_PolicyForward)->Apply(sizes)->Args({100, 8, 64, 4})->Args({100, 8, 64, 12});

}  // namespace
}  // namespace placer::policy
