#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "placer/base/error.h"
#include "placer/base/text.h"
#include "placer/formats/json_text.h"
#include "placer/formats/json_tree.h"

namespace placer {
namespace {

bool is_plain_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

std::string member_path(std::string_view parent, std::string_view key) {
  std::string path(parent);
  if (is_plain_key(key)) {
    return path += (path.empty() ? "" : ".") + std::string(key);
  }
  return path += "[\"" + std::string(key) + "\"]";
}

JsonView JsonDocument::root() const {
  PLACER_CHECK(!entries_.empty(), "a parsed document has a root");
  return {*this, 0};
}

std::string JsonView::path() const {
  std::string path = document_->prefix_;
  std::uint32_t at = 0;
  while (at != position_) {
    const JsonEntry& parent = document_->entries_[at];
    std::uint32_t child = at + 1;
    std::size_t position = 0;
    // The end of a value that is still open is 0: it holds all that follows.
    for (; document_->entries_[child].end != 0 && document_->entries_[child].end <= position_;
         ++position) {
      child = document_->entries_[child].end;
    }
    if (parent.type == JsonType::kArray) {
      path += "[" + std::to_string(position) + "]";
    } else {
      path = member_path(path, JsonView(*document_, child).key());
    }
    at = child;
  }
  return path;
}

void JsonView::fail(const std::string& text) const {
  throw Error(ErrorKind::kBadInput, document_->file_, path(), text);
}

void JsonView::fail_expected(std::string_view what) const {
  fail("expected " + std::string(what) + ", found " + described());
}

std::string_view JsonView::key() const {
  return std::string_view(document_->chars_).substr(entry().key, entry().key_size);
}

std::string_view JsonView::text() const {
  return std::string_view(document_->chars_)
      .substr(entry().key + entry().key_size, entry().text_size);
}

std::string JsonView::number_text() const {
  if (type() == JsonType::kDecimal) {
    return std::string(text());
  }
  return entry().flag ? std::to_string(static_cast<std::uint64_t>(entry().integer))
                      : std::to_string(entry().integer);
}

std::string JsonView::described() const {
  constexpr std::size_t kShown = 60;
  switch (type()) {
    case JsonType::kNull:
      return "null";
    case JsonType::kBool:
      return entry().flag ? "true" : "false";
    case JsonType::kInteger:
    case JsonType::kDecimal:
      return number_text().substr(0, kShown);
    case JsonType::kString: {
      std::size_t size = std::min(text().size(), kShown);
      while (size < text().size() && size > 0 &&
             (static_cast<unsigned char>(text()[size]) & 0xC0U) == 0x80U) {
        --size;  // not inside a character
      }
      return '"' + std::string(text().substr(0, size)) + (size < text().size() ? "...\"" : "\"");
    }
    case JsonType::kArray:
      return size() == 0 ? "an empty list" : "a list";
    case JsonType::kObject:
      return "an object";
  }
  return {};
}

std::string_view JsonView::as_string(std::string_view what) const {
  if (!is_string()) {
    fail_expected(what);
  }
  return text();
}

std::string_view JsonView::as_name(std::string_view what) const {
  if (!is_string() || text().empty()) {
    fail_expected(what);
  }
  return text();
}

bool JsonView::as_bool() const {
  if (type() != JsonType::kBool) {
    fail_expected("true or false");
  }
  return entry().flag;
}

std::int64_t JsonView::as_integer(std::int64_t low, std::int64_t high,
                                  std::string_view what) const {
  if (type() != JsonType::kInteger || entry().flag || entry().integer < low ||
      entry().integer > high) {
    fail_expected(what);
  }
  return entry().integer;
}

std::uint64_t JsonView::as_unsigned(std::string_view what) const {
  if (type() != JsonType::kInteger || (!entry().flag && entry().integer < 0)) {
    fail_expected(what);
  }
  return static_cast<std::uint64_t>(entry().integer);
}

double JsonView::as_number(std::string_view what) const {
  if (type() == JsonType::kDecimal) {
    return entry().decimal;
  }
  if (type() != JsonType::kInteger) {
    fail_expected(what);
  }
  return entry().flag ? static_cast<double>(static_cast<std::uint64_t>(entry().integer))
                      : static_cast<double>(entry().integer);
}

Bytes JsonView::as_bytes(std::int64_t low, std::int64_t high) const {
  return {as_integer(
      low, high,
      "a whole number of bytes from " + std::to_string(low) + " to " + std::to_string(high))};
}

SimTime JsonView::as_microseconds() const {
  constexpr std::int64_t kPerMicrosecond = 1'000'000;
  constexpr std::int64_t kMax = kMaxSimTime.ps / kPerMicrosecond;
  constexpr std::string_view kWhat = "microseconds from 0 to 2305843009213";
  if (type() != JsonType::kDecimal) {
    return {as_integer(0, kMax, kWhat) * kPerMicrosecond};
  }
  const std::string_view spelling = text();
  if (spelling.starts_with('-') || entry().decimal >= static_cast<double>(kMax + 1)) {
    fail_expected(kWhat);
  }
  return microseconds_spelled(spelling, std::min(entry().decimal, static_cast<double>(kMax)));
}

JsonView::Children JsonView::elements(std::string_view what) const {
  if (!is_array()) {
    fail_expected(what);
  }
  return {{*document_, position_ + 1}, {*document_, entry().end}};
}

JsonView::Children JsonView::members(std::string_view what) const {
  if (!is_object()) {
    fail_expected(what);
  }
  return {{*document_, position_ + 1}, {*document_, entry().end}};
}

std::optional<JsonView> JsonView::find(std::string_view key) const {
  for (const JsonView member : members()) {
    if (member.key() == key) {
      return member;
    }
  }
  return std::nullopt;
}

JsonView JsonView::at(std::string_view key, std::string_view what) const {
  const std::optional<JsonView> member = find(key);
  if (!member) {
    fail("missing \"" + std::string(key) + "\", expected " + std::string(what));
  }
  return *member;
}

void JsonView::only_keys(std::span<const std::string_view> known, std::string_view where) const {
  for (const JsonView member : members()) {
    if (std::find(known.begin(), known.end(), member.key()) == known.end()) {
      const std::vector<std::string> names(known.begin(), known.end());
      member.fail("unknown key in " + std::string(where) + did_you_mean(member.key(), names));
    }
  }
}

}  // namespace placer
