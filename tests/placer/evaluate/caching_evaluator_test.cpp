#include "placer/evaluate/caching_evaluator.h"

#include <stdexcept>

#include <gtest/gtest.h>

namespace placer {
namespace {

// Step time = the devices read as digits, plus the priorities.
class Reading : public Evaluator {
 public:
  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    asked += placements.size();
    if (fail) throw std::runtime_error("device lost");
    for (std::size_t i = 0; i < placements.size(); ++i) {
      results[i] = Outcome{};
      for (const DeviceId device : placements[i].device) {
        results[i].step_time.ps = results[i].step_time.ps * 10 + static_cast<int>(device);
      }
      for (const std::int64_t priority : placements[i].priority) {
        results[i].step_time.ps += priority;
      }
    }
  }
  [[nodiscard]] std::string name() const override { return "reading"; }

  std::size_t asked = 0;
  bool fail = false;
};

Placement digits(std::initializer_list<unsigned> devices, std::vector<std::int64_t> priority = {}) {
  Placement placement;
  for (const unsigned device : devices) placement.device.push_back(id_at<DeviceId>(device));
  placement.priority = std::move(priority);
  return placement;
}

TEST(CachingEvaluator, AsksOnceForEqualPlacements) {
  Reading inner;
  const auto cache = make_caching_evaluator(inner);
  const std::vector<Placement> batch = {digits({1, 2}), digits({2, 1}), digits({1, 2})};
  std::vector<Outcome> results(3);
  cache->evaluate(batch, results);
  EXPECT_EQ(inner.asked, 2U);
  EXPECT_EQ(results[0].step_time.ps, 12);
  EXPECT_EQ(results[1].step_time.ps, 21);
  EXPECT_EQ(results[2].step_time.ps, 12);
  EXPECT_EQ(cache->evaluate_one(digits({2, 1})).step_time.ps, 21);
  EXPECT_EQ(cache->evaluate_one(digits({3, 1})).step_time.ps, 31);
  EXPECT_EQ(inner.asked, 3U);
  EXPECT_EQ(cache->name(), "reading");
}

TEST(CachingEvaluator, TellsPrioritiesApart) {
  Reading inner;
  const auto cache = make_caching_evaluator(inner);
  EXPECT_EQ(cache->evaluate_one(digits({1, 2})).step_time.ps, 12);
  EXPECT_EQ(cache->evaluate_one(digits({1, 2}, {100, 0})).step_time.ps, 112);
  EXPECT_EQ(cache->evaluate_one(digits({1, 2}, {0, 200})).step_time.ps, 212);
  EXPECT_EQ(inner.asked, 3U);
}

TEST(CachingEvaluator, ForgetsWhenFull) {
  Reading inner;
  const auto cache = make_caching_evaluator(inner, 2);
  for (unsigned device = 0; device < 5; ++device) {
    EXPECT_EQ(cache->evaluate_one(digits({device})).step_time.ps, device);
  }
  EXPECT_EQ(cache->evaluate_one(digits({4})).step_time.ps, 4);  // kept: third in its generation
  EXPECT_EQ(inner.asked, 5U);
  EXPECT_EQ(cache->evaluate_one(digits({0})).step_time.ps, 0);
  EXPECT_EQ(inner.asked, 6U);
}

TEST(CachingEvaluator, KeepsNothingOfABatchThatFailed) {
  Reading inner;
  const auto cache = make_caching_evaluator(inner);
  inner.fail = true;
  EXPECT_THROW(static_cast<void>(cache->evaluate_one(digits({7}))), std::runtime_error);
  inner.fail = false;
  EXPECT_EQ(cache->evaluate_one(digits({7})).step_time.ps, 7);
}

}  // namespace
}  // namespace placer
