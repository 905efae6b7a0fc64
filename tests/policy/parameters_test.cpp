#include "policy/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "placer/base/error.h"
#include "placer/base/files.h"

namespace placer::policy {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

std::string refusal(const Settings& settings) {
  try {
    static_cast<void>(parse_parameters(settings));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "accepted";
}

TEST(ColocrlParameters, SettingsReplaceDefaultsAndLeaveTheRest) {
  const Settings settings = {
      {"hidden", "32"}, {"lr", "2.5e-4"}, {"warm_start", "on"}, {"reward", "seconds"}};
  ColocrlParameters expected;
  expected.hidden = 32;
  expected.lr = 2.5e-4;
  expected.warm_start = true;
  expected.reward = RewardScale::kSeconds;
  EXPECT_EQ(parse_parameters(settings), expected);
}

TEST(ColocrlParameters, EverySettingReadsBack) {
  ColocrlParameters parameters;
  parameters.lr = 0.1 + 0.2;  // needs 17 digits
  parameters.bidirectional = false;
  parameters.k = 31;
  parameters.policy = "some file";
  parameters.reward = RewardScale::kSeconds;
  EXPECT_EQ(parse_parameters(to_settings(parameters)), parameters);
}

TEST(ColocrlParameters, UnknownNameNamesTheNearest) {
  EXPECT_THAT(refusal({{"hiden", "32"}}), testing::HasSubstr("did you mean \"hidden\"?"));
}

TEST(ColocrlParameters, ValuesOutOfRangeAndMalformedOnesAreRefusedWithTheRange) {
  EXPECT_THAT(refusal({{"k", "0"}}),
              testing::HasSubstr("k=0: expected a whole number from 1 to 4096"));
  EXPECT_THAT(refusal({{"lr", "fast"}}), testing::HasSubstr("lr=fast: expected a number"));
  EXPECT_THAT(refusal({{"lr", "nan"}}), testing::HasSubstr("expected a number"));
  EXPECT_THAT(refusal({{"hidden", "64x"}}), testing::HasSubstr("expected a whole number"));
  EXPECT_THAT(refusal({{"warm_start", "maybe"}}), testing::HasSubstr("expected on or off"));
  EXPECT_THAT(refusal({{"reward", "minutes"}}), testing::HasSubstr("expected relative or seconds"));
}

TEST(ColocrlParameters, SettingOneTwiceIsRefused) {
  EXPECT_THAT(refusal({{"k", "4"}, {"k", "8"}}), testing::HasSubstr("given twice"));
}

TEST(ColocrlParameters, DocumentListsEveryParameterWithItsDefault) {
  const std::string page = read_file(std::string(PLACER_SOURCE_ROOT) + "/docs/colocrl.md");
  for (const auto& [name, value] : to_settings(ColocrlParameters{})) {
    const std::string row = "| `" + name + "` | " + (value.empty() ? "(none)" : value) + " |";
    EXPECT_THAT(page, testing::HasSubstr(row));
  }
}

}  // namespace
}  // namespace placer::policy
