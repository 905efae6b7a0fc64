#include "policy/trainer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/starts.h"
#include "placer/base/error.h"
#include "policy/base_placement.h"
#include "policy/checkpoint_file.h"
#include "policy/first_round.h"
#include "policy/metrics.h"
#include "policy/refiner.h"
#include "policy/reward.h"
#include "policy/round.h"
#include "policy/search_checkpoint.h"

namespace placer::policy {
namespace {

// Imitation ends when a device is chosen with a probability of about exp(-0.35) = 0.7: the policy
// must still explore.
constexpr double kImitatedLoss = 0.35;
// Where local search explores, samples are to be near what it found: exp(-0.1) = 0.9.
constexpr double kImitatedForRefining = 0.1;
// Updates in a row that blow the policy up after which the settings are to blame.
constexpr std::uint64_t kMaxFailed = 10;

// Keeps the moves of local search apart from the streams of samples.
constexpr std::uint64_t kRefineStream = 0x726566696e65;

class Trainer {
 public:
  Trainer(const Problem& problem, const SearchOptions& options, const Method& method)
      : problem_(problem),
        options_(options),
        method_(method),
        training_(method.training),
        learner_(method.make(problem, options.seed)),
        safeguard_(*learner_, training_.clip),
        rule_(training_, reference_time(problem)),
        baseline_(training_, baseline_start()),
        incumbent_(problem, options, method.name),
        round_(static_cast<std::size_t>(training_.elites), 0),
        file_(problem, options, method) {
    if (training_.improves) {
      base_.emplace(problem, training_, options.seed, incumbent_, *learner_);
    }
    if (training_.refine > 0) {
      refiner_.emplace(problem, incumbent_,
                       RefinerOptions{.temperature = training_.refine_temperature,
                                      .cooling = training_.refine_cooling});
    }
  }

  SearchResult run() {
    if (start()) {
      while (trouble_.empty() && update()) {
        if (file_.due(updates_, incumbent_.clock().seconds())) save();
      }
      save();
      if (trouble_.empty()) evaluate_rest();
    }
    SearchResult result = incumbent_.finish();
    result.trouble = trouble_.empty() ? undone() : trouble_;
    return result;
  }

 private:
  [[nodiscard]] std::optional<double> baseline_start() const {
    // A policy that has learned before does not explore from a baseline that praises everything.
    if (!training_.baseline_from_failing || !training_.policy.empty()) return std::nullopt;
    return rule_.failing_reward();
  }

  // False when it does not come to the first update: then there is nothing to go on from.
  bool start() {
    if (file_.exists()) {
      resume();
      return true;
    }
    if (!training_.policy.empty()) load_policy();
    safeguard_.begin();
    const bool decodes = training_.zero_shot || !training_.policy.empty();
    if (base_) {
      base_->find();
      if (decodes) base_->decode(options_.decoded);
    } else if (decodes) {
      incumbent_.evaluate(placements_of(learner_->decode(options_.decoded)));
    }
    if (training_.zero_shot) return false;
    if (!base_ && training_.warm_start) warm_start();
    if (incumbent_.exhausted()) return false;
    const bool imitates = training_.warm_start && incumbent_.best();
    const bool fresh = method_.fresh_weights && training_.policy.empty();
    const bool chooses = fresh && learner_->ways_to_begin() > 1 && !imitates;
    if (chooses && !choose_start()) return false;
    admit_examples();
    file_.begin(incumbent_.clock().seconds());
    return true;
  }

  // False when the budget is used before every way to begin has been tried: then nothing is kept,
  // and a longer budget begins anew.
  bool choose_start() {
    const auto first = choose_first_round(*learner_, incumbent_, options_.seed);
    if (!first) return false;
    round_number_ = first->number;
    round_.admit(problem_.constraints, first->proposals, first->outcomes);
    safeguard_.begin();
    return true;
  }

  void admit_examples() {
    std::vector<Outcome> outcomes(method_.examples.size());
    problem_.evaluator.evaluate(placements_of(method_.examples), outcomes);
    round_.admit(problem_.constraints, method_.examples, outcomes);
  }

