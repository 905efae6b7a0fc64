// Values of an independent scorer on the public workloads (tests/golden/objectives/regenerate.py).

#include <algorithm>
#include <map>
#include <numeric>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/base/files.h"
#include "placer/formats/import_dnn_partitioning.h"
#include "simulator/objective.h"

namespace placer::sim {
namespace {

const std::string kRoot = PLACER_SOURCE_ROOT;

ImportedWorkload import(const std::string& workload) {
  const std::string file = kRoot + "/configs/workloads/dnn-partitioning/" + workload;
  return import_dnn_partitioning(read_file(file), file);
}

// Letters are devices, accelerators first; nodes are by ascending id, which is their name.
Placement parse_placement(const Graph& graph, const std::string& letters) {
  std::vector<std::size_t> by_id(graph.size());
  std::iota(by_id.begin(), by_id.end(), std::size_t{0});
  std::sort(by_id.begin(), by_id.end(), [&](std::size_t a, std::size_t b) {
    return std::stol(graph.nodes()[a].name) < std::stol(graph.nodes()[b].name);
  });
  Placement placement;
  placement.device.resize(graph.size());
  for (std::size_t i = 0; i < by_id.size(); ++i) {
    placement.device[by_id[i]] = id_at<DeviceId>(static_cast<std::size_t>(letters.at(i) - 'a'));
  }
  return placement;
}

TEST(WorkloadScores, AgreeWithTheScorer) {
  const auto rows =
      nlohmann::json::parse(read_file(kRoot + "/tests/golden/objectives/scores.json"));
  std::map<std::string, ImportedWorkload> workloads;
  std::size_t values = 0;
  for (const auto& row : rows) {
    const std::string workload = row.at("workload");
    const std::string objective = row.at("objective");
    SCOPED_TRACE(workload + " " + objective);
    if (!workloads.contains(workload)) {
      workloads.emplace(workload, import(workload));
    }
    const ImportedWorkload& given = workloads.at(workload);
    const CostModel costs(given.workload, given.cluster);
    const Constraints constraints = resolve_constraints(costs, {});
    const Placement placement =
        parse_placement(given.workload.graph, row.at("placement").get<std::string>());
    const Outcome outcome =
        make_objective(objective, costs, constraints, {})->evaluate_one(placement);
    EXPECT_EQ(outcome.feasible(), row.at("feasible").get<bool>());
    if (!row.at("value_ms").is_null()) {
      const double expected = row.at("value_ms").get<double>() * 1e3;
      EXPECT_NEAR(outcome.step_time.microseconds(), expected, 1e-9 * expected);
      ++values;
    }
  }
  EXPECT_GT(values, 100U);
}

}  // namespace
}  // namespace placer::sim
