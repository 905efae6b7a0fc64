#pragma once

// Our own generators: the same seed gives the same numbers on every machine, library version and
// thread count (the standard distributions do not promise that).

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "placer/base/error.h"

namespace placer {

// One output of SplitMix64 (Steele, Lea, Flood 2014) for the state `state`: a strong mix of 64
// bits.
[[nodiscard]] std::uint64_t splitmix64(std::uint64_t state);

// FNV-1a, 64 bits. For keys of random streams, not for hash tables that strangers can fill.
[[nodiscard]] std::uint64_t fnv1a64(std::string_view text);

// Of Rng::weighted(). A bug, but where the weights are what a policy makes of what it has learned.
class UndrawableWeights : public LogicError {
 public:
  using LogicError::LogicError;
};

// xoshiro256++ 1.0 (Blackman, Vigna 2019). Cheap to copy; its state can be saved and restored.
class Rng {
 public:
  using State = std::array<std::uint64_t, 4>;

  explicit Rng(std::uint64_t seed);
  // An independent stream for every combination of keys, e.g. (seed, episode, step): what a sample
  // is does not depend on who was sampled before it.
  [[nodiscard]] static Rng keyed(std::uint64_t seed, std::span<const std::uint64_t> keys);

  [[nodiscard]] std::uint64_t next();
  // Uniform in [0, 1), 53 bits.
  [[nodiscard]] double uniform();
  // Uniform in [0, bound), without bias; bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  // An index drawn in proportion to `weights`.
  //   throws  UndrawableWeights unless they are finite, non-negative and one is positive
  [[nodiscard]] std::size_t weighted(std::span<const double> weights);

  template <typename T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[below(i)]);
    }
  }

  [[nodiscard]] const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  State state_;
};

}  // namespace placer
