#include "policy/round.h"

#include <gtest/gtest.h>

namespace placer::policy {
namespace {

Placement on(unsigned first, unsigned second) {
  return {.device = {id_at<DeviceId>(first), id_at<DeviceId>(second)}, .priority = {}};
}

Outcome takes(std::int64_t ps) {
  Outcome outcome;
  outcome.step_time = {ps};
  return outcome;
}

Constraints two_nodes() {
  Constraints constraints;
  constraints.allowed = {0b111, 0b111};
  constraints.unit_of = {0, 1};
  constraints.num_units = 2;
  return constraints;
}

void record(Round& round, const Placement& placement, const Outcome& outcome,
            const Constraints& constraints = two_nodes()) {
  const Proposal proposal{.placement = placement, .latent = {}};
  round.record(constraints, {&proposal, 1}, {&outcome, 1});
}

TEST(Round, KeepsTheBestDistinctPlacementsFastestFirst) {
  Round round(2, 0);
  record(round, on(0, 0), takes(50));
  record(round, on(0, 1), takes(30));
  record(round, on(0, 1), takes(30));
  record(round, on(1, 1), takes(40));
  record(round, on(2, 2), takes(60));
  const std::vector<Elite> expected = {{30, {on(0, 1), {}}}, {40, {on(1, 1), {}}}};
  EXPECT_EQ(round.state().elites, expected);
  EXPECT_EQ(round.state().best, 30);
}

TEST(Round, APlacementSeenAgainCountsByItsShortestTime) {
  Round round(2, 0);
  record(round, on(0, 0), takes(50));
  record(round, on(0, 1), takes(40));
  record(round, on(0, 0), takes(30));
  record(round, on(0, 1), takes(90));
  const std::vector<Elite> expected = {{30, {on(0, 0), {}}}, {40, {on(0, 1), {}}}};
  EXPECT_EQ(round.state().elites, expected);
}

// Measured, all steps so far count: 30 was luck.
TEST(Round, AMeasuredPlacementSeenAgainCountsByItsLatestTime) {
  const auto measured = [](std::int64_t ps) {
    Outcome outcome = takes(ps);
    outcome.timed_steps = {{ps}};
    return outcome;
  };
  Round round(2, 0);
  record(round, on(0, 0), measured(30));
  record(round, on(0, 1), measured(40));
  record(round, on(0, 0), measured(50));
  std::vector<Elite> expected = {{40, {on(0, 1), {}}}, {50, {on(0, 0), {}}}};
  EXPECT_EQ(round.state().elites, expected);
  record(round, on(1, 1), measured(45));
  record(round, on(1, 1), measured(60));
  expected = {{40, {on(0, 1), {}}}, {60, {on(1, 1), {}}}};
  EXPECT_EQ(round.state().elites, expected);
}

TEST(Round, InfeasiblePlacementsAreNotImitated) {
  Round round(2, 0);
  Outcome outcome = takes(1);
  outcome.infeasible = Infeasible{};
  record(round, on(0, 0), outcome);
  EXPECT_TRUE(round.state().elites.empty());
  EXPECT_FALSE(round.state().best);
}

// The nodes of one unit were judged together on the first one's device.
TEST(Round, KeepsWhatWasJudged) {
  Constraints constraints = two_nodes();
  constraints.unit_of = {0, 0};
  constraints.num_units = 1;
  Round round(1, 0);
  record(round, on(2, 1), takes(10), constraints);
  EXPECT_EQ(round.state().elites.at(0).proposal.placement, on(2, 2));
}

// What was drawn besides the devices would not lead to the placement that was judged.
TEST(Round, KeepsWhatWasDrawnWhereMoreThanDevicesWas) {
  Constraints constraints = two_nodes();
  constraints.unit_of = {0, 0};
  constraints.num_units = 1;
  Round round(1, 0);
  const Proposal proposal{.placement = on(2, 1), .latent = {7}};
  const Outcome outcome = takes(10);
  round.record(constraints, {&proposal, 1}, {&outcome, 1});
  EXPECT_EQ(round.state().elites.at(0).proposal, proposal);
}

// They are no update of the policy, and no progress of it.
TEST(Round, WhatOthersFoundIsKeptUntilThePolicyFindsBetter) {
  Round round(1, 0);
  const Proposal found{.placement = on(1, 0), .latent = {}};
  const Outcome outcome = takes(20);
  round.admit(two_nodes(), {&found, 1}, {&outcome, 1});
  EXPECT_EQ(round.state().updates, 0U);
  record(round, on(0, 0), takes(30));
  EXPECT_EQ(round.state().elites.at(0).proposal, found);
  EXPECT_EQ(round.state().stale, 1U);
  record(round, on(0, 1), takes(10));
  EXPECT_EQ(round.state().elites.at(0).proposal.placement, on(0, 1));
}

TEST(Round, WithoutElitesItStillKnowsTheBestTime) {
  Round round(0, 0);
  record(round, on(0, 0), takes(10));
  EXPECT_TRUE(round.state().elites.empty());
  EXPECT_EQ(round.state().best, 10);
}

TEST(Round, IsFruitlessAfterPatienceAndAQuarterOfItsUpdates) {
  Round round(1, 0);
  for (int update = 1; update <= 100; ++update) record(round, on(0, 0), takes(1000 - update));
  EXPECT_FALSE(round.fruitless(10));
  for (int update = 0; update < 33; ++update) record(round, on(1, 1), takes(2000));
  EXPECT_EQ(round.state().stale, 33U);  // of 133 updates
  EXPECT_TRUE(round.fruitless(10));
  EXPECT_FALSE(round.fruitless(34));
  EXPECT_FALSE(round.fruitless(0));
  for (int update = 1; update <= 400; ++update) record(round, on(0, 0), takes(900 - update));
  for (int update = 0; update < 50; ++update) record(round, on(1, 1), takes(2000));
  EXPECT_FALSE(round.fruitless(10));  // 50 of 583
}

}  // namespace
}  // namespace placer::policy
