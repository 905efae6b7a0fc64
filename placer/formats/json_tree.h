#pragma once

// JSON text as a flat tree, with what readers of untrusted files need: every refusal names the file
// and the place, objects keep their order, a key stands once, and depth, values and numbers are
// bounded. Private to the readers of this folder.
//
// A document is one vector in preorder. A path such as nodes[17].inputs[0] is worked out only when
// an error asks for it. Not thread-safe; a JsonView is valid while its document is.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "placer/base/units.h"

namespace placer {

enum class JsonType : std::uint8_t {
  kNull,
  kBool,
  kInteger,  // -2^63 .. 2^64 - 1
  kDecimal,  // has a decimal point or an exponent
  kString,
  kArray,
  kObject,
};

// One value. Keys and texts lie in the document's character store; numbers keep their spelling.
struct JsonEntry {
  JsonType type = JsonType::kNull;
  bool flag = false;  // kBool: the value; kInteger: above 2^63 - 1
  std::uint32_t key_size = 0;
  std::uint32_t text_size = 0;  // kString, kDecimal
  std::uint32_t end = 0;        // position after the last descendant
  std::uint64_t key = 0;        // where the key starts; the text follows it
  std::int64_t integer = 0;  // kInteger (the bits, when `flag`); kArray, kObject: count of children
  double decimal = 0;        // kDecimal
};

class JsonView;

class JsonDocument {
 public:
  explicit JsonDocument(std::string file) : file_(std::move(file)) {}

  [[nodiscard]] JsonView root() const;
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  friend class JsonView;
  friend class JsonHandler;

  std::string file_;
  std::string prefix_;  // path of the root: "nodes[17]" for one that was streamed
  std::vector<JsonEntry> entries_;
  std::string chars_;
};

// A value in a document. The as_...() functions check the type and the range; they and fail() throw
// Error(kBadInput) with the value's path: "expected an integer, found "many"".
class JsonView {
 public:
  JsonView(const JsonDocument& document, std::uint32_t position)
      : document_(&document), position_(position) {}

  [[nodiscard]] JsonType type() const { return entry().type; }
  [[nodiscard]] bool is_null() const { return type() == JsonType::kNull; }
  [[nodiscard]] bool is_string() const { return type() == JsonType::kString; }
  [[nodiscard]] bool is_array() const { return type() == JsonType::kArray; }
  [[nodiscard]] bool is_object() const { return type() == JsonType::kObject; }
  [[nodiscard]] std::string path() const;
  [[noreturn]] void fail(const std::string& text) const;
  // Throws "expected <what>, found <this value>".
  [[noreturn]] void fail_expected(std::string_view what) const;

  [[nodiscard]] std::string_view as_string(std::string_view what = "a string") const;
  [[nodiscard]] std::string_view as_name(std::string_view what) const;  // a string, not empty
  [[nodiscard]] bool as_bool() const;
  // Only numbers without a decimal point or an exponent are integers.
  [[nodiscard]] std::int64_t as_integer(std::int64_t low, std::int64_t high,
                                        std::string_view what) const;
  [[nodiscard]] std::uint64_t as_unsigned(std::string_view what) const;
  [[nodiscard]] double as_number(std::string_view what = "a number") const;  // finite
  [[nodiscard]] Bytes as_bytes(std::int64_t low, std::int64_t high) const;
  // Microseconds, exact to the picosecond (more digits are rounded up); 0 .. kMaxSimTime.
  [[nodiscard]] SimTime as_microseconds() const;
  // How a number is spelled in the file.
  [[nodiscard]] std::string number_text() const;

  // The elements of an array or the members of an object, in the order of the file.
  class Iterator {
   public:
    Iterator(const JsonDocument& document, std::uint32_t position)
        : document_(&document), position_(position) {}
    JsonView operator*() const { return {*document_, position_}; }
    Iterator& operator++() {
      position_ = document_->entries_[position_].end;
      return *this;
    }
    bool operator==(const Iterator& other) const { return position_ == other.position_; }

   private:
    const JsonDocument* document_;
    std::uint32_t position_;
  };
  struct Children {
    Iterator first;
    Iterator last;
    [[nodiscard]] Iterator begin() const { return first; }
    [[nodiscard]] Iterator end() const { return last; }
  };
  [[nodiscard]] Children elements(std::string_view what = "a list") const;
  [[nodiscard]] Children members(std::string_view what = "an object") const;
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(entry().integer); }

  [[nodiscard]] std::string_view key() const;  // of a member of an object
  [[nodiscard]] std::optional<JsonView> find(std::string_view key) const;
  // Throws `missing "key", expected <what>`.
  [[nodiscard]] JsonView at(std::string_view key, std::string_view what) const;
  // Throws at a member whose key is not in `known`, with the nearest one.
  //   where  what this object is: "a device"
  void only_keys(std::span<const std::string_view> known, std::string_view where) const;

 private:
  friend class JsonHandler;

  [[nodiscard]] const JsonEntry& entry() const { return document_->entries_[position_]; }
  [[nodiscard]] std::string_view text() const;
  [[nodiscard]] std::string described() const;

  const JsonDocument* document_;
  std::uint32_t position_;
};

// The path of a member of the object at `parent`: assignment.relu, assignment["dense/bias"].
[[nodiscard]] std::string member_path(std::string_view parent, std::string_view key);

// The elements of the array under one key of the root object, handed over one by one and not kept:
// what makes a large graph cheap.
struct JsonStream {
  std::string_view key;
  std::function<void(JsonView element, std::size_t position)> each;
};

// Throws Error(kBadInput) at `file`:line:column for text that is not JSON (UTF-8), at a path for a
// key that stands twice, for more than 64 levels and for more than 2^24 values. Of a `stream`ed
// array the document keeps no elements, only how many there were.
[[nodiscard]] JsonDocument parse_json(std::string_view text, const std::string& file);
[[nodiscard]] JsonDocument parse_json(std::string_view text, const std::string& file,
                                      const JsonStream& stream);

// Throws Error(kBadInput) unless the text is an object with "format": `format` and "version": 1;
// names what the text looks like instead. Reads no further than both keys, which our writers put
// first.
void check_header(std::string_view text, const std::string& file, std::string_view format);

}  // namespace placer
