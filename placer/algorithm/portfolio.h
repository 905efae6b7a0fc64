#pragma once

// Several algorithms under one budget, on the machine's cores: `auto`.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "placer/algorithm/algorithm.h"

namespace placer {

struct PortfolioMember {
  AlgorithmEntry entry;
  std::vector<std::pair<std::string, std::string>> parameters = {};
};

// Runs the constructive heuristics among the members, each as a task of its own, then races the
// searches by successive halving (Karnin, Koren, Somekh, "Almost optimal exploration in multi-armed
// bandits", ICML 2013): in every round each search that is left gets an equal slice and starts from
// the best placements that anyone has found; then the better half stays, by what its own placements
// of the round cost. The last one gets half of the budget, on all cores with several seeds; where
// the last two are equal they share it. What is left after a race is raced for again. A search that
// ends before its slice does has nothing more to try and leaves. All ends when the best is proven
// optimal. On graphs of more than kLargeGraph nodes whose placements are judged as a whole
// members for small graphs only stay out, if there are others.
//
// Uses SearchOptions::threads cores where Problem::make_evaluator is set, else one. Under a budget
// of evaluations alone the result is the same for any number of threads: the tasks of a round and
// the order in which their results are taken are fixed. The result is never worse than any
// member's; its `trouble` is that of a learned member, if one had any.
[[nodiscard]] std::unique_ptr<Algorithm> portfolio(std::vector<PortfolioMember> members);

// "auto": a portfolio of everything that is registered when this is called, and of every single
// device, without controls.
void register_portfolio(AlgorithmRegistry& registry);

}  // namespace placer
