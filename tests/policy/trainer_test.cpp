#include "policy/trainer.h"

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "policy/blobs.h"
#include "policy/checkpoint_file.h"
#include "policy/post.h"
#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestProblem;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Fate {
  double weight = 1;  // what the lesson adds to it
  LessonReport report{.applied = true, .loss = 1, .entropy = 0.5, .grad_norm = 0.1};
};
// Of a lesson, by its number; nothing: an ordinary one.
using Script = std::function<std::optional<Fate>(std::uint64_t lesson)>;

constexpr double kUndrawable = 1e9;  // a finite weight, from which nothing can be drawn

// Its one weight counts its lessons; one more in the optimizer does so too. What it draws depends
// on the weight.
class CountingLearner : public Learner {
 public:
  CountingLearner(const Problem& problem, Script script)
      : nodes_(problem.costs.graph().size()), script_(std::move(script)) {}

  std::vector<Proposal> sample(std::span<Rng> rngs) override {
    EXPECT_TRUE(std::isfinite(weight_)) << "drawn from a policy that is none";
    if (weight_ >= kUndrawable) throw UndrawableWeights("not finite");
    std::vector<Proposal> proposals;
    for (Rng& rng : rngs) {
      Proposal proposal;
      for (std::size_t v = 0; v < nodes_; ++v) {
        const std::uint64_t draw = rng.below(2) + static_cast<std::uint64_t>(weight_);
        proposal.placement.device.push_back(id_at<DeviceId>(draw % 2));
      }
      proposals.push_back(std::move(proposal));
    }
    return proposals;
  }

  LessonReport teach(const Lesson& /*lesson*/) override {
    const Fate fate = script_(lessons_++).value_or(Fate{});
    weight_ += fate.weight;
    moment_ += fate.weight;
    return fate.report;
  }

  std::optional<Proposal> proposal_of(const Placement& /*placement*/) const override { return {}; }
  LessonReport imitate(std::span<const Proposal> /*proposals*/, double /*enough*/) override {
    return {};
  }
  void reset(std::uint64_t /*seed*/, std::uint64_t /*round*/) override { weight_ = moment_ = 0; }
  std::vector<Blob> weights() const override { return {to_blob("weight", {1}, {&weight_, 1})}; }
  std::vector<Blob> optimizer_state() const override {
    return {to_blob("moment", {1}, {&moment_, 1})};
  }
  void load_weights(const std::filesystem::path& path, std::span<const Blob> blobs) override {
    weight_ = numbers_of(path, blobs, "weight", {1}).front();
  }
  void load_optimizer_state(const std::filesystem::path& path,
                            std::span<const Blob> blobs) override {
    moment_ = numbers_of(path, blobs, "moment", {1}).front();
  }

 private:
  std::size_t nodes_;
  Script script_;
  double weight_ = 0;
  double moment_ = 0;
  std::uint64_t lessons_ = 0;
};

Method counting(const Script& script) {
  Method method{.name = "counting", .training = {}, .settings = {}, .make = nullptr};
  method.training.k = 4;
  method.training.restart_after = 0;
  method.make = [script](const Problem& problem, std::uint64_t /*seed*/) {
    return std::make_unique<CountingLearner>(problem, script);
  };
  return method;
}

struct Searched {
  SearchResult result;
  std::vector<nlohmann::json> lines;
  SimTime best_seen{std::numeric_limits<std::int64_t>::max()};
};

struct Circumstances {
  std::uint64_t evaluations = 160;
  std::vector<Placement> initial = {};
};

// Of 40 updates.
Searched search(const Method& method, const std::string& checkpoint = "", std::uint64_t kill_at = 0,
                const Circumstances& circumstances = {}) {
  class Watching : public LoadAndCut {
   public:
    Watching(const CostModel& costs, SimTime& best) : LoadAndCut(costs), best_(best) {}
    void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
      LoadAndCut::evaluate(placements, results);
      for (const Outcome& outcome : results) best_ = std::min(best_, outcome.step_time);
    }

   private:
    SimTime& best_;
  };
  const TestProblem problem(test::grid(3, 4, 50, 100), {.devices = 2});
  Searched run;
  Watching evaluator(problem.costs(), run.best_seen);
  SearchOptions options;
  options.budget.evaluations = circumstances.evaluations;
  options.initial = circumstances.initial;
  options.checkpoint = checkpoint;
  options.metrics = [&](const std::string& line) {
    run.lines.push_back(nlohmann::json::parse(line));
    run.lines.back().erase("wall_time");
    if (run.lines.back().at("step") == kill_at) throw std::runtime_error("killed");
  };
  run.result = train(problem.with(evaluator), options, method);
  return run;
}

