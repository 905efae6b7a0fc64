#pragma once

// What `placer place` can be told, by flags and by a config file.

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "placer/algorithm/algorithm.h"
#include "placer/formats/formats.h"
#include "tools/placer/constraint_flags.h"

namespace placer::cli {

struct PlaceOptions {
  Config flags;  // what the flags said
  ConstraintFlags constraints;
  std::string config_file;
  std::string run_dir;
  std::string resume;
  std::string tensorboard;
  std::string policy;
  std::string policy_device;
  std::vector<std::string> settings;  // "algorithm.name=value"
  bool no_warm_start = false;
  bool no_measure = false;
};

// Everything that can be named on the command line.
[[nodiscard]] AlgorithmRegistry all_algorithms();
// Why what runs every algorithm does not run this one: more to place than it takes.
[[nodiscard]] std::string left_out_text(const AlgorithmEntry& entry);
// Names of those that search.
[[nodiscard]] std::vector<std::string> searches_of(const AlgorithmRegistry& registry);

// Adds "algorithm.name=value" of --set. Throws Error(kUsage) for what is not written so.
void add_settings(AlgorithmParameters& parameters, const std::vector<std::string>& settings);

// Makes the paths of policies that algorithms begin with absolute. Throws Error(kBadInput) for one
// that is missing or damaged: that is said before anything has run.
void check_policies(AlgorithmParameters& parameters);

// Adds the flags, which write to `options`.
void add_place_flags(CLI::App& command, PlaceOptions& options);

// The config file under the flags that were given. Paths become absolute, so that a run can be
// resumed from anywhere.
[[nodiscard]] Config resolve(const PlaceOptions& options, const CLI::App& command);

// Whether every algorithm that is named only decodes a policy that was trained before.
[[nodiscard]] bool is_zero_shot(const Config& config);

// Throws Error(kUsage) when another flag than `flag` was given, --tensorboard apart: a run that goes
// on has its options already.
void require_alone(const CLI::App& command, const std::string& flag);

}  // namespace placer::cli
