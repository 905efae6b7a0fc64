#include "placer/base/random.h"

#include <bit>
#include <cmath>

#include "placer/base/error.h"

namespace placer {
namespace {

constexpr std::uint64_t kGoldenGamma = 0x9E3779B97F4A7C15ULL;

}  // namespace

std::uint64_t splitmix64(std::uint64_t state) {
  std::uint64_t z = state + kGoldenGamma;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::uint64_t fnv1a64(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001B3ULL;
  }
  return hash;
}

Rng::Rng(std::uint64_t seed) : state_{} {
  for (std::uint64_t& word : state_) {
    word = splitmix64(seed);
    seed += kGoldenGamma;
  }
}

Rng Rng::keyed(std::uint64_t seed, std::span<const std::uint64_t> keys) {
  for (const std::uint64_t key : keys) {
    seed = splitmix64(seed ^ splitmix64(key));
  }
  return Rng(seed);
}

std::uint64_t Rng::next() {
  auto& s = state_;
  const std::uint64_t result = std::rotl(s[0] + s[3], 23) + s[0];
  const std::uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = std::rotl(s[3], 45);
  return result;
}

double Rng::uniform() {
  return static_cast<double>(next() >> 11) * 0x1p-53;
}

std::uint64_t Rng::below(std::uint64_t bound) {
  PLACER_CHECK(bound > 0, "empty range");
  // Values below 2^64 mod bound would make low results likelier: draw again.
  const std::uint64_t threshold = (0 - bound) % bound;
  for (;;) {
    const std::uint64_t value = next();
    if (value >= threshold) {
      return value % bound;
    }
  }
}

std::size_t Rng::weighted(std::span<const double> weights) {
  double total = 0;
  for (const double weight : weights) {
    total += weight;
  }
  if (!(total > 0) || !std::isfinite(total)) {
    throw UndrawableWeights("weights without a finite, positive sum");
  }
  double left = uniform() * total;
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0) {
      last = i;
      left -= weights[i];
      if (left < 0) {
        break;
      }
    }
  }
  return last;
}

}  // namespace placer
