#pragma once

// A policy without a network: every unit has a device by itself, drawn from its own probabilities,
// which move towards the placements it is shown.
//   draws   p(u, d) = (1 - floor) q(u, d) + floor / |devices of u|
//   lesson  q(u, .) <- q(u, .) + rate w (one-hot of the device of u - q(u, .)), for the refined
//           placements with their weights w, then for the elites with theirs

#include <cstdint>
#include <memory>

#include "placer/algorithm/algorithm.h"
#include "policy/learner.h"

namespace placer::policy {

struct CategoricalParameters {
  double rate = 0.8;    // 1e-6..1
  double floor = 0.01;  // share of draws that are of any device; 0..1
};

// `problem` and what it refers to must outlive it. It imitates any placement; the advantages of
// lessons and their entropy weight do not matter to it.
[[nodiscard]] std::unique_ptr<Learner> make_categorical_learner(
    const Problem& problem, const CategoricalParameters& parameters);

}  // namespace placer::policy
