// The learned methods through `placer place`: which runs unasked, and that each goes on after a kill
// as if there had been none.

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "tests/support/cli_fixture.h"
#include "tests/support/random_graph.h"
#include "tests/support/synthetic_times.h"
#include "tests/support/workload_maker.h"

namespace placer::test {
namespace {

using nlohmann::json;

class LearnersCli : public CliFixture {
 protected:
  // Rows or members of this name.
  static std::int64_t count(const json& rows, const std::string& name) {
    return std::count_if(rows.begin(), rows.end(),
                         [&](const json& row) { return row["algorithm"] == name; });
  }
  json place(const std::string& arguments) {
    return json::parse(
        ok("--json place graph.json -c cluster.json --no-measure --budget 400 " + arguments));
  }
};

TEST_F(LearnersCli, DualRunsUnaskedAndWithinAutoWhereStepsCount) {
  write("graph.json", write_graph(random_workload(7, {.nodes = 60})));
  write("cluster.json", write_cluster(random_cluster(7)));
  for (const bool steps : {true, false}) {
    SCOPED_TRACE(steps);
    const json rows = place(steps ? "" : "--objective max-load")["algorithms"];
    EXPECT_EQ(count(rows, "dual"), steps ? 1 : 0);
    const auto portfolio = std::find_if(rows.begin(), rows.end(),
                                        [](const json& row) { return row["algorithm"] == "auto"; });
    ASSERT_NE(portfolio, rows.end());
    EXPECT_EQ(count((*portfolio)["members"], "dual"), steps ? 1 : 0);
    for (const char* asked_for : {"colocrl", "ppo", "hdp", "gnn", "post", "guided"}) {
      EXPECT_EQ(count(rows, asked_for) + count((*portfolio)["members"], asked_for), 0) << asked_for;
    }
  }
}

struct KilledMethod {
  const char* name;
  int evaluations;
};

void PrintTo(const KilledMethod& method, std::ostream* out) {
  *out << method.name;
}

class KilledLearner : public LearnersCli, public testing::WithParamInterface<KilledMethod> {
 protected:
  void use_bundled_graph() {
    const std::string file =
        std::string(PLACER_SOURCE_ROOT) + "/configs/graphs/inception_v3_small.json.zst";
    Workload workload = read_graph(read_file(file), file);
    add_synthetic_times(workload);
    write("graph.json", write_graph(workload));
    write("cluster.json", write_cluster(cpu_cores(2)));
  }
  void use_bundled_workload() {
    ok("import --from dnn-partitioning '" + std::string(PLACER_SOURCE_ROOT) +
       "/configs/workloads/dnn-partitioning/throughput/op_bert_l-3_inference.json' -o graph.json "
       "-c cluster.json");
  }

  [[nodiscard]] std::string search(const std::string& run) const {
    const std::string name = GetParam().name;
    return "place graph.json -c cluster.json --algorithm " + name +
           " --signal simulated --no-measure --max-groups 12 --set " + name +
           ".checkpoint_updates=1 --budget " + std::to_string(GetParam().evaluations) +
           " --run-dir " + run + " -o " + run + ".json";
  }
  // The run's updates without what depends on the clock.
  [[nodiscard]] std::vector<json> updates(const std::string& run) const {
    std::istringstream lines(read(run + "/metrics.jsonl"));
    std::vector<json> rows;
    for (std::string line; std::getline(lines, line);) {
      rows.push_back(json::parse(line));
      rows.back().erase("wall_time");
    }
    return rows;
  }
  // What was learned: the tensors of the last checkpoint, which follow its header (docs/colocrl.md).
  [[nodiscard]] std::string tensors(const std::string& run) const {
    const std::string bytes = read(run + "/checkpoints/" + GetParam().name + ".ckpt");
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data() + 8, sizeof(header));
    constexpr std::size_t kHash = 37;
    constexpr std::size_t kAlignment = 64;
    const std::size_t end = 16 + header + kHash;
    return bytes.substr((end + kAlignment - 1) / kAlignment * kAlignment);
  }

  // Runs the program until it is about to put the n-th checkpoint in its place, and kills it there.
  void kill_at_checkpoint(const std::string& arguments, std::size_t n) const {
    const std::string name = GetParam().name;
    const ProcessResult result = run_shell(
        "LD_PRELOAD='" PLACER_KILL_AT_RENAME "' PLACER_TEST_KILL_SUFFIX=/" + name +
            ".ckpt PLACER_TEST_KILL_AT=" + std::to_string(n) + " \"$PLACER\" " + arguments,
        folder_.path());
    ASSERT_EQ(result.status, 128 + SIGKILL) << result.err;
    ASSERT_FALSE(std::filesystem::exists(folder_.path() / "broken/results" / (name + ".json")));
  }

  void expect_same_after_kill() {
    ok(search("whole"));
    const std::vector<json> expected = updates("whole");
    ASSERT_GE(expected.size(), 2U);
    // A checkpoint follows every update: killed after a quarter of them, and again as far on.
    const std::size_t quarter = expected.size() / 4 + 1;
    ASSERT_NO_FATAL_FAILURE(kill_at_checkpoint(search("broken"), quarter + 1));
    ASSERT_NO_FATAL_FAILURE(kill_at_checkpoint("place --resume broken", quarter));
    ok("place --resume broken");
    EXPECT_EQ(updates("broken"), expected);
    EXPECT_FALSE(tensors("whole").empty());
    EXPECT_TRUE(tensors("broken") == tensors("whole"));
    const std::string result = std::string("/results/") + GetParam().name + ".json";
    EXPECT_EQ(read("broken" + result), read("whole" + result));
    EXPECT_EQ(read_placement(read("broken.json"), "broken").assignment,
              read_placement(read("whole.json"), "whole").assignment);
  }
};

TEST_P(KilledLearner, EndsWithTheSameBytesOnABundledGraph) {
  use_bundled_graph();
  expect_same_after_kill();
}

TEST_P(KilledLearner, EndsWithTheSameBytesOnABundledWorkload) {
  use_bundled_workload();
  expect_same_after_kill();
}

INSTANTIATE_TEST_SUITE_P(Methods, KilledLearner,
                         testing::Values(KilledMethod{"colocrl", 600}, KilledMethod{"ppo", 250},
                                         KilledMethod{"hdp", 400}, KilledMethod{"post", 1500},
                                         KilledMethod{"gnn", 600}, KilledMethod{"dual", 600},
                                         KilledMethod{"guided", 4000}),
                         [](const auto& method) { return std::string(method.param.name); });

}  // namespace
}  // namespace placer::test
