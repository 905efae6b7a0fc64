#pragma once

// "placer.training": what `placer train` is told (docs/formats/training.md).

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace placer {

// Both ends included.
template <typename T>
struct Range {
  T low{};
  T high{};

  bool operator==(const Range&) const = default;
};

// What problems are like; everything is drawn for each problem anew.
struct ProblemRanges {
  // Where their graphs come from, each as likely as every other: generated, and files.
  std::vector<std::string> families = {"layered", "transformer", "series-parallel", "random"};
  std::vector<std::string> graphs = {};  // with op times; named from the config's folder
  Range<std::size_t> nodes{50, 1000};    // of generated ones, log-uniform
  Range<double> ratio{0.1, 10};          // communication to computation, log-uniform
  Range<std::size_t> devices{2, 8};
  double unequal = 0.5;       // share of problems whose devices differ in speed
  double shared_bus = 0.25;   // share whose links are one bus
  double tight_memory = 0.5;  // share whose devices hold little more than their part
  std::vector<std::string> objectives = {"step-time"};

  bool operator==(const ProblemRanges&) const = default;
};

struct TrainingConfig {
  std::string algorithm = "gnn";                  // whose policy
  std::map<std::string, std::string> parameters;  // of the method
  std::uint64_t seed = 1;
  std::string budget = "20m";
  std::uint64_t evaluations = 200;  // of one problem
  std::size_t workers = 8;
  // Policies to learn from: files, or "shipped"; and placements that each decodes a problem into.
  std::vector<std::string> teachers;
  std::uint64_t teacher_rollouts = 64;
  ProblemRanges training;
  ProblemRanges held_back;        // what it is tested on; fields left out are training's
  std::uint64_t test_every = 50;  // rounds
  std::uint64_t test_problems = 8;
  std::uint64_t test_evaluations = 200;

  bool operator==(const TrainingConfig&) const = default;
};

// All of it in one line: equal ranges have the same.
[[nodiscard]] std::string describe(const ProblemRanges& ranges);

[[nodiscard]] TrainingConfig read_training(std::string_view text, const std::string& file);

}  // namespace placer
