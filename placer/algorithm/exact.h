#pragma once

// Methods that prove what they find: dynamic programming over contiguous splits, and branch and
// bound. docs/algorithms.md says what each one certifies.

#include <memory>

#include "placer/algorithm/algorithm.h"

namespace placer {

// dp, dpl, pipedream, branch-and-bound.
void register_exact(AlgorithmRegistry& registry);

// The contiguous split whose busiest device has the least load, over all ideals of the graph
// (Tarnawski et al., "Efficient Algorithms for Device Placement of DNN Graph Operators", NeurIPS
// 2020, section 4.1): optimal for max-load with Constraints::contiguous, a start for everything
// else. With more than 200,000 ideals, or when comparing them takes too long, the best of what
// dpl() finds, and SearchResult::trouble says so. Where no contiguous split keeps memory limits and
// constraints, the one that breaks them least is mended unit by unit.
[[nodiscard]] std::unique_ptr<Algorithm> dp();

// The same over the prefixes of two topological orders (as numbered, and depth first), at most
// 4,000 cuts each: linear splits (the same paper's DPL, with one order more).
[[nodiscard]] std::unique_ptr<Algorithm> dpl();

// PipeDream's planner (Narayanan et al., SOSP 2019, section 3.1) without replicated stages: the
// split whose slowest stage or slowest cut is fastest, where computing and communicating overlap.
// A cut moves every forward tensor that is made before it and read after it, once, and where its
// producer has a backward op as much again for the gradient.
[[nodiscard]] std::unique_ptr<Algorithm> pipedream();

// The best placement of a small graph with the proof that there is none better. See
// branch_and_bound.cpp and docs/algorithms.md for what is enumerated under which objective.
[[nodiscard]] std::unique_ptr<Algorithm> branch_and_bound();

}  // namespace placer
