#pragma once

// Whole graphs from files, steps of them and all that a step leaves: what conformance tests compare.

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "placer/base/random.h"
#include "placer/graph/graph.h"
#include "placer/placement/placement.h"
#include "profiler/executor.h"

namespace placer::testing {

// The graphs in a folder, sorted.
[[nodiscard]] std::vector<std::string> graph_files(const std::string& folder);
[[nodiscard]] Graph load_graph(const std::string& file);
// Of a file's name what may stand in a test's.
[[nodiscard]] std::string short_name(const ::testing::TestParamInfo<std::string>& info);

// All that a step leaves: outputs (loss, gradients, new values) and state, by node name.
using Left = std::map<std::string, std::string>;
[[nodiscard]] Left what_is_left(const Graph& graph, const profile::Executor& executor);
// The same names with the same bits; `where` is told for those that differ.
void expect_same(const Left& left, const Left& expected, const std::string& where);
// After one step from the first values.
[[nodiscard]] Left step_once(const Graph& graph, profile::Executor& executor,
                             const Placement& placement);
// After three, of which the last two were captured, or none.
[[nodiscard]] Left three_steps(const Graph& graph, profile::Executor& executor,
                               const Placement& placement, bool captured);
// Of a graph of placer::testing::dropouts(count): what is drawn in three captured steps.
[[nodiscard]] std::vector<std::string> captured_draws(const Graph& graph, int count,
                                                      profile::Executor& executor,
                                                      const Placement& placement);

// As a search would propose it: classes stay together, neighbours mostly too.
[[nodiscard]] Placement in_runs(const Graph& graph, std::size_t devices, Rng& rng);

}  // namespace placer::testing
