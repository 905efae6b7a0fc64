#include "policy/fresh_start.h"

#include <vector>

namespace placer::policy {
namespace {

// Of every way to begin: what `ppo` and `dual` draw in an update.
constexpr std::uint64_t kSamples = 4;

// Keeps them apart from the streams of updates, which would draw the same again.
constexpr std::uint64_t kStartStream = 0x7374617274;

}  // namespace

std::optional<std::uint64_t> best_start(Learner& learner, Incumbent& incumbent, std::uint64_t seed,
                                        std::uint64_t starts) {
  std::optional<Outcome> best;
  std::uint64_t chosen = 0;
  for (std::uint64_t round = 0; round < starts; ++round) {
    learner.reset(seed, round);
    std::vector<Rng> rngs;
    for (std::uint64_t k = 0; k < kSamples; ++k) {
      const std::uint64_t keys[] = {round, k, kStartStream};
      rngs.push_back(Rng::keyed(seed, keys));
    }
    const std::vector<Placement> placements = placements_of(learner.sample(rngs));
    if (incumbent.evaluate(placements) < placements.size()) return std::nullopt;
    for (const Outcome& outcome : incumbent.outcomes()) {
      if (best && !better(outcome, *best)) continue;
      best = outcome;
      chosen = round;
    }
  }
  return chosen;
}

}  // namespace placer::policy