Script at_lesson(std::uint64_t when, const Fate& fate) {
  return [=](std::uint64_t lesson) { return lesson == when ? std::optional(fate) : std::nullopt; };
}

class Explosion : public testing::TestWithParam<Fate> {};

// The learner counts its lessons from 0. Copies are taken when lessons 10 and 20 prove the weights
// before them good, so the one that explodes, the 26th, is followed by 21 and 14 more up to the
// 40th update; of those that are found out by their own report the weight before them was in doubt
// too.
TEST_P(Explosion, IsUndoneAndReportedAndTheSearchGoesOn) {
  // One a process: kinds of explosion are tested side by side.
  const std::string path = testing::TempDir() + "explosion_" + std::to_string(getpid());
  std::filesystem::remove(path);
  const Searched run = search(counting(at_lesson(25, GetParam())), path);
  EXPECT_EQ(run.result.evaluations, 160U);
  EXPECT_EQ(run.result.best.value().device.size(), 12U);
  EXPECT_EQ(run.result.outcome.step_time, run.best_seen);
  EXPECT_EQ(run.lines.at(24).at("rollbacks"), 0);
  EXPECT_EQ(run.lines.back().at("rollbacks"), 1);
  EXPECT_THAT(run.result.trouble, testing::HasSubstr("put back 1 time in 40 updates"));
  const Checkpoint end = read_checkpoint(path);
  EXPECT_EQ(numbers_of(path, end.blobs, "weight", {1}).front(), 20 + 14);
  EXPECT_EQ(numbers_of(path, end.blobs, "moment", {1}).front(), 20 + 14);
  std::filesystem::remove(path);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Explosion,
    testing::Values(
        Fate{.weight = kNan}, Fate{.weight = kUndrawable},
        Fate{.report = {.applied = false, .loss = kNan, .entropy = 0.5, .grad_norm = 0.1}},
        Fate{.report = {.applied = true, .loss = 1, .entropy = kNan, .grad_norm = 0.1}},
        Fate{.report = {.applied = true, .loss = 1, .entropy = 0.5, .grad_norm = HUGE_VAL}},
        Fate{.report = {.applied = true, .loss = 1, .entropy = 0.5, .grad_norm = 2e4}},
        Fate{.report = {.applied = true, .loss = 1, .entropy = 0, .grad_norm = 0.1}}));

// A long gradient is no explosion while it is new to the policy, a certain policy none if it became
// so step by step.
TEST(Trainer, OrdinaryLessonsAreKept) {
  const Searched early = search(counting(at_lesson(
      5, Fate{.report = {.applied = true, .loss = 1, .entropy = 0.5, .grad_norm = 2e4}})));
  EXPECT_EQ(early.lines.back().at("rollbacks"), 0);
  EXPECT_EQ(early.result.trouble, "");
  const Searched certain = search(counting([](std::uint64_t lesson) {
    Fate fate;
    fate.report.entropy = std::pow(0.1, static_cast<double>(lesson));
    return std::optional(fate);
  }));
  EXPECT_EQ(certain.lines.back().at("rollbacks"), 0);
}

TEST(Trainer, LessonsThatNeverAreGoodEndTheSearch) {
  const Searched run = search(counting([](std::uint64_t lesson) {
    return lesson < 3 ? std::nullopt
                      : std::optional(Fate{.weight = 0, .report = {.applied = false}});
  }));
  EXPECT_EQ(run.result.evaluations, 13U * 4);
  EXPECT_TRUE(run.result.best.has_value());
  EXPECT_THAT(run.result.trouble, testing::HasSubstr("in 10 updates in a row"));
  EXPECT_EQ(run.lines.back().at("rollbacks"), 1);  // to the weights that it began with
}

TEST(Trainer, PolicyThatGivesNoProbabilitiesFromTheStartEndsTheSearch) {
  const Method good = counting([](std::uint64_t) { return std::nullopt; });
  Method bad = good;
  bad.make = [&](const Problem& problem, std::uint64_t seed) {
    auto learner = good.make(problem, seed);
    const double weight = kUndrawable;
    learner->load_weights("", std::vector{to_blob("weight", {1}, {&weight, 1})});
    return learner;
  };
  const Searched run = search(bad);
  EXPECT_EQ(run.result.evaluations, 0U);
  EXPECT_THAT(run.result.trouble, testing::HasSubstr("not finite"));
}

