#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "placer/algorithm/algorithm.h"
#include "placer/base/error.h"

namespace placer {
namespace {

TEST(AlgorithmRegistry, FindsByNameAndSuggests) {
  AlgorithmRegistry registry;
  register_baselines(registry);
  for (const char* name : {"random", "round-robin", "expert", "heft", "hill-climb"}) {
    EXPECT_EQ(registry.find(name).name, name);
    EXPECT_FALSE(registry.find(name).description.empty());
  }
  try {
    (void)registry.find("hill-clim");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("did you mean \"hill-climb\"?"));
  }
}

TEST(AlgorithmRegistry, ANameIsTakenOnce) {
  AlgorithmRegistry registry;
  register_baselines(registry);
  EXPECT_THROW(registry.add({"heft", "", false, nullptr}), LogicError);
}

TEST(AlgorithmRegistry, RefusesMoreThanAnAlgorithmTakes) {
  AlgorithmRegistry registry;
  registry.add({.name = "small", .description = "", .make = nullptr, .most_units = 5});
  registry.require_fitting("small", 5);
  try {
    registry.require_fitting("small", 6);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("small takes at most 5 nodes or groups, not 6"));
  }
}

}  // namespace
}  // namespace placer
