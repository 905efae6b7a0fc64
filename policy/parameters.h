#pragma once

// Every setting of "colocrl", with its default, range and unit. SearchOptions::parameters sets them
// by name.

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace placer::policy {

// How a step time becomes a reward.
enum class RewardScale : std::uint8_t {
  kRelative,  // -sqrt(step time / reference time): the same settings fit steps of a microsecond and
              // of a minute
  kSeconds,   // -sqrt(step time in seconds), as published
};

// Defaults were chosen on the graphs of tests/policy/learning_test.cpp, all with one setting
// (docs/colocrl.md).
struct ColocrlParameters {
  // --- network ---
  std::int64_t hidden = 64;        // width of every LSTM, per direction; 4..2048
  bool bidirectional = true;       // the encoder also reads the groups from last to first
  std::int64_t type_width = 20;    // width of an op type's embedding; 1..256
  std::int64_t device_width = 16;  // width of a device's embedding; 1..256
  double temperature = 1;          // divides the logits; 0.01..1000
  double tanh = 0;                 // C in C * tanh(logits / temperature); 0 (off)..1000

  // --- training ---
  std::int64_t k = 8;           // placements per update; 1..4096
  double lr = 3e-3;             // Adam's step; 1e-8..1
  double entropy = 0.1;         // weight of the entropy bonus, per group; 0..10
  double entropy_end = 0.1;     // its weight at the end of the budget, linear in between; 0..10
  double clip = 1;              // largest norm of the gradient; 1e-6..1e6
  double baseline_decay = 0.9;  // of the moving-average baseline; 0..1 (1: never moves)
  // Starts at the failing signal; else at the mean of the first rewards.
  bool baseline_from_failing = true;
  bool normalize = true;  // advantages are divided by their moving root mean square
  RewardScale reward = RewardScale::kRelative;  // relative, seconds
  // Step time that an infeasible placement is given, in reference times; 1..1e6.
  double failing = 4;
  // Updates after which only feasible placements teach; 0..1e9.
  std::int64_t feasible_only_after = 500;

  // Every update also imitates the best placements since the last restart: so many; 0 (off)..4096.
  std::int64_t elites = 4;
  double elite_weight = 0.3;  // of that term in the loss; 0..1e3

  // A policy that has found nothing better for so many updates (and a quarter of all since the last
  // restart) starts anew from fresh weights, if the rest of the budget is as large as what it has
  // used itself; 0 (never)..1e9.
  std::int64_t restart_after = 100;

  // --- start and end ---
  bool warm_start = false;                // first imitate the best of the initial placements
  std::int64_t warm_start_updates = 200;  // at most; 1..1e6
  std::string policy;  // checkpoint whose weights to start from; empty: fresh weights
  std::int64_t checkpoint_updates = 100;  // saved every so many updates; 1..1e9
  double checkpoint_seconds = 30;         // and at least this often; 0..1e9

  bool operator==(const ColocrlParameters&) const = default;
};

// Defaults with `settings` applied in order.
//   throws  Error(kUsage) for an unknown name (with the nearest one), a name given twice, a
//           malformed value and one out of range
[[nodiscard]] ColocrlParameters parse_parameters(
    std::span<const std::pair<std::string, std::string>> settings);

// Every parameter as (name, value), in the order of the struct; parse_parameters() reads them back.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> to_settings(
    const ColocrlParameters& parameters);

}  // namespace placer::policy
