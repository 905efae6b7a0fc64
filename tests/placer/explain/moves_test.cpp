#include "placer/explain/moves.h"

#include <bit>

#include <gmock/gmock.h>

#include "placer/explain/what_if.h"
#include "simulator/simulator.h"
#include "tests/support/fake_evaluator.h"
#include "tests/support/random_graph.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

using testing::ElementsAre;

TEST(Traffic, CountsATensorOncePerReadingDevice) {
  test::WorkloadMaker maker;
  const TensorRef x = maker.input("x", 8);
  const TensorRef a = maker.op("a", {.inputs = {x}, .output_bytes = {100}});
  maker.op("b", {.inputs = {a}});
  maker.op("c", {.inputs = {a}});
  maker.op("d", {.inputs = {a}});
  const Workload workload = maker.finish();
  const Cluster cluster = test::cpu_cores(3, 20);
  const CostModel costs(workload, cluster);
  Placement placement = all_on(workload.graph, id_at<DeviceId>(0));
  EXPECT_EQ(traffic_of(costs, placement).transfers, 0U);
  // b and c on cpu:1, d on cpu:2: a goes to each once. Hand-offs of 20 us.
  placement.device[index(workload.graph.find("b").value())] = id_at<DeviceId>(1);
  placement.device[index(workload.graph.find("c").value())] = id_at<DeviceId>(1);
  placement.device[index(workload.graph.find("d").value())] = id_at<DeviceId>(2);
  const Traffic traffic = traffic_of(costs, placement);
  EXPECT_EQ(traffic.transfers, 2U);
  EXPECT_EQ(traffic.bytes, Bytes{200});
  EXPECT_EQ(traffic.time, from_microseconds(40));
}

class MoveTest : public testing::Test {
 protected:
  Workload workload_ = test::random_workload(2, {.nodes = 25});
  Cluster cluster_ = test::random_cluster(2);
  CostModel costs_{workload_, cluster_};
  Constraints constraints_ = resolve_constraints(costs_, {});
  Placement placement_ = test::random_placement(2, workload_, cluster_);
  test::LoadEvaluator evaluator_{costs_, constraints_};
};

TEST_F(MoveTest, EveryMoveIsThatOfItsWholeUnit) {
  const auto units = units_to_survey(costs_, constraints_, placement_, {});
  const MoveSurvey survey =
      survey_moves(costs_, constraints_, evaluator_, placement_, units, 1'000'000, {});
  EXPECT_EQ(survey.units_surveyed, units.size());
  std::size_t expected = 0;
  std::vector<bool> seen(constraints_.num_units, false);
  for (std::size_t v = 0; v < workload_.graph.size(); ++v) {
    const std::uint32_t unit = constraints_.unit_of[v];
    const int devices = std::popcount(constraints_.allowed[v]);
    expected += seen[unit] ? 0 : static_cast<std::size_t>(devices - 1);
    seen[unit] = true;
  }
  EXPECT_EQ(survey.moves.size(), expected);
  for (const Move& move : survey.moves) {
    Placement moved = placement_;
    for (std::size_t v = 0; v < moved.device.size(); ++v) {
      if (constraints_.unit_of[v] == move.unit) {
        EXPECT_NE(moved.device[v], move.to);
        moved.device[v] = move.to;
      }
    }
    EXPECT_EQ(with_unit_on(placement_, constraints_, move.unit, move.to), moved);
    EXPECT_EQ(evaluator_.evaluate_one(moved).cost(), move.outcome.cost());
  }
}

