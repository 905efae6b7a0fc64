#include "policy/first_round.h"

#include <algorithm>
#include <utility>

namespace placer::policy {
namespace {

// Of every way: what `ppo` and `dual` draw in an update.
constexpr std::uint64_t kSamples = 4;

// Keeps them apart from the streams of updates, which would draw the same again.
constexpr std::uint64_t kFirstRoundStream = 0x7374617274;

const Outcome& best_of(const FirstRound& round) {
  return *std::ranges::min_element(round.outcomes, better);
}

}  // namespace

std::optional<FirstRound> choose_first_round(Learner& learner, Incumbent& incumbent,
                                             std::uint64_t seed) {
  std::optional<FirstRound> chosen;
  for (std::uint64_t number = 0; number < learner.ways_to_begin(); ++number) {
    if (incumbent.exhausted()) return std::nullopt;
    learner.reset(seed, number);
    std::vector<Rng> rngs;
    for (std::uint64_t k = 0; k < kSamples; ++k) {
      const std::uint64_t keys[] = {number, k, kFirstRoundStream};
      rngs.push_back(Rng::keyed(seed, keys));
    }
    FirstRound round{.number = number, .proposals = learner.sample(rngs), .outcomes = {}};
    if (incumbent.evaluate(placements_of(round.proposals)) < kSamples) return std::nullopt;
    round.outcomes.assign(incumbent.outcomes().begin(), incumbent.outcomes().end());
    if (!chosen || better(best_of(round), best_of(*chosen))) chosen = std::move(round);
  }
  learner.reset(seed, chosen->number);
  return chosen;
}

}  // namespace placer::policy
