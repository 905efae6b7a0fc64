#include "placer/evaluate/evaluator.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace placer {
namespace {

Outcome taking(std::int64_t ps) {
  Outcome outcome;
  outcome.step_time = {ps};
  return outcome;
}

Outcome infeasible(InfeasibleReason reason, std::int64_t missing) {
  Outcome outcome;
  outcome.infeasible.emplace();
  outcome.infeasible->reason = reason;
  outcome.infeasible->missing = {missing};
  return outcome;
}

TEST(Better, OrdersByTimeThenByWhatIsMissing) {
  const Outcome ordered[] = {taking(5), taking(9), infeasible(InfeasibleReason::kOutOfMemory, 1),
                             infeasible(InfeasibleReason::kOutOfMemory, 2),
                             infeasible(InfeasibleReason::kTimeOut, 0)};
  for (std::size_t i = 0; i < std::size(ordered); ++i) {
    for (std::size_t j = 0; j < std::size(ordered); ++j) {
      EXPECT_EQ(better(ordered[i], ordered[j]), i < j) << i << " and " << j;
    }
  }
}

TEST(Better, HasNoPreferenceAmongEquals) {
  EXPECT_FALSE(better(taking(5), taking(5)));
  const Outcome crash = infeasible(InfeasibleReason::kCrashed, 0);
  const Outcome time_out = infeasible(InfeasibleReason::kTimeOut, 0);
  EXPECT_FALSE(better(crash, time_out));
  EXPECT_FALSE(better(time_out, crash));
}

class CountingDevices : public Evaluator {
 public:
  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    for (std::size_t i = 0; i < placements.size(); ++i) {
      results[i] = taking(static_cast<std::int64_t>(num_devices_used(placements[i])));
    }
  }
  [[nodiscard]] std::string name() const override { return "devices used"; }
};

TEST(Evaluator, EvaluatesOne) {
  CountingDevices evaluator;
  const Placement placement{{DeviceId{0}, DeviceId{2}, DeviceId{0}}, {}};
  EXPECT_EQ(evaluator.evaluate_one(placement).step_time, SimTime{2});
}

}  // namespace
}  // namespace placer
