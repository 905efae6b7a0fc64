#include "policy/checkpoint_file.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "tests/support/older_checkpoint.h"

namespace placer::policy {
namespace {

class CheckpointFile : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) / (std::string("checkpoint_") + test->name());
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }

  void write_raw(const std::string& content) const {
    std::ofstream(path_, std::ios::binary) << content;
  }

  // The error's text, or "accepted".
  [[nodiscard]] std::string refusal() const {
    try {
      static_cast<void>(read_checkpoint(path_));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      return error.what();
    }
    return "accepted";
  }

  std::filesystem::path path_;
};

Checkpoint example() {
  Checkpoint checkpoint;
  checkpoint.identity = {.algorithm = "colocrl",
                         .graph_hash = "graph",
                         .cluster_hash = "cluster",
                         .constraints_hash = "constraints",
                         .evaluator = "simulated",
                         .seed = 0xFFFFFFFFFFFFFFFFU,
                         .settings = {{"k", "8"}, {"checkpoint_updates", "100"}}};
  checkpoint.state.updates = 17;
  checkpoint.state.baseline = {.started = true, .value = -0.1 - 0.2, .mean_square = 1e-300};
  checkpoint.state.round_number = 2;
  checkpoint.state.round = {
      .start = 0.3,
      .updates = 11,
      .stale = 5,
      .best = 130'000'000'000,
      .elites = {{130'000'000'000,
                  {.placement = {.device = {DeviceId{0}, DeviceId{1}}, .priority = {}},
                   .latent = {3, -1}}}}};
  checkpoint.state.kept = -0.7;
  checkpoint.state.reward = {.score_unit = 1234, .slowest = 5.5};
  checkpoint.state.safeguard = SafeguardState{
      .rollbacks = 3, .since = 7, .norms = {0.1, 2e-300}, .entropy = 0.3, .failed = 1};
  SearchResult& result = checkpoint.state.result;
  result.evaluations = 136;
  result.seconds = 1.25;
  result.best = Placement{.device = {DeviceId{1}, DeviceId{0}}, .priority = {}};
  result.outcome.step_time = {123'456'789'012};
  result.outcome.score = 77;
  result.outcome.peak_memory = {{5}, {7}};
  result.outcome.busy = {{8}, {9}};
  result.outcome.timed_steps = {{123'456'789'012}, {123'456'789'013}};
  result.timed_steps = 17;
  result.history = {{8, 0.5, {200'000'000'000}}, {64, 0.75, {123'456'789'012}}};
  checkpoint.blobs = {
      {.name = "a", .dtype = "float32", .shape = {2, 3}, .bytes = "abcdefghijklmnopqrstuvwx"},
      {.name = "b", .dtype = "float64", .shape = {}, .bytes = "12345678"}};
  return checkpoint;
}

TEST_F(CheckpointFile, ReadsBackWhatWasWritten) {
  const Checkpoint written = example();
  write_checkpoint(path_, written);
  const Checkpoint read = read_checkpoint(path_);
  EXPECT_EQ(read.identity.seed, written.identity.seed);
  EXPECT_EQ(read.identity.settings, written.identity.settings);
  EXPECT_NO_THROW(require_same_search(path_, read.identity, written.identity));
  EXPECT_EQ(read.state.updates, 17U);
  EXPECT_EQ(read.state.baseline, written.state.baseline);
  EXPECT_EQ(read.state.round_number, 2U);
  EXPECT_EQ(read.state.round, written.state.round);
  EXPECT_EQ(read.state.kept, written.state.kept);
  EXPECT_EQ(read.state.reward, written.state.reward);
  EXPECT_EQ(read.state.safeguard, written.state.safeguard);
  const SearchResult& result = read.state.result;
  EXPECT_EQ(result.evaluations, 136U);
  EXPECT_EQ(result.seconds, 1.25);
  EXPECT_EQ(result.best, written.state.result.best);
  EXPECT_EQ(result.outcome.step_time, written.state.result.outcome.step_time);
  EXPECT_EQ(result.outcome.score, 77);
  EXPECT_EQ(result.outcome.peak_memory, written.state.result.outcome.peak_memory);
  EXPECT_EQ(result.outcome.busy, written.state.result.outcome.busy);
  EXPECT_EQ(result.outcome.timed_steps, written.state.result.outcome.timed_steps);
  EXPECT_EQ(result.timed_steps, 17U);
  ASSERT_EQ(result.history.size(), 2U);
  EXPECT_EQ(result.history[1].evaluations, 64U);
  EXPECT_EQ(result.history[1].best, (SimTime{123'456'789'012}));
  EXPECT_EQ(read.blobs, written.blobs);
}

TEST_F(CheckpointFile, SearchWithoutAFeasiblePlacementReadsBack) {
  Checkpoint written = example();
  written.state.result.best.reset();
  written.state.result.outcome.infeasible = Infeasible{.reason = InfeasibleReason::kOutOfMemory,
                                                       .device = DeviceId{1},
                                                       .node = NodeId{3},
                                                       .missing = {42},
                                                       .text = "device 1 is short"};
  write_checkpoint(path_, written);
  const SearchResult result = read_checkpoint(path_).state.result;
  EXPECT_FALSE(result.best.has_value());
  ASSERT_TRUE(result.outcome.infeasible.has_value());
  EXPECT_EQ(result.outcome.infeasible->reason, InfeasibleReason::kOutOfMemory);
  EXPECT_EQ(result.outcome.infeasible->device, DeviceId{1});
  EXPECT_EQ(result.outcome.infeasible->node, NodeId{3});
  EXPECT_EQ(result.outcome.infeasible->missing, (Bytes{42}));
}

TEST_F(CheckpointFile, EveryTruncationIsRefused) {
  write_checkpoint(path_, example());
  const std::string content = read_file(path_);
  for (std::size_t length = 0; length < content.size(); ++length) {
    write_raw(content.substr(0, length));
    EXPECT_NE(refusal(), "accepted") << "first " << length << " of " << content.size() << " bytes";
  }
  write_raw(content + "x");
  EXPECT_THAT(refusal(), testing::HasSubstr("bytes after the last tensor"));
}

TEST_F(CheckpointFile, EveryFlippedBitIsRefused) {
  write_checkpoint(path_, example());
  const std::string content = read_file(path_);
  for (std::size_t byte = 0; byte < content.size(); ++byte) {
    std::string damaged = content;
    damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << (byte % 8)));
    write_raw(damaged);
    EXPECT_NE(refusal(), "accepted") << "byte " << byte;
  }
}

TEST_F(CheckpointFile, ForeignFilesAreRefusedByName) {
  write_raw("{\"format\": \"placer.graph\", \"version\": 1}");
  EXPECT_THAT(refusal(), testing::AllOf(testing::HasSubstr(path_.string()),
                                        testing::HasSubstr("not a policy checkpoint")));
}

TEST_F(CheckpointFile, OlderVersionsAreRefusedWithTheirNumber) {
  write_checkpoint(path_, example());
  write_raw(test::as_version_1(read_file(path_)));
  EXPECT_THAT(refusal(), testing::HasSubstr("version: 1 where this placer reads 2"));
}

TEST_F(CheckpointFile, MissingFileIsRefused) {
  EXPECT_NE(refusal(), "accepted");
}

TEST(SearchIdentity, DifferencesAreNamedAndCheckpointIntervalsMayDiffer) {
  const SearchIdentity saved = example().identity;
  SearchIdentity current = saved;
  current.settings[1].second = "5";
  EXPECT_NO_THROW(require_same_search("file", saved, current));
  current.settings.pop_back();
  current.settings.emplace_back("checkpoint_seconds", "30");
  EXPECT_NO_THROW(require_same_search("file", saved, current));
  current.settings[0].first = "other";
  EXPECT_THROW(require_same_search("file", saved, current), Error);
  current.settings.erase(current.settings.begin());  // one that it had and that is no more
  EXPECT_THROW(require_same_search("file", saved, current), Error);
  current.settings = saved.settings;
  current.settings[0].second = "9";
  try {
    require_same_search("file", saved, current);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_EQ(error.where(), "search.parameters.k");
  }
  current = saved;
  current.algorithm = "ppo";
  EXPECT_THROW(require_same_search("file", saved, current), Error);
  current = saved;
  current.graph_hash = "another";
  EXPECT_THROW(require_same_search("file", saved, current), Error);
}

TEST(SearchIdentity, ConstraintsHashDependsOnEveryField) {
  const Constraints base{
      .allowed = {3, 3}, .memory_limit = {{10}}, .unit_of = {0, 1}, .num_units = 2};
  Constraints changed = base;
  changed.allowed[1] = 1;
  EXPECT_NE(hash_of(base), hash_of(changed));
  changed = base;
  changed.memory_limit[0] = {11};
  EXPECT_NE(hash_of(base), hash_of(changed));
  changed = base;
  changed.unit_of = {0, 0};
  EXPECT_NE(hash_of(base), hash_of(changed));
}

}  // namespace
}  // namespace placer::policy
