#include "placer/algorithm/parameters.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/error.h"
#include "placer/base/text.h"

namespace placer {
namespace {

template <typename Number>
Number parse(const std::string& algorithm, std::string_view name, const std::string& text,
             Number low, Number high) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc{} || stop != end || !(value >= low && value <= high)) {
    throw usage_error(fmt::format("{}: parameter {}={}: expected a number from {} to {}", algorithm,
                                  name, text, low, high));
  }
  return value;
}

}  // namespace

Parameters::Parameters(std::string algorithm, ParameterList given)
    : algorithm_(std::move(algorithm)), given_(given) {}

const std::string* Parameters::find(std::string_view name) {
  known_.emplace_back(name);
  for (const auto& [key, value] : given_) {
    if (key == name) {
      return &value;
    }
  }
  return nullptr;
}

std::int64_t Parameters::integer(std::string_view name, std::int64_t otherwise, std::int64_t low,
                                 std::int64_t high) {
  const std::string* text = find(name);
  return text == nullptr ? otherwise : parse(algorithm_, name, *text, low, high);
}

double Parameters::number(std::string_view name, double otherwise, double low, double high) {
  const std::string* text = find(name);
  return text == nullptr ? otherwise : parse(algorithm_, name, *text, low, high);
}

void Parameters::check() const {
  for (std::size_t i = 0; i < given_.size(); ++i) {
    const std::string& name = given_[i].first;
    if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
      throw usage_error(
          known_.empty()
              ? fmt::format("{} has no parameters, but \"{}\" was given", algorithm_, name)
              : fmt::format("{} has no parameter \"{}\"{}: it knows {}", algorithm_, name,
                            did_you_mean(name, known_), fmt::join(known_, ", ")));
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (given_[j].first == name) {
        throw usage_error(fmt::format("{}: parameter \"{}\" was given twice", algorithm_, name));
      }
    }
  }
}

}  // namespace placer
