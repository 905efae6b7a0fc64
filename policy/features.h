#pragma once

// What the policy sees of every group: numbers in [0, 1], the same layout whatever the graph's
// units and sizes.
//
// Published (Mirhoseini et al., ICML 2017, section 3.2): the op type's embedding, the output shapes
// in a fixed zero-padded list, and one-hot adjacency. Ours besides: bytes, times, memory, position.
// Widths follow HDP (ICLR 2018): 200 op types, 6 outputs of 4 dimensions.

#include <cstdint>
#include <string>
#include <vector>

#include "placer/algorithm/algorithm.h"

namespace placer::policy {

struct FeatureOptions {
  std::size_t max_types = 200;  // op types beyond the commonest share one entry
  std::size_t max_outputs = 6;  // the largest outputs of a group
  std::size_t max_dims = 4;     // the last dimensions of each
  // Columns of adjacency in each direction; group j is in column j modulo their number.
  std::size_t max_slots = 256;
};

// With N groups, T types, S = min(N, max_slots) and D kinds of device, the columns of `numbers` are
//   shapes      max_outputs x max_dims   log(1 + dimension)
//   bytes_out   1                        log(1 + bytes that leave the group)
//   bytes_in    1                        log(1 + bytes that enter it)
//   memory      2                        log(1 + bytes), share of all bytes of state, outputs and
//                                        workspace
//   times       2 D                      per kind of device: log(1 + microseconds), share of the
//                                        largest
//   position    3                        index / N, longest time before and after it over the
//                                        critical path
//   reads       S                        1 in the column of every group that it reads
//   readers     S                        1 in the column of every group that reads it
// Every log column is divided by its largest value in the graph.
struct GroupFeatures {
  std::size_t num_groups = 0;
  std::size_t num_devices = 0;
  std::vector<std::string> types;      // T names; the last is "other" when there were more
  std::vector<float> type_counts;      // [N, T], log(1 + count) / log(1 + largest)
  std::size_t width = 0;               // columns of `numbers`
  std::vector<float> numbers;          // [N, width]
  std::vector<std::uint64_t> allowed;  // [N]: mask of devices, never 0
};

// Features of the nodes of problem.costs.graph(), which are the groups; op types are those of their
// members where the problem knows them.
[[nodiscard]] GroupFeatures make_features(const Problem& problem, const FeatureOptions& options);

}  // namespace placer::policy
