#include "policy/search_checkpoint.h"

#include <filesystem>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "placer/base/error.h"

namespace placer::policy {

std::vector<Blob> with_prefix(std::string_view prefix, std::vector<Blob> blobs) {
  for (Blob& blob : blobs) blob.name.insert(0, prefix);
  return blobs;
}

std::vector<Blob> without_prefix(std::string_view prefix, std::span<const Blob> blobs) {
  std::vector<Blob> kept;
  for (const Blob& blob : blobs) {
    if (!blob.name.starts_with(prefix)) continue;
    kept.push_back(blob);
    kept.back().name.erase(0, prefix.size());
  }
  return kept;
}

std::vector<Blob> best_weights(const Checkpoint& checkpoint) {
  const std::optional<double>& kept = checkpoint.state.kept;
  const bool present = !kept || checkpoint.state.baseline.value >= *kept;
  return present ? checkpoint.blobs : without_prefix(kKeptPrefix, checkpoint.blobs);
}

SearchCheckpoint::SearchCheckpoint(const Problem& problem, const SearchOptions& options,
                                   const Method& method)
    : problem_(problem), options_(options), method_(method) {}

bool SearchCheckpoint::exists() const {
  return !options_.checkpoint.empty() && std::filesystem::exists(options_.checkpoint);
}

bool SearchCheckpoint::due(std::uint64_t updates, double seconds) const {
  if (options_.checkpoint.empty()) return false;
  const TrainingParameters& training = method_.training;
  return updates % static_cast<std::uint64_t>(training.checkpoint_updates) == 0 ||
         seconds - last_save_seconds_ >= training.checkpoint_seconds;
}

void SearchCheckpoint::save(SearchState state, std::vector<Blob> blobs, double seconds) {
  write_checkpoint(options_.checkpoint,
                   {.identity = identity(), .state = std::move(state), .blobs = std::move(blobs)});
  last_save_seconds_ = seconds;
}

Checkpoint SearchCheckpoint::load(const Learner& learner) const {
  Checkpoint checkpoint = read_checkpoint(options_.checkpoint);
  require_same_search(options_.checkpoint, checkpoint.identity, identity());
  if (method_.training.improves && !checkpoint.state.base) {
    throw Error(ErrorKind::kBadInput, options_.checkpoint, "base", "is missing");
  }
  if (checkpoint.state.base) require_valid("base", checkpoint.state.base->placement);
  if (checkpoint.state.result.best) require_valid("result.best", *checkpoint.state.result.best);
  for (const Elite& elite : checkpoint.state.round.elites) {
    require_valid("round.elites", elite.proposal.placement);
    if (!learner.takes(elite.proposal)) {
      throw Error(ErrorKind::kBadInput, options_.checkpoint, "round.elites",
                  fmt::format("{} cannot have drawn this", method_.name));
    }
  }
  return checkpoint;
}

SearchIdentity SearchCheckpoint::identity() const {
  return {.algorithm = method_.name,
          .graph_hash = problem_.costs.graph().hash(),
          .cluster_hash = problem_.costs.cluster().hash(),
          .constraints_hash = hash_of(problem_.constraints),
          .evaluator = problem_.evaluator.name(),
          .seed = options_.seed,
          .settings = method_.settings};
}

void SearchCheckpoint::require_valid(const char* where, const Placement& placement) const {
  const std::size_t nodes = problem_.costs.graph().size();
  const std::string violation =
      placement.device.size() == nodes
          ? first_violation(problem_.costs.graph(), problem_.costs.cluster(), problem_.constraints,
                            placement)
          : fmt::format("{} devices, expected {}", placement.device.size(), nodes);
  if (!violation.empty()) {
    throw Error(ErrorKind::kBadInput, options_.checkpoint, where, violation);
  }
}

}  // namespace placer::policy
