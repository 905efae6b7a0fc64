#pragma once

// What ends a command. Every Error reaches main(), which prints one line and turns the kind into
// the exit status; an expected outcome (a placement that does not fit, a time-out) is a value in
// the return type, never an Error.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace placer {

enum class ErrorKind : std::uint8_t {
  kInternal,    // exit status 1
  kUsage,       // 2: a flag, a glob that matches nothing, contradicting constraints
  kBadInput,    // 3: a file that is malformed, of another format or version
  kInfeasible,  // 4: nothing fits
  kDevice,      // 5: a device is missing or failed
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}
  // Prints as "file:where: text"; `where` is a JSON path such as nodes[17].inputs[0], a line, or
  // empty.
  Error(ErrorKind kind, std::string file, std::string where, const std::string& text);

  [[nodiscard]] ErrorKind kind() const { return kind_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  ErrorKind kind_;
  std::string file_;
  std::string where_;
};

[[nodiscard]] inline Error usage_error(const std::string& text) {
  return {ErrorKind::kUsage, text};
}

// A bug in placer, never the user's doing: see PLACER_CHECK.
class LogicError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void fail_check(const char* condition, const char* file, int line,
                             std::string_view note);

}  // namespace placer

// Always on. Input from outside never reaches one: readers have refused it.
#define PLACER_CHECK(condition, note)                               \
  do {                                                              \
    if (!(condition)) {                                             \
      ::placer::fail_check(#condition, __FILE__, __LINE__, (note)); \
    }                                                               \
  } while (false)
