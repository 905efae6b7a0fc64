#include "policy/settings.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/error.h"
#include "placer/base/text.h"

namespace placer::policy {
namespace {

template <typename T>
bool parse_between(const std::string& text, T low, T high, T& field) {
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  // The negated test also refuses NaN.
  if (problem != std::errc{} || end != text.data() + text.size() ||
      !(value >= low && value <= high)) {
    return false;
  }
  field = value;
  return true;
}

std::optional<bool> parse_flag(std::string_view text) {
  if (text == "on" || text == "true" || text == "1") return true;
  if (text == "off" || text == "false" || text == "0") return false;
  return std::nullopt;
}

}  // namespace

// fmt prints the shortest text that reads back the same double.
void Settings::add(std::string_view name, std::int64_t& field, std::int64_t low,
                   std::int64_t high) {
  entries_.push_back(
      {.name = std::string(name),
       .expected = fmt::format("a whole number from {} to {}", low, high),
       .set = [&field, low,
               high](const std::string& text) { return parse_between(text, low, high, field); },
       .show = [&field] { return fmt::format("{}", field); }});
}

void Settings::add(std::string_view name, double& field, double low, double high) {
  entries_.push_back(
      {.name = std::string(name),
       .expected = fmt::format("a number from {} to {}", low, high),
       .set = [&field, low,
               high](const std::string& text) { return parse_between(text, low, high, field); },
       .show = [&field] { return fmt::format("{}", field); }});
}

void Settings::add(std::string_view name, bool& field) {
  entries_.push_back({.name = std::string(name),
                      .expected = "on or off",
                      .set =
                          [&field](const std::string& text) {
                            const std::optional<bool> flag = parse_flag(text);
                            field = flag.value_or(field);
                            return flag.has_value();
                          },
                      .show = [&field] { return std::string(field ? "on" : "off"); }});
}

void Settings::add(std::string_view name, std::string& field) {
  entries_.push_back({.name = std::string(name),
                      .expected = "text",
                      .set =
                          [&field](const std::string& text) {
                            field = text;
                            return true;
                          },
                      .show = [&field] { return field; }});
}

void Settings::add_words(std::string_view name, const std::vector<std::string>& words,
                         std::function<void(std::size_t)> set, std::function<std::size_t()> get) {
  entries_.push_back({.name = std::string(name),
                      .expected = fmt::format("{}", fmt::join(words, " or ")),
                      .set =
                          [words, set = std::move(set)](const std::string& text) {
                            const auto found = std::find(words.begin(), words.end(), text);
                            if (found == words.end()) return false;
                            set(static_cast<std::size_t>(found - words.begin()));
                            return true;
                          },
                      .show = [words, get = std::move(get)] { return words[get()]; }});
}

const Settings::Entry& Settings::find(const std::string& name) const {
  std::vector<std::string> names;
  for (const Entry& entry : entries_) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  throw usage_error(fmt::format("{} has no parameter \"{}\"{}: it knows {}", algorithm_, name,
                                did_you_mean(name, names), fmt::join(names, ", ")));
}

void Settings::read(ParameterList given) const {
  std::set<std::string_view> seen;
  for (const auto& [name, value] : given) {
    const Entry& entry = find(name);
    if (!seen.insert(name).second) {
      throw usage_error(fmt::format("{}: parameter \"{}\" was given twice", algorithm_, name));
    }
    if (!entry.set(value)) {
      throw usage_error(
          fmt::format("{}: parameter {}={}: expected {}", algorithm_, name, value, entry.expected));
    }
  }
}

std::vector<std::pair<std::string, std::string>> Settings::list() const {
  std::vector<std::pair<std::string, std::string>> settings;
  for (const Entry& entry : entries_) settings.emplace_back(entry.name, entry.show());
  return settings;
}

}  // namespace placer::policy
