// Objectives, the portfolio and `placer compare`, through the program itself.

#include <algorithm>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "placer/formats/formats.h"
#include "tests/support/cli_fixture.h"
#include "tests/support/random_graph.h"
#include "tests/support/workload_maker.h"

namespace placer::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class SearchCli : public CliFixture {
 protected:
  void SetUp() override {
    CliFixture::SetUp();
    use(random_workload(7, {.nodes = 60}), random_cluster(7));
  }
  void use(const Workload& workload, const Cluster& cluster) {
    write("graph.json", write_graph(workload));
    write("cluster.json", write_cluster(cluster));
  }
  json report(const std::string& arguments) { return json::parse(ok("--json " + arguments)); }
};

constexpr const char* kPlace = "place graph.json -c cluster.json --no-measure --budget 400 ";
constexpr const char* kCompare = "compare graph.json -c cluster.json --budget 400 ";

// What was chosen costs what the placement file says, and no row costs less.
void expect_best(const json& report, const std::string& key) {
  for (const json& row : report["algorithms"]) {
    if (row["algorithm"] == report["chosen"]) {
      for (const json& other : report["algorithms"]) {
        EXPECT_LE(row[key], other[key]) << other["algorithm"];
      }
      return;
    }
  }
  FAIL() << "the chosen one is no row";
}

TEST_F(SearchCli, EveryObjectiveIsMinimisedInItsUnit) {
  const std::pair<const char*, const char*> objectives[] = {{"max-load", "value_us"},
                                                            {"peak-memory", "value_bytes"},
                                                            {"max-load+0.2*peak-memory", "score"},
                                                            {"max-load,peak-memory", "score"}};
  for (const auto& [objective, key] : objectives) {
    SCOPED_TRACE(objective);
    const json done = report(std::string(kPlace) + "-o p.json --objective " + objective);
    EXPECT_EQ(done["objective"], objective);
    expect_best(done, key);
    EXPECT_TRUE(done["predicted_by_devices_us"].empty());
    const json file = json::parse(read("p.json"));
    EXPECT_EQ(file["predicted"]["objective"], objective);
    EXPECT_FALSE(file["predicted"].contains("step_time_us"));
  }
}

TEST_F(SearchCli, OtherObjectivesRunOnlyThePortfolio) {
  const json done = report(std::string(kPlace) + "--objective max-load");
  for (const json& row : done["algorithms"]) {
    EXPECT_NE(row["algorithm"], "dual");
    EXPECT_NE(row["algorithm"], "random");
    if (row["algorithm"] == "auto") {
      EXPECT_FALSE(row["members"].empty());
    }
  }
}

TEST_F(SearchCli, TheGapHoldsTheBoundBelowTheValue) {
  const json done = report(std::string(kPlace) + "--objective max-load");
  ASSERT_TRUE(done.contains("bound"));
  EXPECT_GE(done["bound"]["gap"], 0);
  const std::string text = ok(std::string(kPlace) + "--objective max-load");
  EXPECT_THAT(text, testing::AnyOf(HasSubstr("above the best possible"), HasSubstr("optimal (")));
}

TEST_F(SearchCli, AnObjectiveThatIsNoneIsAUsageError) {
  for (const char* command : {kPlace, kCompare}) {
    const ProcessResult result = run(std::string(command) + "--objective max-lod");
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.err, HasSubstr("max-load"));
  }
}

TEST_F(SearchCli, AConfigFileSaysTheObjective) {
  Config config;
  config.graph = "graph.json";
  config.cluster = "cluster.json";
  config.budget = "400";
  config.objective = "max-load";
  config.constraints.contiguous = true;
  write("experiment.json", write_config(config));
  const json done = report("place --config experiment.json -o p.json");
  EXPECT_EQ(done["objective"], "max-load");
}

TEST_F(SearchCli, ComparePrintsEveryAlgorithmBestFirst) {
  const json done = report(std::string(kCompare) + "--seeds 2 --csv rows.csv");
  EXPECT_GE(done["algorithms"].size(), 8U);
  double last = 0;
  for (const json& row : done["algorithms"]) {
    ASSERT_EQ(row["runs"].size(), 2U);
    double best = 1e300;
    for (const json& one : row["runs"]) {
      if (one["feasible"]) {
        best = std::min(best, one["value_us"].get<double>());
        EXPECT_GE(one["gap_to_best"], 0);
      } else {
        EXPECT_FALSE(one["reason"].get<std::string>().empty());
      }
    }
    EXPECT_GE(best, last) << row["algorithm"];
    last = best;
  }
  const std::string csv = read("rows.csv");
  EXPECT_EQ(static_cast<std::size_t>(std::count(csv.begin(), csv.end(), '\n')),
            1 + 2 * done["algorithms"].size());
}