  // Imitates the best of the placements that the search is given.
  void warm_start() {
    if (refiner_) {
      static_cast<void>(starting_choices(problem_, refiner_->units(), incumbent_));
    } else {
      incumbent_.evaluate_initial();
    }
    if (incumbent_.best()) imitate(*incumbent_.best());
  }

  void load_policy() {
    const Checkpoint policy = read_policy(training_.policy);
    try {
      learner_->load_weights(training_.policy, best_weights(policy));
    } catch (const Error&) {
      if (policy.identity.algorithm == method_.name) throw;
      throw Error(ErrorKind::kBadInput, training_.policy, "search.algorithm",
                  fmt::format("a policy of {}, which {} cannot start from",
                              policy.identity.algorithm, method_.name));
    }
  }

  [[nodiscard]] Proposal drawn_as(const Placement& placement) const {
    std::optional<Proposal> proposal = learner_->proposal_of(placement);
    if (!proposal) {
      throw usage_error(fmt::format(
          "{} cannot imitate a placement: leave warm_start and refine off", method_.name));
    }
    return *std::move(proposal);
  }

  void imitate(const Placement& placement) {
    const Proposal proposal = drawn_as(placement);
    for (std::int64_t i = 0; i < training_.warm_start_updates && !incumbent_.exhausted(); ++i) {
      const double enough = refiner_ ? kImitatedForRefining : kImitatedLoss;
      safeguard_.before_lesson();
      const LessonReport report = learner_->imitate({&proposal, 1}, enough);
      if (report.loss < enough) break;
      judge(report);
      if (!trouble_.empty()) return;
    }
    safeguard_.begin();
  }

  // One update of the policy; false when the budget does not allow a whole one.
  bool update() {
    const auto batch = static_cast<std::size_t>(training_.k);
    if (incumbent_.clock().left() < batch) return false;
    const std::vector<Proposal> proposals = sample();
    if (proposals.empty()) return false;
    const std::optional<double> value = expected();
    if (incumbent_.evaluate(placements_of(proposals)) < batch) return false;
    const std::vector<Outcome> outcomes(incumbent_.outcomes().begin(), incumbent_.outcomes().end());
    UpdateMetrics metrics;
    const Taught taught = advantages_of(outcomes, value, metrics);
    const Refined refined = refine(proposals, outcomes);
    record(proposals, outcomes, refined);
    const bool teaches = !taught.rewards.empty() || !refined.proposals.empty();
    if (teaches && training_.teaches) teach(taught, outcomes, refined, metrics);
    if (base_) base_->step(updates_, proposals, outcomes);
    ++updates_;
    report(metrics);
    restart_when_fruitless();
    return true;
  }

  [[nodiscard]] std::vector<Rng> streams() const {
    std::vector<Rng> rngs;
    for (std::int64_t k = 0; k < training_.k; ++k) {
      const std::uint64_t keys[] = {updates_, static_cast<std::uint64_t>(k)};
      rngs.push_back(Rng::keyed(options_.seed, keys));
    }
    return rngs;
  }

  // Nothing where even the last good weights give no probabilities: then there is trouble.
  std::vector<Proposal> sample() {
    do {
      try {
        std::vector<Rng> rngs = streams();
        return learner_->sample(rngs);
      } catch (const UndrawableWeights&) {  // the weights are finite, what comes of them is not
      }
    } while (safeguard_.roll_back());
    trouble_ = "the policy's probabilities are not finite";
    return {};
  }

  struct Taught {
    std::vector<double> advantages;  // [K]; of an outcome that may not teach 0
    std::vector<double> rewards;     // of the others
  };

