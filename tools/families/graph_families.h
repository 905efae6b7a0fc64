#pragma once

// Generated graphs and clusters of a given size, for measuring placement where no public workload
// is large enough. The same options give the same graph on every machine.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "placer/cluster/cluster.h"
#include "placer/cost/op_times.h"

namespace placer::families {

// Every op has one output and takes 10 to 1000 us (log-uniform; tensors spread over as much), where
// nothing else is said.
enum class Family : std::uint8_t {
  // About as many layers as a layer has ops; one to three inputs from the layer before, nine of ten
  // from the eighth of it that is nearest.
  kLayered,
  // The training step of a Transformer over four micro-batches: blocks of normalisation, eight
  // attention heads, projection, eight slices of a feed-forward net, residual sums; the backward
  // ops of each, weight gradients summed over the micro-batches, updates.
  kTransformer,
  // Compositions in series and in parallel (two to four branches between a fork and a join).
  kSeriesParallel,
  // One to three inputs from the thirty-second of all ops that comes just before.
  kRandom,
};
inline constexpr Family kFamilies[] = {Family::kLayered, Family::kTransformer,
                                       Family::kSeriesParallel, Family::kRandom};

[[nodiscard]] std::string_view name_of(Family family);
[[nodiscard]] std::optional<Family> family_named(std::string_view name);

struct FamilyOptions {
  Family family = Family::kLayered;
  std::size_t nodes = 1000;  // about: the Transformer has whole blocks
  // Communication to computation: mean time that a tensor holds a link, over all edges, by mean op
  // time, over all ops and devices.
  double ccr = 1;
  bool equal = true;  // devices; see make_cluster
  std::uint64_t seed = 1;
};

inline constexpr double kBytesPerSecond = 12e9;  // of its links
// `size` devices "acc:0", ... with ample memory, every pair on a link of its own: 12 GB/s, 2 us.
// Unequal ones differ by up to four times in speed, in geometric steps, the fastest first, each by
// the same factor for every op; their mean op time is that of equal ones.
[[nodiscard]] Cluster make_cluster(std::size_t size, bool equal);
// How many times as long as on a device of mean speed ops take on device `d` of make_cluster(8, equal).
[[nodiscard]] double slowness(std::size_t d, bool equal);

// With times for every device of make_cluster(8, options.equal).
//   throws  LogicError unless nodes >= 1 and ccr >= 0
[[nodiscard]] Workload make_family(const FamilyOptions& options);

}  // namespace placer::families
