#pragma once

// First values of all sources of a graph: from the archive of weights where there is one, else from
// the seed.

#include <memory>

#include <ATen/core/Tensor.h>

#include "placer/formats/weights.h"
#include "placer/graph/graph.h"
#include "profiler/executor.h"

namespace placer::profile {

class Sources {
 public:
  // Opens the archive that the options or the graph name.
  //   throws  Error(kBadInput) for an archive that the options name and that cannot be read, or the
  //           graph's own when it is there but is another file than the graph was made from
  Sources(const Graph& graph, const ExecutorOptions& options);

  // The first value of a source node, new with every call.
  //   throws  Error(kBadInput) when the archive has it with another type or shape, or lacks a
  //           parameter or buffer
  [[nodiscard]] at::Tensor first(const Node& node) const;

 private:
  std::uint64_t seed_;
  std::string file_;
  std::unique_ptr<WeightArchive> archive_;  // null: seeded
};

}  // namespace placer::profile
