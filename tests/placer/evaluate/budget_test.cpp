#include "placer/evaluate/budget.h"

#include <limits>

#include <gtest/gtest.h>

#include "placer/base/error.h"

namespace placer {
namespace {

TEST(ParseBudget, ReadsTimesAndCounts) {
  EXPECT_EQ(parse_budget("60s").seconds, 60);
  EXPECT_EQ(parse_budget("500ms").seconds, 0.5);
  EXPECT_EQ(parse_budget("2m").seconds, 120);
  EXPECT_EQ(parse_budget("1.5 h").seconds, 5400);
  EXPECT_EQ(parse_budget("2000").evaluations, 2000U);
  EXPECT_FALSE(parse_budget("2000").seconds.has_value());
  EXPECT_FALSE(parse_budget("60s").evaluations.has_value());
}

TEST(ParseBudget, ReadsATimeAndACountTogether) {
  const Budget budget = parse_budget("60s, 2000");
  EXPECT_EQ(budget.seconds, 60);
  EXPECT_EQ(budget.evaluations, 2000U);
}

TEST(ParseBudget, RefusesEverythingElse) {
  for (const char* text : {"", "s", "-5s", "0s", "0", "1e3", "12parsecs", "nan s", "1.5", "10s,20s",
                           "5,6", "60s,", "99999999999999999999", "999999999999h", "1.2.3s"}) {
    try {
      static_cast<void>(parse_budget(text));
      ADD_FAILURE() << "accepted \"" << text << '"';
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage) << text;
      EXPECT_NE(std::string(error.what()).find("60s"), std::string::npos) << error.what();
    }
  }
}

TEST(ToString, GivesWhatParseBudgetReads) {
  for (const char* text : {"60s", "0.5s", "2000", "60s,2000"}) {
    EXPECT_EQ(to_string(parse_budget(text)), text);
  }
  EXPECT_EQ(to_string(Budget{}), "unlimited");
}

TEST(BudgetClock, CountsEvaluationsDown) {
  BudgetClock clock({.seconds = {}, .evaluations = 10}, {});
  EXPECT_EQ(clock.left(), 10U);
  clock.spend(4);
  EXPECT_EQ(clock.left(), 6U);
  EXPECT_DOUBLE_EQ(clock.fraction(), 0.4);
  clock.spend(7);  // a batch may pass the end
  EXPECT_EQ(clock.left(), 0U);
  EXPECT_TRUE(clock.exhausted());
  EXPECT_EQ(clock.fraction(), 1);
  EXPECT_EQ(clock.spent(), 11U);
}

TEST(BudgetClock, HasNoEndWithoutLimits) {
  const BudgetClock clock({}, {});
  EXPECT_EQ(clock.left(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(clock.fraction(), 0);
}

TEST(BudgetClock, EndsOnRequest) {
  std::stop_source stop;
  const BudgetClock clock({}, stop.get_token());
  EXPECT_FALSE(clock.exhausted());
  stop.request_stop();
  EXPECT_TRUE(clock.exhausted());
  EXPECT_TRUE(clock.stop_requested());
}

TEST(BudgetClock, EndsWithItsTime) {
  const BudgetClock clock({.seconds = 1e-9, .evaluations = {}}, {});
  while (!clock.exhausted()) {
  }
  EXPECT_EQ(clock.left(), 0U);
  EXPECT_EQ(clock.fraction(), 1);
}

}  // namespace
}  // namespace placer
