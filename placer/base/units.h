#pragma once

// Quantities whose unit lives in the type: SimTime in whole picoseconds (64 bits reach 106 days),
// Bytes. Floating point ends where a number enters the program: costs are rounded up once, so that
// equal times are real ties and sums do not depend on their order.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace placer {

struct SimTime {
  std::int64_t ps = 0;

  auto operator<=>(const SimTime&) const = default;
  SimTime& operator+=(SimTime other) {
    ps += other.ps;
    return *this;
  }
  friend SimTime operator+(SimTime a, SimTime b) { return {a.ps + b.ps}; }
  friend SimTime operator-(SimTime a, SimTime b) { return {a.ps - b.ps}; }

  [[nodiscard]] double seconds() const { return static_cast<double>(ps) * 1e-12; }
  [[nodiscard]] double microseconds() const { return static_cast<double>(ps) * 1e-6; }
};

// The longest time that a file may state for one thing: a quarter of what SimTime holds, about 26
// days.
inline constexpr SimTime kMaxSimTime{std::int64_t{1} << 61};

// Nearest whole picosecond above; throws LogicError unless 0 <= value and the result is at most
// kMaxSimTime.
[[nodiscard]] SimTime from_microseconds(double microseconds);
[[nodiscard]] SimTime from_seconds(double seconds);

struct Bytes {
  std::int64_t count = 0;

  auto operator<=>(const Bytes&) const = default;
  Bytes& operator+=(Bytes other) {
    count += other.count;
    return *this;
  }
  Bytes& operator-=(Bytes other) {
    count -= other.count;
    return *this;
  }
  friend Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
  friend Bytes operator-(Bytes a, Bytes b) { return {a.count - b.count}; }
};

// "1.50 GiB", "312 KiB", "17 B".
[[nodiscard]] std::string to_string(Bytes bytes);
// "1.234 s", "12.3 ms", "45.6 us"; three significant digits or more.
[[nodiscard]] std::string to_string(SimTime time);

// Reads "4096", "512MiB", "1.5 GiB", "10GB" (GiB is binary, GB decimal; any case). Nothing on other
// text, a negative or an overflowing size.
[[nodiscard]] std::optional<Bytes> parse_bytes(std::string_view text);

}  // namespace placer
