#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/text.h"
#include "placer/formats/formats.h"
#include "placer/formats/json_tree.h"

namespace placer {
namespace {

constexpr std::array<std::string_view, 5> kFormats{
    "placer.graph", "placer.cluster", "placer.placement", "placer.config", "placer.training"};
constexpr std::size_t kMaxKeys = 64;  // enough to recognise a file by

// What the root object says of itself, as far as it was read.
struct Header {
  bool is_object = false;
  std::optional<std::string> format;  // its text; of another type than string: empty
  std::optional<std::string> version;
  std::vector<std::string> keys;
};

// Stops the parser as soon as format and version were seen.
class HeaderHandler final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return value("null", false); }
  bool boolean(bool flag) override { return value(flag ? "true" : "false", false); }
  bool number_integer(number_integer_t number) override {
    return value(std::to_string(number), false);
  }
  bool number_unsigned(number_unsigned_t number) override {
    return value(std::to_string(number), false);
  }
  bool number_float(number_float_t /*number*/, const string_t& text) override {
    return value(text, false);
  }
  bool string(string_t& text) override { return value(text, true); }
  bool binary(binary_t& /*bytes*/) override { return false; }
  bool start_object(std::size_t /*size*/) override {
    header.is_object = header.is_object || depth_ == 0;
    return open();
  }
  bool start_array(std::size_t /*size*/) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& text) override {
    if (depth_ == 1) {
      key_ = text;
      if (header.keys.size() < kMaxKeys) {
        header.keys.push_back(text);
      }
    }
    return true;
  }
  // The full parse tells where and what.
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*problem*/) override {
    failed = true;
    return false;
  }

  Header header;
  bool failed = false;

 private:
  bool open() {
    const bool go_on = value("", false);
    ++depth_;
    return go_on;
  }
  bool close() {
    --depth_;
    return true;
  }
  bool value(const std::string& text, bool is_string) {
    if (depth_ == 1 && key_ == "format" && !header.format) {
      header.format = is_string ? text : "";
    } else if (depth_ == 1 && key_ == "version" && !header.version) {
      header.version = is_string ? '"' + text + '"' : text;
    }
    return depth_ != 0 ? !(header.format && header.version) : true;
  }

  std::size_t depth_ = 0;
  std::string key_;
};

// Files that are not text at all and are easily handed in by mistake.
std::string_view binary_kind(std::string_view text) {
  if (text.starts_with("PK\x03\x04")) {
    return "a zip archive; a .pt2 is read by `placer import`";
  }
  if (text.starts_with("\x1F\x8B")) {
    return "compressed by gzip; only .zst is read directly";
  }
  if (text.starts_with("GGUF")) {
    return "a GGUF model, which has no graph";
  }
  if (text.starts_with("\x80\x02") || text.starts_with("\x80\x04")) {
    return "a Python pickle, which is never loaded";
  }
  return {};
}

// What an object without "format" looks like, by its keys.
std::string_view relative_of(const std::vector<std::string>& keys) {
  const auto has = [&](std::string_view key) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  };
  if (has("traceEvents")) {
    return "a Chrome or Kineto trace";
  }
  if (has("maxSizePerFPGA") || has("maxFPGAs")) {
    return "a dnn-partitioning workload";
  }
  if (has("schema") && has("nodes")) {
    return "a PyTorch execution trace";
  }
  if (has("graph_module")) {
    return "the model inside a .pt2 archive; import the archive itself";
  }
  if (has("assignment")) {
    return "a placement";
  }
  if (has("devices")) {
    return "a cluster";
  }
  return {};
}

Header read_header(std::string_view text, const std::string& file) {
  if (const std::string_view kind = binary_kind(text); !kind.empty()) {
    throw Error(ErrorKind::kBadInput, file, "", "not JSON: this is " + std::string(kind));
  }
  HeaderHandler handler;
  nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &handler);
  if (handler.failed) {
    (void)parse_json(text, file);  // throws with the place
  }
  if (!handler.header.is_object) {
    throw Error(ErrorKind::kBadInput, file, "", "expected a JSON object with \"format\"");
  }
  return std::move(handler.header);
}

std::string in_quotes(std::string_view text) {
  return '"' + std::string(text) + '"';
}

[[noreturn]] void fail_without_format(const Header& header, const std::string& file,
                                      std::string_view expected) {
  const std::string_view relative = relative_of(header.keys);
  throw Error(ErrorKind::kBadInput, file, "",
              "missing \"format\", expected " + std::string(expected) +
                  (relative.empty() ? "" : "; this looks like " + std::string(relative)));
}

void check_version(const Header& header, const std::string& file, std::string_view format) {
  if (!header.version) {
    throw Error(ErrorKind::kBadInput, file, "", "missing \"version\", expected 1");
  }
  if (header.version != "1") {
    throw Error(ErrorKind::kBadInput, file, "version",
                "expected 1, found " + *header.version + ": this program reads version 1 of " +
                    std::string(format));
  }
}

}  // namespace

void check_header(std::string_view text, const std::string& file, std::string_view format) {
  const Header header = read_header(text, file);
  if (!header.format) {
    fail_without_format(header, file, in_quotes(format));
  }
  if (header.format != format) {
    throw Error(ErrorKind::kBadInput, file, "format",
                "expected " + in_quotes(format) + ", found " + in_quotes(*header.format));
  }
  check_version(header, file, format);
}

std::string format_of(std::string_view text, const std::string& file) {
  const Header header = read_header(text, file);
  if (!header.format) {
    fail_without_format(header, file, "\"placer.graph\", \"placer.cluster\", ...");
  }
  if (std::find(kFormats.begin(), kFormats.end(), *header.format) == kFormats.end()) {
    const std::vector<std::string> known(kFormats.begin(), kFormats.end());
    throw Error(
        ErrorKind::kBadInput, file, "format",
        "unknown format " + in_quotes(*header.format) + did_you_mean(*header.format, known));
  }
  return *header.format;
}

}  // namespace placer
