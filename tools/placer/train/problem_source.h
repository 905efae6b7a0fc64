#pragma once

// The problems that `placer train` draws.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "placer/formats/training_format.h"
#include "policy/torch/generalist.h"
#include "tools/placer/train/timed_graph.h"

namespace placer::cli {

class ProblemSource {
 public:
  //   folder  the one that files of `ranges.graphs` are named from; they are read here
  //   throws  Error(kBadInput) for one of them, see TimedGraph
  ProblemSource(ProblemRanges ranges, std::uint64_t seed, const std::filesystem::path& folder);

  // A graph of one of the families or files on a cluster of its own, judged by the simulator, op by
  // op; starts from what a quick heuristic makes of it. The same index gives the same problem. May
  // be called from several threads.
  [[nodiscard]] std::unique_ptr<policy::Instance> draw(std::uint64_t index) const;

  // Sources with the same draw the same problems for a seed.
  [[nodiscard]] std::string identity() const;

 private:
  ProblemRanges ranges_;
  std::uint64_t seed_;
  std::vector<TimedGraph> files_;
};

}  // namespace placer::cli
