#include "placer/algorithm/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "placer/base/error.h"

namespace placer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Given = std::vector<std::pair<std::string, std::string>>;

std::string error_of(const Given& given) {
  try {
    Parameters parameters("climb", given);
    (void)parameters.integer("batch", 8, 1, 100);
    (void)parameters.number("kick", 0.5, 0, 1);
    parameters.check();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "";
}

TEST(Parameters, GivenOnesReplaceDefaults) {
  const Given given{{"batch", "12"}};
  Parameters parameters("climb", given);
  EXPECT_EQ(parameters.integer("batch", 8, 1, 100), 12);
  EXPECT_EQ(parameters.number("kick", 0.5, 0, 1), 0.5);
  EXPECT_NO_THROW(parameters.check());
}

TEST(Parameters, ErrorsSayWhatWasExpected) {
  EXPECT_THAT(error_of({{"batch", "many"}}), AllOf(HasSubstr("batch=many"), HasSubstr("1 to 100")));
  EXPECT_THAT(error_of({{"batch", "0"}}), HasSubstr("1 to 100"));
  EXPECT_THAT(error_of({{"batch", "1.5"}}), HasSubstr("1 to 100"));
  EXPECT_THAT(error_of({{"kick", "nan"}}), HasSubstr("0 to 1"));
  EXPECT_THAT(error_of({{"batchs", "3"}}),
              AllOf(HasSubstr("no parameter \"batchs\""), HasSubstr("did you mean \"batch\"?")));
  EXPECT_THAT(error_of({{"batch", "3"}, {"batch", "4"}}), HasSubstr("twice"));
  EXPECT_EQ(error_of({{"batch", "3"}, {"kick", "0.25"}}), "");
}

}  // namespace
}  // namespace placer
