// Placing a graph that is too large for groups, through the program itself.

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/formats/formats.h"
#include "tests/support/cli_fixture.h"
#include "tools/families/graph_families.h"

namespace placer::test {
namespace {

using nlohmann::json;

class LargePlace : public CliFixture {
 protected:
  void SetUp() override {
    CliFixture::SetUp();
    write("graph.json", write_graph(families::make_family({.nodes = 21'000, .ccr = 10})));
    write("cluster.json", write_cluster(families::make_cluster(4, true)));
  }
  // Of the report, the row of one algorithm.
  static json row(const json& report, const std::string& name) {
    for (const json& row : report["algorithms"]) {
      if (row["algorithm"] == name) {
        return row;
      }
    }
    ADD_FAILURE() << "no " << name;
    return {};
  }
};

constexpr const char* kPlace = "--json place graph.json -c cluster.json --no-measure --budget 100 ";

TEST_F(LargePlace, OpByOpTheSameForASeedAndNoWorseThanAnyHeuristic) {
  const json report = json::parse(ok(std::string(kPlace) + "-o first.json"));
  const json found = row(report, "auto");
  ASSERT_EQ(found["members"].size(), 1U);  // what judges single moves gets nothing of the budget
  EXPECT_EQ(found["members"][0]["algorithm"], "multilevel");
  for (const json& other : report["algorithms"]) {
    EXPECT_NE(other["algorithm"], "heft-by-ops");  // HEFT is by ops
    EXPECT_LE(found["simulated_us"], other["simulated_us"]) << other["algorithm"];
  }

  ok(std::string(kPlace) + "-o second.json");
  const PlacementFile first = read_placement(read("first.json"), "first.json");
  EXPECT_EQ(first.assignment, read_placement(read("second.json"), "second.json").assignment);
}

}  // namespace
}  // namespace placer::test
