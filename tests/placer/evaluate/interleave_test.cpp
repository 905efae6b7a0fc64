#include "placer/evaluate/interleave.h"

#include <deque>
#include <utility>

#include <gmock/gmock.h>

namespace placer {
namespace {

using ::testing::ElementsAre;

// Gives the times that a test lays down, a negative one for a failure, and notes its turns.
class Scripted final : public Evaluator {
 public:
  Scripted(char name, std::deque<int> seconds, std::string& turns)
      : name_(name), seconds_(std::move(seconds)), turns_(turns) {}

  void evaluate(std::span<const Placement> /*placements*/, std::span<Outcome> results) override {
    turns_ += name_;
    const int seconds = seconds_.front();
    seconds_.pop_front();
    results[0] = {};
    if (seconds < 0) {
      results[0].infeasible.emplace().text = "crashed";
    } else {
      results[0].step_time = from_seconds(seconds);
    }
  }
  std::string name() const override { return {name_}; }

 private:
  char name_;
  std::deque<int> seconds_;
  std::string& turns_;
};

TEST(MeasureInterleaved, TakesTurnsUntilToldToStop) {
  std::string turns;
  Scripted a('a', {1, 2}, turns);
  Scripted b('b', {3, 4}, turns);
  const std::vector<Contender> contenders = {{&a, {}}, {&b, {}}};
  int rounds = 0;
  const auto series = measure_interleaved(contenders, [&](std::span<const Series> so_far) {
    EXPECT_EQ(so_far.size(), 2U);
    return ++rounds < 2;
  });
  EXPECT_EQ(turns, "abab");
  EXPECT_THAT(series[0].seconds, ElementsAre(1, 2));
  EXPECT_THAT(series[1].seconds, ElementsAre(3, 4));
}

TEST(MeasureInterleaved, AContenderThatFailsSitsOut) {
  std::string turns;
  Scripted bad('b', {1, -1}, turns);
  Scripted good('g', {2, 2, 2}, turns);
  const std::vector<Contender> contenders = {{&bad, {}}, {&good, {}}};
  int rounds = 0;
  const auto series =
      measure_interleaved(contenders, [&](std::span<const Series>) { return ++rounds < 3; });
  EXPECT_EQ(turns, "bgbgg");
  ASSERT_TRUE(series[0].infeasible);
  EXPECT_EQ(series[0].infeasible->text, "crashed");
  EXPECT_THAT(series[0].seconds, ElementsAre(1));
  EXPECT_THAT(series[1].seconds, ElementsAre(2, 2, 2));
}

}  // namespace
}  // namespace placer