  //   value  what was expected of their rewards, where that is the baseline
  Taught advantages_of(std::span<const Outcome> outcomes, std::optional<double> value,
                       UpdateMetrics& metrics) {
    const bool all_teach = updates_ < static_cast<std::uint64_t>(training_.feasible_only_after);
    rule_.settle(outcomes);
    const StepNoise steps = noise_of(outcomes);
    const auto teaches = [&](const Outcome& outcome) {
      return outcome.fresh && (all_teach || outcome.feasible());
    };
    std::vector<double> rewards;
    std::vector<double> noise;
    for (const Outcome& outcome : outcomes) {
      const double reward = base_ ? base_->reward(outcome) : rule_.reward(outcome);
      metrics.reward_mean += reward / static_cast<double>(outcomes.size());
      if (!teaches(outcome)) continue;
      rewards.push_back(reward);
      noise.push_back(training_.improves ? improvement_error(reward, outcome, steps)
                                         : rule_.squared_error(outcome, steps));
    }
    describe_samples(outcomes, metrics);
    Taught result{.advantages = std::vector<double>(outcomes.size()), .rewards = {}};
    if (rewards.empty()) return result;
    const std::vector<double> advantages = baseline_.advantages(rewards, noise, value);
    std::size_t next = 0;
    for (std::size_t k = 0; k < outcomes.size(); ++k) {
      if (teaches(outcomes[k])) result.advantages[k] = advantages[next++] * new_share(outcomes[k]);
    }
    result.rewards = std::move(rewards);
    return result;
  }

  // Of the samples' reward, where the baseline is a prediction.
  [[nodiscard]] std::optional<double> expected() const {
    if (training_.baseline != BaselineKind::kValue) return std::nullopt;
    const std::optional<double> value = learner_->value();
    if (!value) {
      throw usage_error(fmt::format(
          "{} learns no value: its baseline is moving or batch, not value", method_.name));
    }
    return value;
  }

  // What local search made of an update's samples.
  struct Refined {
    std::vector<Proposal> proposals;
    std::vector<Outcome> outcomes;
    std::vector<double> weights;
  };

  Refined refine(std::span<const Proposal> proposals, std::span<const Outcome> outcomes) {
    Refined refined;
    if (!refiner_) return refined;
    const double share = incumbent_.clock().fraction();
    const double end = share + training_.refine * (1 - share);
    const double units = static_cast<double>(refiner_->units().size());
    const auto least = static_cast<std::uint64_t>(std::max(1.0, training_.refine_moves * units));
    double most = 0;
    for (std::size_t k = 0; k < proposals.size(); ++k) {
      const std::uint64_t keys[] = {updates_, k, kRefineStream};
      Rng rng = Rng::keyed(options_.seed, keys);
      const double now = incumbent_.clock().fraction();
      const double until = now + (end - now) / static_cast<double>(proposals.size() - k);
      Outcome outcome = outcomes[k];
      const Placement& start = where_to_refine(proposals[k].placement, outcome, rng);
      const Placement better = refiner_->refine(start, outcome, rng, {until, least});
      rule_.settle({&outcome, 1});  // it may be the first that fits
      const double gain = rule_.reward(outcome) - rule_.reward(outcomes[k]);
      most = std::max(most, gain);
      refined.proposals.push_back(drawn_as(better));
      refined.outcomes.push_back(std::move(outcome));
      refined.weights.push_back(std::max(gain, 0.0));
    }
    for (double& weight : refined.weights) weight = most > 0 ? weight / most : 0;
    return refined;
  }

  // The sample, if annealing would go there from the best placement so far; else that one.
  //   outcome  of the sample; becomes that of the result
  [[nodiscard]] const Placement& where_to_refine(const Placement& sample, Outcome& outcome,
                                                 Rng& rng) const {
    if (!incumbent_.best()) return sample;
    if (updates_ > 0 && better(outcome, incumbent_.best_outcome())) return sample;
    const auto best = static_cast<double>(incumbent_.best_outcome().cost());
    const double rise = static_cast<double>(outcome.cost()) - best;
    if (updates_ > 0 && outcome.feasible() &&
        rng.uniform() < std::exp(-rise / (best * training_.refine_accept))) {
      return sample;
    }
    outcome = incumbent_.best_outcome();
    return *incumbent_.best();
  }

