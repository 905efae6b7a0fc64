#pragma once

// Settings that learned methods share: how they train, and the sequence-to-sequence network of
// those that have one. A method that needs other defaults changes them before it reads the user's.

#include <cstdint>
#include <string>

#include "policy/settings.h"

namespace placer::policy {

// How a cost becomes a reward.
enum class RewardScale : std::uint8_t {
  kRelative,  // -sqrt(step time / reference time): the same settings fit steps of a microsecond and
              // of a minute
  kSeconds,   // -sqrt(step time in seconds), as published
};

enum class Loss : std::uint8_t {
  kReinforce,  // one step along the policy gradient (Williams, 1992)
  kPpo,        // several steps on the clipped surrogate (Schulman et al., arXiv 1707.06347)
};

// What a reward is compared with.
enum class BaselineKind : std::uint8_t {
  kMoving,  // moving average of the rewards so far
  kBatch,   // mean of the update's other samples
  kValue,   // what a head of the network predicts
};

// Defaults were chosen on the graphs of tests/policy/learning_test.cpp, all with one setting
// (docs/colocrl.md).
struct TrainingParameters {
  std::int64_t k = 8;        // placements per update; 1..4096
  double lr = 3e-3;          // Adam's step; 1e-8..1
  double entropy = 0.1;      // weight of the entropy bonus, per decision; 0..10
  double entropy_end = 0.1;  // its weight at the end of the budget, linear in between; 0..10
  double clip = 1;           // largest norm of the gradient; 1e-6..1e6

  Loss loss = Loss::kReinforce;  // reinforce, ppo
  std::int64_t epochs = 4;       // of ppo: steps per update; 1..100
  double ratio_clip = 0.2;       // of ppo: largest change of a decision's probability; 0.001..10
  double kl = 0.02;              // of ppo: ends the epochs of an update, nats per decision; 0..100

  BaselineKind baseline = BaselineKind::kMoving;  // moving, batch, value
  double baseline_decay = 0.9;                    // of the moving average; 0..1 (1: never moves)
  // The moving average starts at the failing signal; else at the mean of the first rewards.
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

  // Part of the method, no setting: proposals are changes of a placement, the base.
  bool improves = false;
  // Not a setting either: false samples the policy as it is.
  bool teaches = true;
  // Of methods that improve a placement: only what the policy makes of the start, without search.
  bool zero_shot = false;
  // The best sample of an update becomes the base when it is no worse, and with probability
  // exp(-rise / T) when its cost is higher, by that share; T falls from this to a thousandth of it
  // as the budget is used; 0..10.
  double temper = 0.02;
  // Share of what is left of the budget that each update gives to local search from its samples,
  // whose results the policy imitates; 0 (off)..1.
  double refine = 0;
  // Moves of each of these searches at least, for every unit that is placed; 0.01..1e4.
  double refine_moves = 5;
  // A sample that is worse than the best placement so far by this share of its cost is searched
  // from with probability exp(-1), else the best one is; 1e-9..1e3.
  double refine_accept = 0.01;
  double refine_temperature = 0.01;  // of their first moves, over the cost; 1e-9..1e3
  double refine_cooling = 1e-3;      // last over first temperature; 1e-12..1

  bool warm_start = false;                // first imitate the best of the initial placements
  std::int64_t warm_start_updates = 200;  // at most; 1..1e6
  std::string device = "cpu";             // where a network lives: cpu, cuda:0, ...
  std::string policy;  // checkpoint whose weights to start from; empty: fresh weights
  std::int64_t checkpoint_updates = 100;  // saved every so many updates; 1..1e9
  double checkpoint_seconds = 30;         // and at least this often; 0..1e9

  bool operator==(const TrainingParameters&) const = default;
};

// In which ways fresh weights begin, besides that nothing is likelier (first_logits.h).
struct FirstLogits {
  // Strength of runs of the order on all devices; 0 (not so)..1000.
  double runs = 0;
  // Decisions that a sample has elsewhere, in the mean, than where one device is filled after the
  // other; 0 (not so)..1e6.
  double packing = 0;

  bool operator==(const FirstLogits&) const = default;
};

struct SequenceParameters {
  std::int64_t hidden = 64;        // width of every LSTM, per direction; 4..2048
  bool bidirectional = true;       // the encoder also reads the groups from last to first
  std::int64_t type_width = 20;    // width of an op type's embedding; 1..256
  std::int64_t device_width = 16;  // width of a device's embedding; 1..256
  double temperature = 1;          // divides the logits; 0.01..1000
  double tanh = 0;                 // C in C * tanh(logits / temperature); 0 (off)..1000
  FirstLogits first;

  bool operator==(const SequenceParameters&) const = default;
};

//   predicts  the learner has a value to offer as baseline
void describe(Settings& settings, TrainingParameters& parameters, bool predicts = false);
// Those of methods with a network.
void describe_network(Settings& settings, TrainingParameters& parameters);
// The rest of them, for methods that can imitate what local search makes of their samples.
void describe_refining(Settings& settings, TrainingParameters& parameters);
void describe(Settings& settings, FirstLogits& first);
// All but `first`, whose defaults are those of the method.
void describe(Settings& settings, SequenceParameters& parameters);

}  // namespace placer::policy
