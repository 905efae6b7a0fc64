#pragma once

// Pieces of JSON text, for the writers of this folder: the same value gives the same bytes, and a
// reader gets the value back exactly.

#include <cstdint>
#include <string>
#include <string_view>

#include "placer/base/units.h"

namespace placer {

// With its quotes; throws LogicError when `text` is not UTF-8.
void append_quoted(std::string& out, std::string_view text);
void append_integer(std::string& out, std::int64_t value);
void append_unsigned(std::string& out, std::uint64_t value);
// The shortest spelling that reads back to the same double: 1, 0.1, 1e+300. Throws LogicError
// unless finite.
void append_number(std::string& out, double value);
// The same, but never looking like an integer: 1.0.
void append_decimal(std::string& out, double value);
// Microseconds with at most six decimals: exact.
void append_microseconds(std::string& out, SimTime time);

// The time that a decimal number of microseconds spells: exact to the picosecond, more digits are
// rounded up. `value` is the same number, from 0 to kMaxSimTime.
[[nodiscard]] SimTime microseconds_spelled(std::string_view spelling, double value);

// Writes `"key": ` for the next member of an object, after a comma where one is needed.
//   JsonMembers members(out, ", ");   // or ",\n  " for a member a line
//   append_quoted(members.next("name"), name);
class JsonMembers {
 public:
  JsonMembers(std::string& out, std::string_view separator) : out_(out), separator_(separator) {}

  std::string& next(std::string_view key);

 private:
  std::string& out_;
  std::string_view separator_;
  bool first_ = true;
};

}  // namespace placer
