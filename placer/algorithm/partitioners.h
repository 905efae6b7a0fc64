#pragma once

// Balanced minimum cuts by graph partitioning libraries. Results vary with the library's version
// and the seed: docs/algorithms.md names those that were tested.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "placer/algorithm/partition_graph.h"

namespace placer {

struct PartitionOptions {
  std::vector<double> shares;         // of the time, by part; sums to 1
  std::vector<double> memory_shares;  // by part, or empty: memory does not matter
  double imbalance = 0.03;            // a part's time may exceed its share by this much
  double memory_imbalance = 0.03;
  std::uint64_t seed = 1;
};

// METIS, multilevel recursive bisection (Karypis, Kumar, "A fast and high quality multilevel scheme
// for partitioning irregular graphs", SIAM J. Sci. Comput. 1998); memory is its second constraint.
// Parts that hold less than a vertex stay empty.
[[nodiscard]] std::vector<std::int32_t> metis_partition(const PartitionGraph& graph,
                                                        const PartitionOptions& options);
// Scotch, mapping onto a complete graph of weighted processors (Pellegrini, Roman, 1996). Knows no
// memory. One thread; the same parts for the same seed.
[[nodiscard]] std::vector<std::int32_t> scotch_partition(const PartitionGraph& graph,
                                                         const PartitionOptions& options);
[[nodiscard]] std::string metis_version();
[[nodiscard]] std::string scotch_version();

// PartitionOptions::imbalance. Throws Error(kUsage) for parameters that are not the algorithm's.
[[nodiscard]] double parse_imbalance(const std::string& algorithm, ParameterList given);

// Parameter: imbalance. Memory is a constraint only where everything on one device may not fit.
[[nodiscard]] std::unique_ptr<Algorithm> metis();
void check_metis(ParameterList given);
[[nodiscard]] std::unique_ptr<Algorithm> scotch();
void check_scotch(ParameterList given);

void register_partitioners(AlgorithmRegistry& registry);

}  // namespace placer
