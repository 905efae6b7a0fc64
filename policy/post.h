#pragma once

// "post": independent distributions over devices, learned by proximal policy optimisation with
// steps of the cross-entropy method in between (Gao, Chen, Li, "Post: Device Placement with
// Cross-Entropy Minimization and Proximal Policy Optimization", NeurIPS 2018). No network.

#include <cstdint>
#include <memory>

#include "placer/algorithm/algorithm.h"
#include "policy/learner.h"
#include "policy/parameters.h"

namespace placer::policy {

// Of the cross-entropy steps.
struct CrossEntropyParameters {
  std::int64_t every = 4;  // updates between two; 0 (never)..1e6
  double elite = 0.1;      // share of the samples since the last one that it learns from; 1e-4..1
  double keep = 0.3;       // weight of the old probabilities; 0..1
  // Units that a sample still draws from all of their devices when the policy is sure of each, in
  // the mean: no device gets less than its share of that; 0..1e6.
  double moves = 4;

  bool operator==(const CrossEntropyParameters&) const = default;
};

// Defaults were chosen on the graphs of tests/policy/learning_graphs.h and the bundled workloads,
// all with one setting (docs/post.md).
struct PostMethod {
  CrossEntropyParameters cross_entropy;
  FirstLogits first = {.runs = 2, .packing = 1};
  TrainingParameters training;
};
[[nodiscard]] PostMethod post_defaults();
// Every setting of it.
void describe(Settings& settings, PostMethod& method);

[[nodiscard]] std::unique_ptr<Learner> make_post_learner(const Problem& problem,
                                                         const PostMethod& method);

void register_post(AlgorithmRegistry& registry);

}  // namespace placer::policy
