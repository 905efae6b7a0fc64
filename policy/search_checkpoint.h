#pragma once

// The checkpoint of one search: when it is due, and whether what a file says can be of this search.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "policy/checkpoint_file.h"
#include "policy/learner.h"
#include "policy/trainer.h"

namespace placer::policy {

// What is kept under `prefix` beside the present weights, such as those that a restart replaced.
[[nodiscard]] std::vector<Blob> with_prefix(std::string_view prefix, std::vector<Blob> blobs);
// Those of `blobs` that with_prefix() made, as they were.
[[nodiscard]] std::vector<Blob> without_prefix(std::string_view prefix,
                                               std::span<const Blob> blobs);
// Of the checkpoint's best policy: the present one, or one that a restart replaced.
[[nodiscard]] std::vector<Blob> best_weights(const Checkpoint& checkpoint);
inline constexpr std::string_view kKeptPrefix = "kept.";
inline constexpr std::string_view kGoodPrefix = "good.";  // of the safeguard

// All that it is given outlives it.
class SearchCheckpoint {
 public:
  SearchCheckpoint(const Problem& problem, const SearchOptions& options, const Method& method);

  // There is a file to go on from.
  [[nodiscard]] bool exists() const;
  // Of a search that has done so many updates and taken so long.
  [[nodiscard]] bool due(std::uint64_t updates, double seconds) const;
  // Its time counts from here on.
  void begin(double seconds) { last_save_seconds_ = seconds; }
  // Nothing where the search keeps no checkpoint.
  void save(SearchState state, std::vector<Blob> blobs, double seconds);
  // Throws Error(kBadInput) for a file that is damaged, of another search, or has a placement that
  // the constraints forbid or `learner` cannot have drawn.
  [[nodiscard]] Checkpoint load(const Learner& learner) const;

 private:
  [[nodiscard]] SearchIdentity identity() const;
  void require_valid(const char* where, const Placement& placement) const;

  const Problem& problem_;
  const SearchOptions& options_;
  const Method& method_;
  double last_save_seconds_ = 0;
};

}  // namespace placer::policy
