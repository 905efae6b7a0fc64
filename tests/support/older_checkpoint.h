#pragma once

// A policy checkpoint as an older placer wrote it (policy/checkpoint_file.h has the layout).

#include <string>

#include "placer/base/hash.h"

namespace placer::test {

// The same file but for the version that its header names; its hashes are right.
inline std::string as_version_1(std::string checkpoint) {
  constexpr std::size_t kFixed = 16;  // magic and length
  constexpr std::string_view kKey = "\"version\":";
  const std::size_t padding = checkpoint.find('\0', kFixed);
  const std::size_t hash = checkpoint.rfind("xxh3:", padding);
  checkpoint[checkpoint.find(kKey) + kKey.size()] = '1';
  const std::string own = hash_text(checkpoint.substr(kFixed, hash - kFixed));
  return checkpoint.replace(hash, own.size(), own);
}

}  // namespace placer::test
