#pragma once

// A search of a learned method between two updates, as a file: everything that going on needs, and named
// tensors as raw bytes.
//
// Layout: "placerpc", the header's length (64 bits, little-endian), the header (JSON, UTF-8), its
// hash (37 characters), zeros up to a multiple of 64, then the tensors' bytes, little-endian,
// row-major, each again padded to a multiple of 64. The header holds name, dtype, shape, offset
// (from the first tensor on) and hash of every tensor. docs/colocrl.md has an example.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "policy/learner.h"
#include "policy/reward.h"
#include "policy/round.h"
#include "policy/safeguard.h"

namespace placer::policy {

// What must be the same for a search to go on.
struct SearchIdentity {
  std::string algorithm;
  std::string graph_hash;
  std::string cluster_hash;
  std::string constraints_hash;
  std::string evaluator;  // Evaluator::name()
  std::uint64_t seed = 0;
  std::vector<std::pair<std::string, std::string>> settings;  // of the algorithm, all of them
};

// The placement that a learner improves.
struct Base {
  Placement placement;
  BaseCost cost;

  bool operator==(const Base&) const = default;
};

// Between two updates. Samples are drawn from streams keyed by seed, update and sample, so there is
// no generator to keep.
struct SearchState {
  std::uint64_t updates = 0;
  BaselineState baseline;
  // Learner::reset()'s: it counts restarts, from the round on that a search from nothing chose.
  std::uint64_t round_number = 0;
  RoundState round;  // since the last restart
  // Baseline of the best policy that a restart replaced; its weights are the blobs "kept.<name>".
  std::optional<double> kept;
  RewardState reward;
  std::optional<Base> base;  // of methods that improve one
  // Nothing in files from before there was one. The good weights of a search are the blobs
  // "good.<name>"; those of a training are its weights.
  std::optional<SafeguardState> safeguard;
  SearchResult result;  // so far
};

struct Checkpoint {
  SearchIdentity identity;
  SearchState state;
  std::vector<Blob> blobs;
};

[[nodiscard]] std::string hash_of(const Constraints& constraints);

// Replaces the file in one step.
void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

// Throws Error(kBadInput) for a file that is truncated, damaged anywhere, of another format or
// version, or inconsistent.
[[nodiscard]] Checkpoint read_checkpoint(const std::filesystem::path& path);

// As read_checkpoint(), or the policy that comes with the program (kShippedPolicy).
[[nodiscard]] Checkpoint read_policy(const std::string& name);

// Throws Error(kBadInput), naming the first difference, unless the checkpoint belongs to this
// search. How often checkpoints are written and where its first weights came from may differ.
void require_same_search(const std::filesystem::path& path, const SearchIdentity& saved,
                         const SearchIdentity& current);

}  // namespace placer::policy
