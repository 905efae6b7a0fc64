#include "placer/base/units.h"

#include <limits>

#include <gtest/gtest.h>

#include "placer/base/error.h"

namespace placer {
namespace {

TEST(SimTime, RoundsUpOnceToWholePicoseconds) {
  EXPECT_EQ(from_microseconds(1.5).ps, 1'500'000);
  EXPECT_EQ(from_seconds(1e-13).ps, 1);
  EXPECT_EQ(from_seconds(0).ps, 0);
}

TEST(SimTime, RefusesWhatIsNoTime) {
  EXPECT_THROW((void)from_seconds(-1), LogicError);
  EXPECT_THROW((void)from_seconds(1e9), LogicError);
  EXPECT_THROW((void)from_seconds(std::numeric_limits<double>::quiet_NaN()), LogicError);
}

TEST(SimTime, PrintsInAReadableUnit) {
  EXPECT_EQ(to_string(SimTime{1'234'000'000'000}), "1.234 s");
  EXPECT_EQ(to_string(SimTime{12'345'000'000}), "12.35 ms");
  EXPECT_EQ(to_string(SimTime{1'500'000}), "1.50 us");
}

TEST(Bytes, ReadsBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_bytes("4096")->count, 4096);
  EXPECT_EQ(parse_bytes("1.5 GiB")->count, 1'610'612'736);
  EXPECT_EQ(parse_bytes("10GB")->count, 10'000'000'000);
  EXPECT_EQ(parse_bytes("512mib")->count, 536'870'912);
}

TEST(Bytes, RefusesOtherText) {
  for (const char* text : {"", "x", "-1", "1 parsec", "1e30", "nan", "10GiBx"}) {
    EXPECT_FALSE(parse_bytes(text).has_value()) << text;
  }
}

TEST(Bytes, PrintsInAReadableUnit) {
  EXPECT_EQ(to_string(Bytes{17}), "17 B");
  EXPECT_EQ(to_string(Bytes{1'610'612'736}), "1.50 GiB");
  EXPECT_EQ(to_string(Bytes{319'488}), "312.0 KiB");
}

}  // namespace
}  // namespace placer
