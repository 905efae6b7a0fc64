#pragma once

// 128-bit XXH3 content hashes: names of graphs, clusters and placements in files, keys of caches.
// Not a defence against forgery.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace placer {

// Adds fields in order; every field is length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  Hasher& add(std::string_view text);
  Hasher& add(std::int64_t value);
  Hasher& add(double value);

  // "xxh3:" and 32 hexadecimal digits.
  [[nodiscard]] std::string digest() const;

 private:
  void* state_;
};

[[nodiscard]] std::string hash_text(std::string_view text);

}  // namespace placer