// Explodes in lesson 25 and, since a new process counts anew, the resumed one in the same update.
TEST(Trainer, ResumedSearchUndoesWhatTheOneNeverKilledDid) {
  const std::string path = testing::TempDir() + "undone";
  const Fate fate{.report = {.applied = true, .loss = 1, .entropy = 0, .grad_norm = 0.1}};
  std::filesystem::remove(path);
  Method whole = counting(at_lesson(25, fate));
  const Searched expected = search(whole, path);
  const Checkpoint end = read_checkpoint(path);
  for (const std::uint64_t saved : {std::uint64_t{13}, std::uint64_t{24}}) {
    std::filesystem::remove(path);
    Method first = whole;
    first.training.checkpoint_updates = static_cast<std::int64_t>(saved);
    EXPECT_THROW(static_cast<void>(search(first, path, saved + 1)), std::runtime_error);
    Method second = counting(at_lesson(25 - saved, fate));
    const Searched rest = search(second, path);
    EXPECT_EQ(rest.result.best, expected.result.best);
    EXPECT_EQ(rest.result.trouble, expected.result.trouble);
    for (std::size_t i = 0; i < rest.lines.size(); ++i) {
      EXPECT_EQ(rest.lines[i], expected.lines[saved + i]);
    }
    const Checkpoint resumed = read_checkpoint(path);
    EXPECT_EQ(resumed.blobs, end.blobs) << saved;
    EXPECT_EQ(resumed.state.safeguard, end.state.safeguard);
  }
  std::filesystem::remove(path);
}

// Before anything was drawn that is better.
TEST(Trainer, ExamplesAreImitatedFromTheFirstUpdateOnAndCostNothing) {
  class Pupil : public CountingLearner {
   public:
    Pupil(const Problem& problem, std::vector<Placement>& imitated)
        : CountingLearner(problem, [](std::uint64_t) { return std::nullopt; }),
          imitated_(imitated) {}
    LessonReport teach(const Lesson& lesson) override {
      imitated_.push_back(lesson.elites.at(0).placement);
      return CountingLearner::teach(lesson);
    }

   private:
    std::vector<Placement>& imitated_;
  };
  std::vector<Placement> imitated;
  Method method = counting(nullptr);
  method.make = [&](const Problem& problem, std::uint64_t /*seed*/) {
    return std::make_unique<Pupil>(problem, imitated);
  };
  // Two rows of the grid on either device: no cut but the one between them, hardly met by chance.
  Placement example;
  for (int v = 0; v < 12; ++v) example.device.push_back(id_at<DeviceId>(v < 6 ? 0U : 1U));
  method.examples = {{.placement = example, .latent = {}}};
  const Searched run = search(method);
  EXPECT_EQ(imitated.front(), example);
  EXPECT_EQ(run.result.evaluations, 160U);
}

// Begins in two ways: all ops on one device, and spread over both. Writes down what was asked of it.
class TwoWays : public CountingLearner {
 public:
  struct Entry {
    std::string what;
    std::uint64_t round = 0;
    std::size_t elites = 0;

    bool operator==(const Entry&) const = default;
  };
  using Log = std::vector<Entry>;

  TwoWays(const Problem& problem, std::uint64_t spread, Log& log)
      : CountingLearner(problem, [](std::uint64_t) { return Fate{.weight = 0}; }),
        spread_(spread),
        log_(log) {}

  std::vector<Proposal> sample(std::span<Rng> rngs) override {
    log_.push_back({"sample", round_});
    std::vector<Proposal> proposals = CountingLearner::sample(rngs);
    for (Proposal& proposal : proposals) {
      for (DeviceId& device : proposal.placement.device) {
        device = round_ % 2 == spread_ ? device : DeviceId{};
      }
    }
    return proposals;
  }
  LessonReport teach(const Lesson& lesson) override {
    log_.push_back({"teach", round_, lesson.elites.size()});
    return CountingLearner::teach(lesson);
  }
  std::optional<Proposal> proposal_of(const Placement& placement) const override {
    return Proposal{.placement = placement, .latent = {}};
  }
  void reset(std::uint64_t seed, std::uint64_t round) override {
    CountingLearner::reset(seed, round);
    round_ = round;
  }
  std::uint64_t ways_to_begin() const override { return 2; }

 private:
  std::uint64_t spread_;
  Log& log_;
  std::uint64_t round_ = 0;
};

Method two_ways(std::uint64_t spread, TwoWays::Log& log) {
  Method method = counting(nullptr);
  method.training.elites = 8;
  method.make = [&log, spread](const Problem& problem, std::uint64_t /*seed*/) {
    return std::make_unique<TwoWays>(problem, spread, log);
  };
  return method;
}