TEST(Survey, OneIdleDeviceStandsForThoseLikeIt) {
  const Workload workload = test::training_chain(2);
  const Cluster cluster = test::cpu_cores(5);
  const CostModel costs(workload, cluster);
  const Placement placement = all_on(workload.graph, id_at<DeviceId>(1));
  const auto moves_with = [&](const ConstraintOptions& options) {
    const Constraints constraints = resolve_constraints(costs, options);
    test::LoadEvaluator evaluator(costs, constraints);
    const std::uint32_t unit =
        constraints.unit_of[index(workload.graph.find("layer0/forward").value())];
    std::vector<std::size_t> devices;
    for (const Move& move :
         survey_moves(costs, constraints, evaluator, placement, {&unit, 1}, 100, {}).moves) {
      devices.push_back(index(move.to));
    }
    return devices;
  };
  EXPECT_THAT(moves_with({}), ElementsAre(0U));
  EXPECT_THAT(moves_with({.max_memory = {"cpu:3=1GiB"}}), ElementsAre(0U, 3U));
  // Where the first may not be used, the others are tried.
  EXPECT_THAT(moves_with({.forbid = {"layer0=cpu:0"}}), ElementsAre(2U, 3U, 4U));
}

TEST_F(MoveTest, FewEvaluationsEndTheSurveyAtAWholeUnit) {
  const auto units = units_to_survey(costs_, constraints_, placement_, {});
  const MoveSurvey survey =
      survey_moves(costs_, constraints_, evaluator_, placement_, units, 5, {});
  EXPECT_LE(survey.moves.size(), 5U);
  EXPECT_LT(survey.units_surveyed, units.size());
  EXPECT_GT(survey.units_surveyed, 0U);
}

TEST_F(MoveTest, AStopEndsTheSurvey) {
  std::stop_source stop;
  evaluator_.before = [&] { stop.request_stop(); };
  const auto units = units_to_survey(costs_, constraints_, placement_, {});
  const MoveSurvey survey = survey_moves(costs_, constraints_, evaluator_, placement_, units,
                                         1'000'000, stop.get_token());
  EXPECT_GT(survey.moves.size(), 0U);
  EXPECT_LT(survey.units_surveyed, units.size());
}

TEST(UnitsToSurvey, TheGivenNodesComeFirstThenTheLongest) {
  test::WorkloadMaker maker;
  const TensorRef x = maker.input("x", 8);
  maker.op("short", {.inputs = {x}, .time_us = 1});
  maker.op("long", {.inputs = {x}, .time_us = 9});
  maker.op("pinned", {.inputs = {x}, .time_us = 100});
  const Workload workload = maker.finish();
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {.pin = {"pinned=cpu:0"}});
  const Placement placement = all_on(workload.graph, id_at<DeviceId>(0));
  const auto unit = [&](const char* name) {
    return constraints.unit_of[index(workload.graph.find(name).value())];
  };
  EXPECT_THAT(units_to_survey(costs, constraints, placement, {}),
              ElementsAre(unit("long"), unit("short"), unit("x")));
  const NodeId first[] = {workload.graph.find("x").value(), workload.graph.find("pinned").value()};
  EXPECT_THAT(units_to_survey(costs, constraints, placement, first),
              ElementsAre(unit("x"), unit("long"), unit("short")));
}

// A step without transfers is its ops: a device twice as fast halves it.
TEST(WhatIf, AFasterDeviceAndAFasterLinkChangeOnlyTheirOwnTimes) {
  const Workload workload = test::training_chain(2);
  const Cluster cluster = test::cpu_cores(2, 20);
  const CostModel costs(workload, cluster);
  const Placement alone = all_on(workload.graph, id_at<DeviceId>(1));
  const auto step = [&](const Workload& w, const Cluster& c) {
    const CostModel changed(w, c);
    return sim::make_simulator(changed, {})->evaluate_one(alone).step_time;
  };
  const SimTime before = step(workload, cluster);
  const Variant faster = with_faster_device(workload, cluster, id_at<DeviceId>(1), 2);
  EXPECT_EQ(step(faster.workload, faster.cluster).ps * 2, before.ps);
  const Variant other = with_faster_device(workload, cluster, id_at<DeviceId>(0), 2);
  EXPECT_EQ(step(other.workload, other.cluster), before);
  const LinkId link = cluster.link_between(id_at<DeviceId>(0), id_at<DeviceId>(1));
  EXPECT_EQ(with_faster_link(cluster, link, 2).link(link).latency, from_microseconds(10));
  EXPECT_EQ(step(workload, with_faster_link(cluster, link, 2)), before);
}

}  // namespace
}  // namespace placer
