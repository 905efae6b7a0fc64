#include "placer/base/hash.h"

#include <bit>

#include <fmt/format.h>
#include <xxhash.h>

#include "placer/base/error.h"

namespace placer {
namespace {

XXH3_state_t* as_state(void* state) {
  return static_cast<XXH3_state_t*>(state);
}

}  // namespace

Hasher::Hasher() : state_(XXH3_createState()) {
  PLACER_CHECK(state_ != nullptr, "out of memory");
  XXH3_128bits_reset(as_state(state_));
}

Hasher::~Hasher() {
  XXH3_freeState(as_state(state_));
}

Hasher& Hasher::add(std::string_view text) {
  add(static_cast<std::int64_t>(text.size()));
  XXH3_128bits_update(as_state(state_), text.data(), text.size());
  return *this;
}

Hasher& Hasher::add(std::int64_t value) {
  XXH3_128bits_update(as_state(state_), &value, sizeof value);
  return *this;
}

Hasher& Hasher::add(double value) {
  return add(std::bit_cast<std::int64_t>(value));
}

std::string Hasher::digest() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(as_state(state_));
  return fmt::format("xxh3:{:016x}{:016x}", hash.high64, hash.low64);
}

std::string hash_text(std::string_view text) {
  return Hasher().add(text).digest();
}

}  // namespace placer
