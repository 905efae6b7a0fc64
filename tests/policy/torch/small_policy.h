#pragma once

// A policy small enough for numerical gradients, on four groups and three devices unless another
// problem is given.

#include <cstdint>
#include <vector>

#include "policy/torch/seq2seq.h"
#include "tests/policy/test_problem.h"

namespace placer::policy::test {

[[nodiscard]] SequenceParameters tiny();

[[nodiscard]] TestProblem four_ops();

struct SmallPolicy {
  SmallPolicy(const SequenceParameters& parameters, at::ScalarType dtype,
              const TestProblem& problem = four_ops());

  [[nodiscard]] Encoding encode() const { return network.encode(inputs); }
  void forbid(std::int64_t group, std::int64_t device);

  Inputs inputs;
  Seq2Seq network;
};

// Streams of the samples of one update.
[[nodiscard]] std::vector<Rng> rngs(std::uint64_t seed, std::uint64_t update, std::int64_t count);

// Every placement of `groups` groups on `devices` devices, [groups, devices^groups]; the last group
// changes fastest.
[[nodiscard]] at::Tensor all_placements(std::int64_t groups, std::int64_t devices);

}  // namespace placer::policy::test