  void record(std::span<const Proposal> proposals, std::span<const Outcome> outcomes,
              const Refined& refined) {
    std::vector<Proposal> all(proposals.begin(), proposals.end());
    std::vector<Outcome> known(outcomes.begin(), outcomes.end());
    all.insert(all.end(), refined.proposals.begin(), refined.proposals.end());
    known.insert(known.end(), refined.outcomes.begin(), refined.outcomes.end());
    round_.record(problem_.constraints, all, known);
  }

  void teach(const Taught& taught, std::span<const Outcome> outcomes, const Refined& refined,
             UpdateMetrics& metrics) {
    const double share = incumbent_.clock().fraction();
    const double weight =
        training_.entropy == training_.entropy_end
            ? training_.entropy
            : training_.entropy + share * (training_.entropy_end - training_.entropy);
    Lesson lesson{.advantages = taught.advantages,
                  .outcomes = outcomes,
                  .rewards = taught.rewards,
                  .entropy_weight = weight,
                  .elites = {},
                  .elite_weight = training_.elite_weight,
                  .refined = refined.proposals,
                  .refined_weights = refined.weights};
    for (const Elite& elite : round_.state().elites) lesson.elites.push_back(elite.proposal);
    safeguard_.before_lesson();
    const LessonReport report = learner_->teach(lesson);
    judge(report);
    metrics.loss_policy = report.loss;
    metrics.entropy = report.entropy;
    metrics.grad_norm = report.grad_norm;
    metrics.details = report.details;
  }

  // What blows the policy up is undone; where that does not help several times in a row the search
  // ends, and keeps what it has found.
  void judge(const LessonReport& report) {
    if (safeguard_.after_lesson(report) || safeguard_.failed() < kMaxFailed) return;
    trouble_ = fmt::format(
        "the policy or its gradient was not finite, or far too large, in {} updates in a row; try "
        "a smaller learning rate than lr={}",
        safeguard_.failed(), training_.lr);
  }

  // For the user, of a search that went on to its end.
  [[nodiscard]] std::string undone() const {
    const std::uint64_t times = safeguard_.rollbacks();
    if (times == 0) return "";
    return fmt::format(
        "the policy blew up and was put back {} time{} in {} updates; a smaller learning rate than "
        "lr={} may find more",
        times, times == 1 ? "" : "s", updates_, training_.lr);
  }

  void restart_when_fruitless() {
    if (!method_.fresh_weights) return;
    if (!round_.fruitless(static_cast<std::uint64_t>(training_.restart_after))) return;
    // A round that the budget would cut short is worth less than more samples of this one.
    const double share = incumbent_.clock().fraction();
    if (1 - share >= share - round_.state().start) restart(share);
  }

  void restart(double share) {
    const double learned = baseline_.state().value;
    if (!kept_ || learned > *kept_) {
      kept_ = learned;
      kept_weights_ = with_prefix(kKeptPrefix, learner_->weights());
    }
    learner_->reset(options_.seed, ++round_number_);
    safeguard_.begin();
    baseline_ = Baseline(training_, baseline_start());
    round_ = Round(static_cast<std::size_t>(training_.elites), share);
  }

  void report(UpdateMetrics& metrics) const {
    if (!options_.metrics) return;
    metrics.step = updates_;
    metrics.wall_time = incumbent_.clock().seconds();
    metrics.baseline = baseline_.state().value;
    if (incumbent_.best() && !incumbent_.best_outcome().score) {
      metrics.best_step_time_ms = incumbent_.best_outcome().step_time.seconds() * 1e3;
    }
    metrics.lr = training_.lr;
    metrics.evaluations = incumbent_.clock().spent();
    metrics.rollbacks = safeguard_.rollbacks();
    metrics.timed_steps = incumbent_.timed_steps();
    options_.metrics(to_json_line(metrics));
  }

