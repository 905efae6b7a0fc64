#include <algorithm>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/formats/json_tree.h"

namespace placer {
namespace {

constexpr std::size_t kMaxDepth = 64;                     // our formats need 7
constexpr std::size_t kMaxValues = std::size_t{1} << 24;  // 640 MiB of entries
constexpr std::size_t kFewKeys = 16;  // up to here comparing all pairs is cheapest

// Where byte `position` (1-based, as the lexer counts) of the text is, for people: "12:34".
std::string line_and_column(std::string_view text, std::size_t position) {
  const std::string_view before = text.substr(0, position == 0 ? 0 : position - 1);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t newline = before.rfind('\n');
  const std::size_t column =
      before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
  return std::to_string(line) + ":" + std::to_string(column);
}

// The parser's message without its own bookkeeping and without the raw text it read last, which may
// not be printable.
std::string syntax_message(std::string_view text, std::size_t position, std::string message) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return "the file is empty, expected a JSON object";
  }
  const std::string_view rest =
      text.substr(std::min(text.size(), position == 0 ? 0 : position - 1));
  for (const std::string_view literal : {"NaN", "Infinity"}) {
    if (message.find("literal") != std::string::npos && rest.starts_with(literal.substr(0, 1)) &&
        text.substr(std::min(text.size(), position - 1)).starts_with(literal)) {
      return std::string(literal) + " is not a number in JSON";
    }
  }
  if (message.find("ill-formed UTF-8") != std::string::npos) {
    return "the text is not valid UTF-8";
  }
  if (const auto number = message.find("number overflow parsing "); number != std::string::npos) {
    return "the number is too large: " + message.substr(number + 24, 48);
  }
  if (const auto dash = message.find(" - "); dash != std::string::npos) {
    message = message.substr(dash + 3);
  }
  const auto last_read = message.find("; last read: ");
  if (last_read != std::string::npos) {
    const auto expected = message.find("'; expected ", last_read);
    message = message.substr(0, last_read) +
              (expected == std::string::npos ? "" : message.substr(expected + 1));
  }
  return "not valid JSON: " + message;
}

}  // namespace

