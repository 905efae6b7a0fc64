#include "placer/base/units.h"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "placer/base/error.h"

namespace placer {
namespace {

SimTime from_picoseconds(double ps) {
  PLACER_CHECK(ps >= 0 && ps <= static_cast<double>(kMaxSimTime.ps), "time out of range");
  return {static_cast<std::int64_t>(std::ceil(ps))};
}

// The unit behind a size, in bytes; 0 when unknown.
double unit_factor(std::string_view unit) {
  static constexpr std::array<std::pair<std::string_view, double>, 13> kUnits{{
      {"", 1},
      {"b", 1},
      {"kb", 1e3},
      {"mb", 1e6},
      {"gb", 1e9},
      {"tb", 1e12},
      {"kib", 1024.0},
      {"mib", 1048576.0},
      {"gib", 1073741824.0},
      {"tib", 1099511627776.0},
      {"k", 1024.0},
      {"m", 1048576.0},
      {"g", 1073741824.0},
  }};
  std::string lower;
  for (const char c : unit) {
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  for (const auto& [name, factor] : kUnits) {
    if (name == lower) {
      return factor;
    }
  }
  return 0;
}

}  // namespace

SimTime from_microseconds(double microseconds) {
  return from_picoseconds(microseconds * 1e6);
}

SimTime from_seconds(double seconds) {
  return from_picoseconds(seconds * 1e12);
}

std::string to_string(Bytes bytes) {
  static constexpr std::array<const char*, 5> kNames{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes.count);
  std::size_t unit = 0;
  while (std::abs(value) >= 1024 && unit + 1 < kNames.size()) {
    value /= 1024;
    ++unit;
  }
  if (unit == 0) {
    return fmt::format("{} B", bytes.count);
  }
  return fmt::format("{:.{}f} {}", value, std::abs(value) < 10 ? 2 : 1, kNames[unit]);
}

std::string to_string(SimTime time) {
  const double us = time.microseconds();
  const double size = std::abs(us);
  if (size >= 1e6) {
    return fmt::format("{:.3f} s", us * 1e-6);
  }
  if (size >= 1e3) {
    return fmt::format("{:.{}f} ms", us * 1e-3, size >= 1e5 ? 1 : 2);
  }
  return fmt::format("{:.2f} us", us);
}

std::optional<Bytes> parse_bytes(std::string_view text) {
  double value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || !(value >= 0)) {
    return std::nullopt;
  }
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (!unit.empty() && unit.front() == ' ') {
    unit.remove_prefix(1);
  }
  const double factor = unit_factor(unit);
  const double bytes = std::floor(value * factor);
  if (factor == 0 || bytes >= 0x1p62) {
    return std::nullopt;
  }
  return Bytes{static_cast<std::int64_t>(bytes)};
}

}  // namespace placer