TEST_F(SearchCli, CompareHasEveryImprovementOfARun) {
  const json done = report(std::string(kCompare) + "--objective max-load --algorithms post,random");
  for (const json& row : done["algorithms"]) {
    EXPECT_EQ(row["learns"], row["algorithm"] == "post");
    const json& one = row["runs"][0];
    double last = 1e300;
    for (const json& point : one["history"]) {
      EXPECT_LE(point[0], 400);
      EXPECT_LT(point[2], last);
      last = point[2];
    }
    EXPECT_EQ(last, one["value_us"]);
  }
}

TEST_F(SearchCli, CompareGivesTheSameBytesButForSeconds) {
  const auto without_seconds = [&] {
    json done = report(std::string(kCompare) + "--objective max-load");
    for (json& row : done["algorithms"]) {
      for (json& one : row["runs"]) {
        one.erase("seconds");
        for (json& point : one["history"]) {
          point.erase(1);
        }
      }
    }
    return done;
  };
  EXPECT_EQ(without_seconds(), without_seconds());
}

TEST_F(SearchCli, CompareTakesParameters) {
  use(training_chain(8), cpu_cores(2, 20));
  const std::string compare = std::string(kCompare) + "--algorithms random,heft ";
  const json one = report(compare + "--set random.batch=1 --seeds 2");
  EXPECT_EQ(one["parameters"], json::parse(R"({"random": {"batch": "1"}})"));
  EXPECT_TRUE(report(compare)["parameters"].empty());
  const auto refuses = [&](const std::string& given, const std::string& why) {
    const ProcessResult result = run(compare + given);
    EXPECT_EQ(result.status, 2) << given;
    EXPECT_THAT(result.err, HasSubstr(why)) << given;
  };
  refuses("--set random.batch", "expected ALGORITHM.NAME=VALUE");
  refuses("--set random.batsh=1", "batsh");
  refuses("--set random.batch=none", "batch");
  refuses("--set genetic.seed=1", "genetic");
  refuses("--set nothing.batch=1", "nothing");
  const ProcessResult missing = run(kCompare + std::string("--set post.policy=none.ckpt"));
  EXPECT_EQ(missing.status, 3);
  EXPECT_THAT(missing.err, HasSubstr("none.ckpt"));
}

TEST_F(SearchCli, WhatFitsNowhereIsStatus4WithTheReason) {
  use(training_chain(8), cpu_cores(2, 20, Bytes{1 << 20}));
  const ProcessResult compared = run(kCompare);
  EXPECT_EQ(compared.status, 4);
  EXPECT_THAT(compared.out, testing::AllOf(HasSubstr("infeasible: "), HasSubstr("cpu:0")));
  const ProcessResult placed = run(std::string(kPlace) + "--objective max-load");
  EXPECT_EQ(placed.status, 4);
  EXPECT_THAT(placed.err, HasSubstr("no feasible placement"));
}

TEST_F(SearchCli, OneNodeOneDeviceAndNoEdgesArePlaced) {
  WorkloadMaker one;
  one.op("only", {});
  use(one.finish(), cpu_cores(1));
  for (const char* objective : {"step-time", "max-load", "latency", "peak-memory"}) {
    const json done = report("place graph.json -c cluster.json --no-measure --budget 60s " +
                             std::string("--objective ") + objective);
    EXPECT_FALSE(done["chosen"].get<std::string>().empty()) << objective;
  }
  WorkloadMaker loose;
  for (int i = 0; i < 4; ++i) {
    loose.op("op" + std::to_string(i), {.time_us = 10});
  }
  use(loose.finish(), cpu_cores(2));
  // Four equal ops without edges on two devices: two each, 20 us, and certified.
  const json done = report(std::string(kPlace) + "--objective max-load");
  for (const json& row : done["algorithms"]) {
    if (row["algorithm"] == done["chosen"]) {
      EXPECT_DOUBLE_EQ(row["value_us"], 20);
    }
  }
  EXPECT_NEAR(done["bound"]["gap"].get<double>(), 0, 1e-6);  // a bound is rounded down
}

TEST_F(SearchCli, InterruptKeepsTheBestOfTheObjective) {
  const ProcessResult result = run_and_interrupt(
      "place graph.json -c cluster.json --objective max-load --algorithm annealing --budget 600s "
      "-o p.json");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("stopped on request"));
  EXPECT_FALSE(json::parse(read("p.json"))["assignment"].empty());
}

}  // namespace
}  // namespace placer::test