// Fills documents from the parser's events.
class JsonHandler final : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonHandler(std::string_view text, const std::string& file, const JsonStream* stream)
      : text_(text), document_(file), element_(file), stream_(stream) {}

  bool null() override { return scalar({}); }
  bool boolean(bool value) override { return scalar({.type = JsonType::kBool, .flag = value}); }
  bool number_integer(number_integer_t value) override {
    return scalar({.type = JsonType::kInteger, .integer = value});
  }
  bool number_unsigned(number_unsigned_t value) override {
    const bool above = value > static_cast<number_unsigned_t>(INT64_MAX);
    return scalar(
        {.type = JsonType::kInteger, .flag = above, .integer = static_cast<std::int64_t>(value)});
  }
  bool number_float(number_float_t value, const string_t& spelling) override {
    const JsonEntry entry{.type = JsonType::kDecimal, .decimal = value};
    if (spelling.find_first_of(".eE") == std::string::npos) {
      add(entry, spelling);
      fail_at(last(), "the integer " + spelling.substr(0, 40) + " does not fit in 64 bits");
    }
    return scalar(entry, spelling);
  }
  bool string(string_t& value) override { return scalar({.type = JsonType::kString}, value); }
  bool binary(binary_t& /*value*/) override { return false; }

  bool start_object(std::size_t /*size*/) override { return open({.type = JsonType::kObject}); }
  bool start_array(std::size_t /*size*/) override {
    if (stream_ != nullptr && !streaming_ && document_depth_ == 1 && pending_key_ == stream_->key) {
      PLACER_CHECK(stack_.size() == 1, "a stream starts in the root");
      if (streamed_) {
        add({.type = JsonType::kArray});
        fail_at(last(), "the key stands twice in this object");
      }
      open({.type = JsonType::kArray});
      streaming_ = streamed_ = true;
      return true;
    }
    return open({.type = JsonType::kArray});
  }
  bool key(string_t& value) override {
    pending_key_.swap(value);
    return true;
  }
  bool end_object() override {
    check_keys();
    close();
    return true;
  }
  bool end_array() override {
    if (streaming_ && element_stack_.empty()) {
      streaming_ = false;
      document_.entries_[stack_.back()].integer = static_cast<std::int64_t>(streamed_count_);
    }
    close();
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& problem) override {
    throw Error(ErrorKind::kBadInput, document_.file_, line_and_column(text_, position),
                syntax_message(text_, position, problem.what()));
  }

  JsonDocument take() { return std::move(document_); }

 private:
  JsonDocument& current() { return streaming_ ? element_ : document_; }
  std::vector<std::uint32_t>& stack() { return streaming_ ? element_stack_ : stack_; }
  JsonView last() { return {current(), static_cast<std::uint32_t>(current().entries_.size() - 1)}; }
  [[noreturn]] static void fail_at(JsonView view, const std::string& text) { view.fail(text); }

  void add(JsonEntry entry, std::string_view text = {}) {
    JsonDocument& document = current();
    std::vector<std::uint32_t>& open_values = stack();
    if (streaming_ && open_values.empty()) {
      document.entries_.clear();
      document.chars_.clear();
      document.prefix_ = std::string(stream_->key) + "[" + std::to_string(streamed_count_) + "]";
    }
    entry.key = document.chars_.size();
    if (!open_values.empty()) {
      JsonEntry& parent = document.entries_[open_values.back()];
      ++parent.integer;
      if (parent.type == JsonType::kObject) {
        entry.key_size = static_cast<std::uint32_t>(pending_key_.size());
        document.chars_ += pending_key_;
      }
    }
    entry.text_size = static_cast<std::uint32_t>(text.size());
    document.chars_ += text;
    document.entries_.push_back(entry);
    if (document.entries_.size() > kMaxValues) {
      fail_at(last(), "more than " + std::to_string(kMaxValues) + " values");
    }
  }

  bool scalar(JsonEntry entry, std::string_view text = {}) {
    add(entry, text);
    JsonDocument& document = current();
    document.entries_.back().end = static_cast<std::uint32_t>(document.entries_.size());
    element_done();
    return true;
  }

  bool open(JsonEntry entry) {
    add(entry);
    stack().push_back(static_cast<std::uint32_t>(current().entries_.size() - 1));
    if (++document_depth_ > kMaxDepth) {
      throw Error(ErrorKind::kBadInput, document_.file_, path_start(),
                  "nested more than " + std::to_string(kMaxDepth) + " deep");
    }
    return true;
  }

  void close() {
    JsonDocument& document = current();
    document.entries_[stack().back()].end = static_cast<std::uint32_t>(document.entries_.size());
    stack().pop_back();
    --document_depth_;
    element_done();
  }

  void element_done() {
    if (streaming_ && element_stack_.empty()) {
      stream_->each({element_, 0}, streamed_count_);
      ++streamed_count_;
    }
  }

  // The whole path of 65 levels helps nobody: its first steps do.
  std::string path_start() {
    const std::string path = last().path();
    return path.size() > 40 ? path.substr(0, 40) + "..." : path;
  }

  // Refuses a key that stands twice in the object that ends here.
  void check_keys() {
    const JsonDocument& document = current();
    const std::uint32_t object = stack().back();
    const auto end = static_cast<std::uint32_t>(document.entries_.size());
    const auto key_of = [&](std::uint32_t at) { return JsonView(document, at).key(); };
    if (document.entries_[object].integer > static_cast<std::int64_t>(kFewKeys)) {
      std::unordered_set<std::string_view> seen;
      for (std::uint32_t at = object + 1; at < end; at = document.entries_[at].end) {
        if (!seen.insert(key_of(at)).second) {
          fail_at({document, at}, "the key stands twice in this object");
        }
      }
      return;
    }
    for (std::uint32_t at = object + 1; at < end; at = document.entries_[at].end) {
      for (std::uint32_t other = object + 1; other < at; other = document.entries_[other].end) {
        if (key_of(at) == key_of(other)) {
          fail_at({document, at}, "the key stands twice in this object");
        }
      }
    }
  }

  std::string_view text_;
  JsonDocument document_;
  JsonDocument element_;  // of the streamed array, reused
  const JsonStream* stream_;
  std::vector<std::uint32_t> stack_;
  std::vector<std::uint32_t> element_stack_;
  std::string pending_key_;
  std::size_t document_depth_ = 0;
  std::size_t streamed_count_ = 0;
  bool streaming_ = false;
  bool streamed_ = false;
};

JsonDocument parse_json(std::string_view text, const std::string& file) {
  JsonHandler handler(text, file, nullptr);
  nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &handler);
  return handler.take();
}

JsonDocument parse_json(std::string_view text, const std::string& file, const JsonStream& stream) {
  JsonHandler handler(text, file, &stream);
  nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &handler);
  return handler.take();
}

}  // namespace placer
