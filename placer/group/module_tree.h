#pragma once

// Module paths as a tree, so that "the innermost module around both" is a walk and not a string
// comparison.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace placer {

class ModuleTree {
 public:
  static constexpr std::uint32_t kRoot = 0;

  // The vertex of a dotted path, made where it is new; the empty path is the root.
  std::uint32_t add(std::string_view path) {
    std::uint32_t at = kRoot;
    while (!path.empty()) {
      const std::size_t dot = std::min(path.find('.'), path.size());
      const auto [entry, is_new] =
          children_.try_emplace(std::pair(at, std::string(path.substr(0, dot))),
                                static_cast<std::uint32_t>(parent_.size()));
      if (is_new) {
        parent_.push_back(at);
        depth_.push_back(depth_[at] + 1);
      }
      at = entry->second;
      path.remove_prefix(std::min(dot + 1, path.size()));
    }
    return at;
  }
  [[nodiscard]] std::uint32_t depth(std::uint32_t vertex) const { return depth_[vertex]; }
  // The innermost vertex around both.
  [[nodiscard]] std::uint32_t common(std::uint32_t a, std::uint32_t b) const {
    while (a != b) {
      std::uint32_t& deeper = depth_[a] >= depth_[b] ? a : b;
      deeper = parent_[deeper];
    }
    return a;
  }

 private:
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> children_;
  std::vector<std::uint32_t> parent_{kRoot};
  std::vector<std::uint32_t> depth_{0};
};

}  // namespace placer
