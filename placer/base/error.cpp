#include "placer/base/error.h"

#include <utility>

namespace placer {
namespace {

std::string with_place(const std::string& file, const std::string& where, const std::string& text) {
  std::string line = file;
  if (!where.empty()) {
    line += line.empty() ? where : ":" + where;
  }
  return line.empty() ? text : line + ": " + text;
}

}  // namespace

Error::Error(ErrorKind kind, std::string file, std::string where, const std::string& text)
    : std::runtime_error(with_place(file, where, text)),
      kind_(kind),
      file_(std::move(file)),
      where_(std::move(where)) {}

void fail_check(const char* condition, const char* file, int line, std::string_view note) {
  std::string text =
      std::string(file) + ":" + std::to_string(line) + ": check failed: " + condition;
  if (!note.empty()) {
    text += " (" + std::string(note) + ")";
  }
  throw LogicError(text);
}

}  // namespace placer
