#include "placer/formats/training_format.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/error.h"
#include "placer/cluster/cluster.h"
#include "placer/evaluate/budget.h"
#include "placer/formats/json_text.h"
#include "placer/formats/json_tree.h"
#include "placer/formats/parameter.h"

namespace placer {
namespace {

constexpr std::int64_t kMost = 1'000'000'000;
constexpr std::array<std::string_view, 4> kFamilies{"layered", "transformer", "series-parallel",
                                                    "random"};

void read_words(JsonView root, std::string_view key, std::span<const std::string_view> known,
                std::string_view what, std::vector<std::string>& words) {
  const auto member = root.find(key);
  if (!member) return;
  words.clear();
  for (const JsonView element : member->elements("a list of strings")) {
    words.emplace_back(element.as_name(what));
    if (!known.empty() && std::ranges::find(known, words.back()) == known.end()) {
      element.fail_expected(what);
    }
  }
  if (words.empty()) member->fail("expected at least one");
}

// [low, high], or one number for both.
template <typename T, typename Read>
void read_range(JsonView root, std::string_view key, Range<T>& range, Read read) {
  const auto member = root.find(key);
  if (!member) return;
  if (!member->is_array()) {
    range.low = range.high = read(*member);
    return;
  }
  std::vector<T> ends;
  for (const JsonView element : member->elements()) ends.push_back(read(element));
  if (ends.size() != 2 || ends[0] > ends[1]) member->fail("expected [least, most]");
  range = {ends[0], ends[1]};
}

void read_count(JsonView root, std::string_view key, std::int64_t low, std::int64_t high,
                std::string_view what, std::uint64_t& count) {
  if (const auto member = root.find(key)) {
    count = static_cast<std::uint64_t>(member->as_integer(low, high, what));
  }
}

void read_share(JsonView root, std::string_view key, double& share) {
  const auto member = root.find(key);
  if (!member) return;
  share = member->as_number("a share from 0 to 1");
  if (share < 0 || share > 1) member->fail_expected("a share from 0 to 1");
}

// One policy, or several.
void read_teachers(JsonView json, std::vector<std::string>& teachers) {
  constexpr std::string_view kWhat = "a policy file, \"shipped\", or a list of them";
  if (!json.is_array()) {
    teachers.emplace_back(json.as_name(kWhat));
    return;
  }
  for (const JsonView element : json.elements()) teachers.emplace_back(element.as_name(kWhat));
  if (teachers.empty()) json.fail("expected at least one");
}

void read_ranges(JsonView json, ProblemRanges& ranges) {
  constexpr std::array<std::string_view, 9> kKeys{"families",   "graphs",       "nodes",
                                                  "ratio",      "devices",      "unequal",
                                                  "shared_bus", "tight_memory", "objectives"};
  json.only_keys(kKeys, "what problems are like");
  // Who names one of the two wants no others.
  if (json.find("graphs")) ranges.families.clear();
  if (json.find("families")) ranges.graphs.clear();
  read_words(json, "families", kFamilies,
             "\"layered\", \"transformer\", \"series-parallel\" or \"random\"", ranges.families);
  read_words(json, "graphs", {}, "a graph file", ranges.graphs);
  read_words(json, "objectives", {}, "an objective", ranges.objectives);
  read_range(json, "nodes", ranges.nodes, [](JsonView value) {
    return static_cast<std::size_t>(value.as_integer(2, 1'000'000, "nodes from 2 to 1000000"));
  });
  read_range(json, "devices", ranges.devices, [](JsonView value) {
    return static_cast<std::size_t>(value.as_integer(1, 8, "devices from 1 to 8"));
  });
  read_range(json, "ratio", ranges.ratio, [](JsonView value) {
    const double ratio = value.as_number("a ratio from 0.001 to 1000");
    if (ratio < 0.001 || ratio > 1000) value.fail_expected("a ratio from 0.001 to 1000");
    return ratio;
  });
  read_share(json, "unequal", ranges.unequal);
  read_share(json, "shared_bus", ranges.shared_bus);
  read_share(json, "tight_memory", ranges.tight_memory);
}

}  // namespace

std::string describe(const ProblemRanges& ranges) {
  return fmt::format(
      "families {}; graphs {}; nodes {} to {}; ratio {} to {}; devices {} to {}; unequal {}; "
      "shared bus {}; tight memory {}; objectives {}",
      fmt::join(ranges.families, ","), fmt::join(ranges.graphs, ","), ranges.nodes.low,
      ranges.nodes.high, ranges.ratio.low, ranges.ratio.high, ranges.devices.low,
      ranges.devices.high, ranges.unequal, ranges.shared_bus, ranges.tight_memory,
      fmt::join(ranges.objectives, ","));
}

TrainingConfig read_training(std::string_view text, const std::string& file) {
  constexpr std::array<std::string_view, 15> kKeys{
      "algorithm", "format",      "version",    "parameters",    "seed",
      "budget",    "evaluations", "workers",    "teacher",       "teacher_rollouts",
      "training",  "held_back",   "test_every", "test_problems", "test_evaluations"};
  check_header(text, file, "placer.training");
  const JsonDocument document = parse_json(text, file);
  const JsonView root = document.root();
  root.only_keys(kKeys, "a training config");
  TrainingConfig config;
  constexpr std::array<std::string_view, 2> kAlgorithms{"gnn", "dual"};
  if (const auto algorithm = root.find("algorithm")) {
    config.algorithm = algorithm->as_name("\"gnn\" or \"dual\"");
    if (std::ranges::find(kAlgorithms, config.algorithm) == kAlgorithms.end()) {
      algorithm->fail_expected("\"gnn\" or \"dual\"");
    }
  }
  if (const auto parameters = root.find("parameters")) {
    for (const JsonView parameter : parameters->members("an object: parameter -> value")) {
      config.parameters.emplace(parameter.key(), read_parameter(parameter));
    }
  }
  if (const auto seed = root.find("seed")) {
    config.seed = seed->as_unsigned("an integer from 0 to 2^64 - 1");
  }
  if (const auto budget = root.find("budget")) config.budget = read_budget(*budget);
  read_count(root, "evaluations", 1, kMost, "evaluations from 1 on", config.evaluations);
  std::uint64_t workers = config.workers;
  read_count(root, "workers", 1, 256, "workers from 1 to 256", workers);
  config.workers = static_cast<std::size_t>(workers);
  if (const auto teacher = root.find("teacher")) {
    if (config.algorithm != "dual") teacher->fail("only \"dual\" learns from a teacher");
    read_teachers(*teacher, config.teachers);
  }
  read_count(root, "teacher_rollouts", 1, 1024, "rollouts from 1 to 1024", config.teacher_rollouts);
  read_count(root, "test_every", 1, kMost, "rounds from 1 on", config.test_every);
  read_count(root, "test_problems", 1, 100'000, "problems from 1 on", config.test_problems);
  read_count(root, "test_evaluations", 1, kMost, "evaluations from 1 on", config.test_evaluations);
  if (const auto ranges = root.find("training")) read_ranges(*ranges, config.training);
  config.held_back = config.training;
  if (const auto ranges = root.find("held_back")) read_ranges(*ranges, config.held_back);
  return config;
}

}  // namespace placer
