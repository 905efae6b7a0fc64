#include "placer/formats/json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "placer/base/error.h"

namespace placer {
namespace {

template <typename T>
void append_chars(std::string& out, T value) {
  std::array<char, 40> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out.append(buffer.data(), result.ptr);
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c >= ' ' && c < '\x7F' && c != '"' && c != '\\';
  });
  if (plain) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  try {
    out += nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    PLACER_CHECK(false, "a text that is written must be UTF-8");
  }
}

void append_integer(std::string& out, std::int64_t value) {
  append_chars(out, value);
}
void append_unsigned(std::string& out, std::uint64_t value) {
  append_chars(out, value);
}

void append_number(std::string& out, double value) {
  PLACER_CHECK(std::isfinite(value), "JSON has no infinite numbers");
  if (value == 0 && std::signbit(value)) {
    out += "-0.0";  // "-0" would read back as the integer 0
    return;
  }
  const std::size_t start = out.size();
  append_chars(out, value);
  constexpr double kLargestInteger = 9223372036854775807.0;
  if (std::abs(value) >= kLargestInteger && out.find('e', start) == std::string::npos) {
    out += ".0";  // readers refuse integers beyond 64 bits
  }
}

void append_decimal(std::string& out, double value) {
  const std::size_t start = out.size();
  append_number(out, value);
  if (out.find_first_of(".e", start) == std::string::npos) {
    out += ".0";
  }
}

void append_microseconds(std::string& out, SimTime time) {
  constexpr std::int64_t kPerMicrosecond = 1'000'000;
  PLACER_CHECK(time.ps >= 0, "times are not negative");
  append_integer(out, time.ps / kPerMicrosecond);
  if (std::int64_t rest = time.ps % kPerMicrosecond; rest != 0) {
    std::string digits = std::to_string(rest + kPerMicrosecond);  // a leading 1 keeps the zeros
    digits[0] = '.';
    digits.erase(digits.find_last_not_of('0') + 1);
    out += digits;
  }
}

SimTime microseconds_spelled(std::string_view spelling, double value) {
  const std::size_t point = spelling.find('.');
  if (point == std::string_view::npos || spelling.find_first_of("eE") != std::string_view::npos) {
    return from_microseconds(value);
  }
  std::int64_t ps = 0;
  std::from_chars(spelling.data(), spelling.data() + point, ps);
  const std::string_view digits = spelling.substr(point + 1);
  for (std::size_t i = 0; i < 6; ++i) {
    ps = ps * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  }
  if (digits.find_first_not_of('0', std::min<std::size_t>(6, digits.size())) !=
      std::string_view::npos) {
    ++ps;
  }
  return {std::min(ps, kMaxSimTime.ps)};
}

std::string& JsonMembers::next(std::string_view key) {
  if (!first_) {
    out_ += separator_;
  }
  first_ = false;
  append_quoted(out_, key);
  return out_ += ": ";
}

}  // namespace placer