  // What is left of the budget is less than an update needs: the placements are tried, nothing is
  // learned, and the checkpoint before them lets a longer budget go on as if they had not been.
  void evaluate_rest() {
    if (incumbent_.exhausted()) return;
    incumbent_.evaluate(placements_of(sample()));
  }

  // --- checkpoints ---

  void save() {
    if (options_.checkpoint.empty()) return;
    SearchState state{.updates = updates_,
                      .baseline = baseline_.state(),
                      .round_number = round_number_,
                      .round = round_.state(),
                      .kept = kept_,
                      .reward = rule_.state(),
                      .base = {},
                      .safeguard = safeguard_.state(),
                      .result = incumbent_.so_far()};
    if (base_) state.base = base_->state();
    std::vector<Blob> blobs = learner_->weights();
    for (const auto& more : {learner_->optimizer_state(), kept_weights_,
                             with_prefix(kGoodPrefix, safeguard_.good())}) {
      blobs.insert(blobs.end(), more.begin(), more.end());
    }
    file_.save(std::move(state), std::move(blobs), incumbent_.clock().seconds());
  }

  void resume() {
    Checkpoint checkpoint = file_.load(*learner_);
    kept_ = checkpoint.state.kept;
    if (kept_) {
      kept_weights_ = without_prefix(kKeptPrefix, checkpoint.blobs);
      learner_->load_weights(options_.checkpoint, kept_weights_);  // are they sound?
      kept_weights_ = with_prefix(kKeptPrefix, std::move(kept_weights_));
    }
    load_good(checkpoint);
    learner_->load_weights(options_.checkpoint, checkpoint.blobs);
    learner_->load_optimizer_state(options_.checkpoint, checkpoint.blobs);
    if (!checkpoint.state.safeguard) safeguard_.begin();
    updates_ = checkpoint.state.updates;
    round_number_ = checkpoint.state.round_number;
    round_.restore(std::move(checkpoint.state.round));
    baseline_.restore(checkpoint.state.baseline);
    rule_.restore(checkpoint.state.reward);
    incumbent_.restore(std::move(checkpoint.state.result));
    if (base_) base_->restore(*std::move(checkpoint.state.base));
    file_.begin(incumbent_.clock().seconds());
  }

  void load_good(const Checkpoint& checkpoint) {
    if (!checkpoint.state.safeguard) return;
    std::vector<Blob> good = without_prefix(kGoodPrefix, checkpoint.blobs);
    learner_->load_weights(options_.checkpoint, good);  // are they sound?
    learner_->load_optimizer_state(options_.checkpoint, good);
    safeguard_.restore(*checkpoint.state.safeguard, std::move(good));
  }

  const Problem& problem_;
  const SearchOptions& options_;
  const Method& method_;
  const TrainingParameters& training_;
  std::unique_ptr<Learner> learner_;
  Safeguard safeguard_;
  RewardRule rule_;
  Baseline baseline_;
  Incumbent incumbent_;
  Round round_;
  SearchCheckpoint file_;
  std::optional<BasePlacement> base_;  // of methods that improve one
  std::optional<Refiner> refiner_;     // where samples are refined
  std::uint64_t updates_ = 0;
  std::uint64_t round_number_ = 0;
  std::optional<double> kept_;
  std::vector<Blob> kept_weights_;  // under the names of kept ones
  std::string trouble_;
};

// The placement when the constraints leave only one.
std::optional<Placement> only_placement(const Constraints& constraints) {
  Placement placement;
  for (const std::uint64_t mask : constraints.allowed) {
    if (!std::has_single_bit(mask)) return std::nullopt;
    placement.device.push_back(id_at<DeviceId>(static_cast<std::size_t>(std::countr_zero(mask))));
  }
  return placement;
}

}  // namespace

SearchResult train(const Problem& problem, const SearchOptions& options, const Method& method) {
  if (const auto only = only_placement(problem.constraints)) {
    Incumbent incumbent(problem, options, method.name);
    incumbent.evaluate({&*only, 1});
    return incumbent.finish();
  }
  return Trainer(problem, options, method).run();
}

}  // namespace placer::policy
