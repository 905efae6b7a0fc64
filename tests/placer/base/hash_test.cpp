#include "placer/base/hash.h"

#include <gtest/gtest.h>

namespace placer {
namespace {

TEST(Hash, SeparatesFields) {
  EXPECT_NE(Hasher().add("ab").add("c").digest(), Hasher().add("a").add("bc").digest());
  EXPECT_NE(hash_text("a"), hash_text("b"));
}

TEST(Hash, DependsOnContentAlone) {
  EXPECT_EQ(Hasher().add("x").add(std::int64_t{7}).digest(),
            Hasher().add(std::string("x")).add(std::int64_t{7}).digest());
  EXPECT_EQ(hash_text("graph").size(), std::string("xxh3:").size() + 32);
}

}  // namespace
}  // namespace placer
