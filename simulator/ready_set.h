#pragma once

// The ready ops of one device, as ranks in execution order: a bitmap with summaries above it, so
// that inserting and taking the first cost a few word operations whatever the size. Not
// thread-safe.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace placer::sim {

class ReadySet {
 public:
  // Ranks 0 .. size - 1.
  explicit ReadySet(std::size_t size) {
    std::size_t bits = size;
    do {
      first_word_[levels_] = words_.size();
      const std::size_t words = (bits + 63) / 64;
      words_.resize(words_.size() + words, 0);
      ++levels_;
      bits = words;
    } while (bits > 1);
  }

  [[nodiscard]] bool empty() const { return words_.back() == 0; }

  void insert(std::uint32_t rank) {
    std::size_t bit = rank;
    for (std::size_t level = 0; level < levels_; ++level) {
      std::uint64_t& word = words_[first_word_[level] + bit / 64];
      const bool summarised = word != 0;
      word |= std::uint64_t{1} << (bit % 64);
      if (summarised) return;
      bit /= 64;
    }
  }

  // The lowest rank; the set must not be empty.
  std::uint32_t take_first() {
    std::size_t bit = 0;
    for (std::size_t level = levels_; level-- > 0;) {
      const std::uint64_t word = words_[first_word_[level] + bit];
      bit = bit * 64 + static_cast<std::size_t>(std::countr_zero(word));
    }
    const auto rank = static_cast<std::uint32_t>(bit);
    for (std::size_t level = 0; level < levels_; ++level) {
      std::uint64_t& word = words_[first_word_[level] + bit / 64];
      word &= ~(std::uint64_t{1} << (bit % 64));
      if (word != 0) break;
      bit /= 64;
    }
    return rank;
  }

 private:
  static constexpr std::size_t kMaxLevels = 6;  // 64^6 > 2^32

  std::vector<std::uint64_t> words_;  // level 0 first; the last word is the top
  std::array<std::size_t, kMaxLevels> first_word_{};
  std::size_t levels_ = 0;
};

}  // namespace placer::sim
