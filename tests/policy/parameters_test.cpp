#include "policy/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "placer/base/error.h"
#include "placer/base/files.h"

namespace placer::policy {
namespace {

using Given = std::vector<std::pair<std::string, std::string>>;

struct Example {
  Example() {
    describe(settings, sequence);
    describe(settings, training);
    describe_refining(settings, training);
  }
  explicit Example(const Given& given) : Example() { settings.read(given); }

  SequenceParameters sequence;
  TrainingParameters training;
  Settings settings{"colocrl"};
};

std::string refusal(const Given& given) {
  try {
    const Example example(given);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "accepted";
}

TEST(Settings, ReplaceDefaultsAndLeaveTheRest) {
  const Example example(Given{{"hidden", "32"},
                              {"lr", "2.5e-4"},
                              {"warm_start", "on"},
                              {"reward", "seconds"},
                              {"loss", "ppo"}});
  SequenceParameters sequence;
  sequence.hidden = 32;
  EXPECT_EQ(example.sequence, sequence);
  TrainingParameters training;
  training.lr = 2.5e-4;
  training.warm_start = true;
  training.reward = RewardScale::kSeconds;
  training.loss = Loss::kPpo;
  EXPECT_EQ(example.training, training);
}

TEST(Settings, ListReadsBack) {
  Example example;
  example.training.lr = 0.1 + 0.2;  // needs 17 digits
  example.sequence.bidirectional = false;
  example.training.k = 31;
  example.training.policy = "some file";
  example.training.reward = RewardScale::kSeconds;
  example.training.baseline = BaselineKind::kBatch;
  const Example again(example.settings.list());
  EXPECT_EQ(again.training, example.training);
  EXPECT_EQ(again.sequence, example.sequence);
}

TEST(Settings, UnknownNameNamesTheNearest) {
  EXPECT_THAT(refusal({{"hiden", "32"}}), testing::HasSubstr("did you mean \"hidden\"?"));
}

TEST(Settings, ValuesOutOfRangeAndMalformedOnesAreRefusedWithTheRange) {
  EXPECT_THAT(refusal({{"k", "0"}}),
              testing::HasSubstr("k=0: expected a whole number from 1 to 4096"));
  EXPECT_THAT(refusal({{"lr", "fast"}}), testing::HasSubstr("lr=fast: expected a number"));
  EXPECT_THAT(refusal({{"lr", "nan"}}), testing::HasSubstr("expected a number"));
  EXPECT_THAT(refusal({{"hidden", "64x"}}), testing::HasSubstr("expected a whole number"));
  EXPECT_THAT(refusal({{"warm_start", "maybe"}}), testing::HasSubstr("expected on or off"));
  EXPECT_THAT(refusal({{"reward", "minutes"}}), testing::HasSubstr("expected relative or seconds"));
}

TEST(Settings, OneGivenTwiceIsRefused) {
  EXPECT_THAT(refusal({{"k", "4"}, {"k", "8"}}), testing::HasSubstr("given twice"));
}

TEST(Settings, DocumentListsEveryOneWithItsDefault) {
  const std::string page = read_file(std::string(PLACER_SOURCE_ROOT) + "/docs/colocrl.md");
  for (const auto& [name, value] : Example().settings.list()) {
    const std::string row = "| `" + name + "` | " + (value.empty() ? "(none)" : value) + " |";
    EXPECT_THAT(page, testing::HasSubstr(row));
  }
}

}  // namespace
}  // namespace placer::policy
