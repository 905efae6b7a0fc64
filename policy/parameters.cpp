#include "policy/parameters.h"

#include <charconv>
#include <optional>
#include <set>
#include <string_view>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/error.h"
#include "placer/base/text.h"

namespace placer::policy {
namespace {

struct Whole {
  std::int64_t ColocrlParameters::*field;
  std::int64_t low;
  std::int64_t high;
};
struct Real {
  double ColocrlParameters::*field;
  double low;
  double high;
};
struct Flag {
  bool ColocrlParameters::*field;
};
struct Text {
  std::string ColocrlParameters::*field;
};
struct Scale {
  RewardScale ColocrlParameters::*field;
};

struct Entry {
  std::string_view name;
  std::variant<Whole, Real, Flag, Text, Scale> kind;
};

// The one place that pairs names with fields and ranges.
std::vector<Entry> entries() {
  using P = ColocrlParameters;
  return {
      {"hidden", Whole{&P::hidden, 4, 2048}},
      {"bidirectional", Flag{&P::bidirectional}},
      {"type_width", Whole{&P::type_width, 1, 256}},
      {"device_width", Whole{&P::device_width, 1, 256}},
      {"temperature", Real{&P::temperature, 0.01, 1000}},
      {"tanh", Real{&P::tanh, 0, 1000}},
      {"k", Whole{&P::k, 1, 4096}},
      {"lr", Real{&P::lr, 1e-8, 1}},
      {"entropy", Real{&P::entropy, 0, 10}},
      {"entropy_end", Real{&P::entropy_end, 0, 10}},
      {"clip", Real{&P::clip, 1e-6, 1e6}},
      {"baseline_decay", Real{&P::baseline_decay, 0, 1}},
      {"baseline_from_failing", Flag{&P::baseline_from_failing}},
      {"normalize", Flag{&P::normalize}},
      {"reward", Scale{&P::reward}},
      {"failing", Real{&P::failing, 1, 1e6}},
      {"feasible_only_after", Whole{&P::feasible_only_after, 0, 1'000'000'000}},
      {"elites", Whole{&P::elites, 0, 4096}},
      {"elite_weight", Real{&P::elite_weight, 0, 1000}},
      {"restart_after", Whole{&P::restart_after, 0, 1'000'000'000}},
      {"warm_start", Flag{&P::warm_start}},
      {"warm_start_updates", Whole{&P::warm_start_updates, 1, 1'000'000}},
      {"policy", Text{&P::policy}},
      {"checkpoint_updates", Whole{&P::checkpoint_updates, 1, 1'000'000'000}},
      {"checkpoint_seconds", Real{&P::checkpoint_seconds, 0, 1e9}},
  };
}

[[noreturn]] void refuse(std::string_view name, std::string_view value,
                         const std::string& expected) {
  throw usage_error(fmt::format("colocrl: parameter {}={}: expected {}", name, value, expected));
}

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Sets one field from text.
struct Setter {
  ColocrlParameters& parameters;
  std::string_view name;
  std::string_view value;

  void operator()(const Whole& kind) const {
    const auto number = parse_number<std::int64_t>(value);
    if (!number || *number < kind.low || *number > kind.high) {
      refuse(name, value, fmt::format("a whole number from {} to {}", kind.low, kind.high));
    }
    parameters.*kind.field = *number;
  }
  void operator()(const Real& kind) const {
    const auto number = parse_number<double>(value);
    // The negated test also refuses NaN.
    if (!number || !(*number >= kind.low && *number <= kind.high)) {
      refuse(name, value, fmt::format("a number from {} to {}", kind.low, kind.high));
    }
    parameters.*kind.field = *number;
  }
  void operator()(const Flag& kind) const {
    if (value == "on" || value == "true" || value == "1") {
      parameters.*kind.field = true;
    } else if (value == "off" || value == "false" || value == "0") {
      parameters.*kind.field = false;
    } else {
      refuse(name, value, "on or off");
    }
  }
  void operator()(const Text& kind) const { parameters.*kind.field = value; }
  void operator()(const Scale& kind) const {
    if (value == "relative") {
      parameters.*kind.field = RewardScale::kRelative;
    } else if (value == "seconds") {
      parameters.*kind.field = RewardScale::kSeconds;
    } else {
      refuse(name, value, "relative or seconds");
    }
  }
};

// Shows one field as the text that Setter reads; fmt prints the shortest text that reads back the
// same double.
struct Shower {
  const ColocrlParameters& parameters;

  std::string operator()(const Whole& kind) const {
    return fmt::format("{}", parameters.*kind.field);
  }
  std::string operator()(const Real& kind) const {
    return fmt::format("{}", parameters.*kind.field);
  }
  std::string operator()(const Flag& kind) const { return parameters.*kind.field ? "on" : "off"; }
  std::string operator()(const Text& kind) const { return parameters.*kind.field; }
  std::string operator()(const Scale& kind) const {
    return parameters.*kind.field == RewardScale::kRelative ? "relative" : "seconds";
  }
};

}  // namespace

ColocrlParameters parse_parameters(std::span<const std::pair<std::string, std::string>> settings) {
  ColocrlParameters parameters;
  const std::vector<Entry> known = entries();
  std::set<std::string_view> given;
  for (const auto& [name, value] : settings) {
    const Entry* found = nullptr;
    for (const Entry& entry : known) {
      if (entry.name == name) found = &entry;
    }
    if (found == nullptr) {
      std::vector<std::string> names;
      for (const Entry& entry : known) names.emplace_back(entry.name);
      throw usage_error(fmt::format("colocrl has no parameter \"{}\"{}: it knows {}", name,
                                    did_you_mean(name, names), fmt::join(names, ", ")));
    }
    if (!given.insert(name).second) {
      throw usage_error(fmt::format("colocrl: parameter \"{}\" was given twice", name));
    }
    std::visit(Setter{parameters, name, value}, found->kind);
  }
  return parameters;
}

std::vector<std::pair<std::string, std::string>> to_settings(const ColocrlParameters& parameters) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (const Entry& entry : entries()) {
    settings.emplace_back(entry.name, std::visit(Shower{parameters}, entry.kind));
  }
  return settings;
}

}  // namespace placer::policy