// Four samples of each, then updates of four: 160 evaluations are 38 of these. What was drawn to try
// the chosen way is among what its first update imitates.
TEST(Trainer, GoesOnFromTheWayToBeginWhoseSamplesAreBest) {
  for (const std::uint64_t spread : {std::uint64_t{0}, std::uint64_t{1}}) {
    const std::string path = testing::TempDir() + "ways";
    std::filesystem::remove(path);
    TwoWays::Log log;
    const Searched run = search(two_ways(spread, log), path);
    EXPECT_EQ(run.result.evaluations, 160U);
    ASSERT_EQ(log.size(), 2U + 2 * 38);
    EXPECT_EQ(log[0], (TwoWays::Entry{"sample", 0}));
    EXPECT_EQ(log[1], (TwoWays::Entry{"sample", 1}));
    EXPECT_EQ(log[3], (TwoWays::Entry{"teach", spread, 8}));
    for (std::size_t i = 2; i < log.size(); ++i) {
      EXPECT_EQ(log[i].what, i % 2 == 0 ? "sample" : "teach");
      EXPECT_EQ(log[i].round, spread);
    }
    EXPECT_EQ(read_checkpoint(path).state.round_number, spread);
    std::filesystem::remove(path);
  }
}

TEST(Trainer, WaysThatAreEquallyGoodLeaveTheFirst) {
  TwoWays::Log log;
  static_cast<void>(search(two_ways(/*spread=*/2, log)));  // neither
  EXPECT_EQ(log.back().round, 0U);
}

TEST(Trainer, RestartsTakeTurnsFromTheWayThatWasChosen) {
  TwoWays::Log log;
  Method method = two_ways(1, log);
  method.training.restart_after = 5;
  static_cast<void>(search(method));
  std::vector<std::uint64_t> rounds;
  for (const TwoWays::Entry& entry : log) {
    if (entry.what == "teach" && (rounds.empty() || rounds.back() != entry.round)) {
      rounds.push_back(entry.round);
    }
  }
  ASSERT_GE(rounds.size(), 2U);
  EXPECT_EQ(rounds[0], 1U);
  EXPECT_EQ(rounds[1], 2U);
}

// Nothing is known of the second way yet: a longer budget begins anew.
TEST(Trainer, BudgetTooShortToChooseLeavesNothingToGoOnFrom) {
  const std::string path = testing::TempDir() + "too_short";
  std::filesystem::remove(path);
  TwoWays::Log log;
  const Searched whole = search(two_ways(1, log));
  for (const std::uint64_t evaluations : {0U, 4U, 6U}) {
    const Searched part = search(two_ways(1, log), path, 0, {.evaluations = evaluations});
    EXPECT_EQ(part.result.evaluations, evaluations);
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  const Searched rest = search(two_ways(1, log), path);
  EXPECT_EQ(rest.result.best, whole.result.best);
  EXPECT_EQ(rest.result.evaluations, whole.result.evaluations);
  std::filesystem::remove(path);
}

// A policy's weights are no fresh ones; what was imitated is better than what is drawn untaught.
TEST(Trainer, NothingIsChosenWithAPolicyOrAfterAWarmStart) {
  const std::string path = testing::TempDir() + "given_policy";
  std::filesystem::remove(path);
  TwoWays::Log log;
  static_cast<void>(search(two_ways(1, log), path));
  const Placement given{.device = std::vector<DeviceId>(12), .priority = {}};
  Method taught = two_ways(1, log);
  taught.training.policy = path;
  Method warm = two_ways(1, log);
  warm.training.warm_start = true;
  log.clear();
  static_cast<void>(search(taught));
  static_cast<void>(search(warm, "", 0, {.initial = {given}}));
  for (const TwoWays::Entry& entry : log) EXPECT_EQ(entry.round, 0U) << entry.what;
  // Where there is nothing to imitate.
  log.clear();
  static_cast<void>(search(warm));
  EXPECT_EQ(log.back().round, 1U);
  std::filesystem::remove(path);
}

TEST(Trainer, LearnerWithoutAValueHasNoValueBaseline) {
  Method method = counting([](std::uint64_t) { return std::nullopt; });
  method.training.baseline = BaselineKind::kValue;
  try {
    static_cast<void>(search(method));
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), testing::HasSubstr("counting learns no value: its baseline is"));
  }
}

TEST(Trainer, PolicyThatLearnsIsLeftAlone) {
  const TestProblem problem(test::grid(3, 4, 50, 100), {.devices = 2});
  const PostMethod post = post_defaults();
  const Searched run = search(
      {.name = "post",
       .training = post.training,
       .settings = {},
       .make = [&](const Problem& of, std::uint64_t) { return make_post_learner(of, post); }});
  EXPECT_EQ(run.lines.back().at("rollbacks"), 0);
  EXPECT_EQ(run.result.trouble, "");
}

}  // namespace
}  // namespace placer::policy
