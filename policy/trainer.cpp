#include "policy/trainer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/starts.h"
#include "placer/algorithm/unit_table.h"
#include "placer/base/error.h"
#include "policy/checkpoint_file.h"
#include "policy/metrics.h"
#include "policy/refiner.h"
#include "policy/reward.h"
#include "policy/round.h"

namespace placer::policy {
namespace {

// Imitation ends when a device is chosen with a probability of about exp(-0.35) = 0.7: the policy
// must still explore.
constexpr double kImitatedLoss = 0.35;
// Where local search explores, samples are to be near what it found: exp(-0.1) = 0.9.
constexpr double kImitatedForRefining = 0.1;
// Updates in a row without a finite gradient after which the settings are to blame.
constexpr int kMaxFailedSteps = 10;

// Keeps the moves of local search apart from the streams of samples.
constexpr std::uint64_t kRefineStream = 0x726566696e65;

constexpr std::string_view kKept = "kept.";

// The same blobs under the names of a policy that a restart replaced.
std::vector<Blob> as_kept(std::vector<Blob> blobs) {
  for (Blob& blob : blobs) blob.name.insert(0, kKept);
  return blobs;
}

std::vector<Blob> kept_of(std::span<const Blob> blobs) {
  std::vector<Blob> kept;
  for (const Blob& blob : blobs) {
    if (!blob.name.starts_with(kKept)) continue;
    kept.push_back(blob);
    kept.back().name.erase(0, kKept.size());
  }
  return kept;
}

std::vector<Placement> placements_of(std::span<const Proposal> proposals) {
  std::vector<Placement> placements;
  for (const Proposal& proposal : proposals) placements.push_back(proposal.placement);
  return placements;
}

class Trainer {
 public:
  Trainer(const Problem& problem, const SearchOptions& options, const Method& method)
      : problem_(problem),
        options_(options),
        method_(method),
        training_(method.training),
        learner_(method.make(problem, options.seed)),
        rule_(training_, reference_time(problem)),
        baseline_(training_, baseline_start()),
        incumbent_(problem, options, method.name),
        round_(static_cast<std::size_t>(training_.elites), 0) {
    if (training_.refine > 0) {
      refiner_.emplace(problem, incumbent_,
                       RefinerOptions{.temperature = training_.refine_temperature,
                                      .cooling = training_.refine_cooling});
    }
  }

  SearchResult run() {
    if (start()) {
      while (trouble_.empty() && update()) {
        if (due()) save();
      }
      save();
      if (trouble_.empty()) evaluate_rest();
    }
    SearchResult result = incumbent_.finish();
    result.trouble = trouble_;
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
    if (!options_.checkpoint.empty() && std::filesystem::exists(options_.checkpoint)) {
      resume();
      return true;
    }
    if (!training_.policy.empty()) load_policy();
    if (training_.improves) {
      find_base();
      if (training_.zero_shot || !training_.policy.empty()) decode();
      if (training_.zero_shot) return false;
    } else if (training_.warm_start) {
      if (refiner_) {
        static_cast<void>(starting_choices(problem_, refiner_->units(), incumbent_));
      } else {
        incumbent_.evaluate_initial();
      }
      if (incumbent_.best()) imitate(*incumbent_.best());
      if (incumbent_.exhausted()) return false;
    }
    last_save_seconds_ = incumbent_.clock().seconds();
    return true;
  }

  // Starts as other searches do.
  void find_base() {
    const UnitTable units(problem_);
    const std::vector<Choice> starts = starting_choices(problem_, units, incumbent_);
    set_base(conforming(problem_.constraints,
                        units.placement(starts.empty() ? Choice(units.size()) : starts.front())),
             incumbent_.best_outcome());
  }

  // What a policy that has learned before makes of the start, as long as that gains something.
  void decode() {
    constexpr int kRounds = 4;
    for (int round = 0; round < kRounds && !incumbent_.exhausted(); ++round) {
      const std::optional<Placement> before = incumbent_.best();
      incumbent_.evaluate(placements_of(learner_->decode()));
      if (incumbent_.best() == before) return;
      set_base(*incumbent_.best(), incumbent_.best_outcome());
    }
  }

  void set_base(const Placement& placement, const Outcome& outcome) {
    base_ = Base{.placement = placement, .cost = base_cost(outcome)};
    learner_->rebase(base_->placement);
  }

  // Goes on from the best sample of the update, where it is good enough (simulated annealing).
  void step_base(std::span<const Proposal> proposals, std::span<const Outcome> outcomes) {
    if (!training_.improves) return;
    std::size_t best = 0;
    for (std::size_t i = 1; i < proposals.size(); ++i) {
      best = better(outcomes[i], outcomes[best]) ? i : best;
    }
    if (accepts(outcomes[best])) {
      set_base(conforming(problem_.constraints, proposals[best].placement), outcomes[best]);
    }
  }

  [[nodiscard]] bool accepts(const Outcome& outcome) const {
    const std::optional<std::int64_t>& base = base_->cost.cost;
    if (!base) return improvement(base_->cost, outcome) > 0;
    if (!outcome.feasible()) return false;
    if (outcome.cost() <= *base) return true;
    const double rise = static_cast<double>(outcome.cost() - *base) /
                        static_cast<double>(std::max<std::int64_t>(*base, 1));
    constexpr double kLast = 1e-3;
    const double temper = training_.temper * std::pow(kLast, incumbent_.clock().fraction());
    const std::uint64_t keys[] = {updates_, static_cast<std::uint64_t>(training_.k)};
    return Rng::keyed(options_.seed, keys).uniform() < std::exp(-rise / temper);
  }

  // The weights of the checkpoint's best policy: the present one, or one that a restart replaced.
  void load_policy() {
    const Checkpoint checkpoint = read_checkpoint(training_.policy);
    const std::optional<double>& kept = checkpoint.state.kept;
    const bool present = !kept || checkpoint.state.baseline.value >= *kept;
    learner_->load_weights(training_.policy,
                           present ? checkpoint.blobs : kept_of(checkpoint.blobs));
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
      const LessonReport report = learner_->imitate({&proposal, 1}, enough);
      if (report.loss < enough) return;
      count_failure(report);
    }
  }

  // One update of the policy; false when the budget does not allow a whole one.
  bool update() {
    const auto batch = static_cast<std::size_t>(training_.k);
    if (incumbent_.clock().left() < batch) return false;
    const std::vector<Proposal> proposals = sample();
    if (incumbent_.evaluate(placements_of(proposals)) < batch) return false;
    const std::vector<Outcome> outcomes(incumbent_.outcomes().begin(), incumbent_.outcomes().end());
    UpdateMetrics metrics;
    const auto advantages = advantages_of(outcomes, metrics);
    const Refined refined = refine(proposals, outcomes);
    record(proposals, outcomes, refined);
    if (advantages && training_.teaches) teach(*advantages, outcomes, refined, metrics);
    step_base(proposals, outcomes);
    ++updates_;
    report(metrics);
    restart_when_fruitless();
    return true;
  }

  std::vector<Proposal> sample() {
    std::vector<Rng> rngs;
    for (std::int64_t k = 0; k < training_.k; ++k) {
      const std::uint64_t keys[] = {updates_, static_cast<std::uint64_t>(k)};
      rngs.push_back(Rng::keyed(options_.seed, keys));
    }
    return learner_->sample(rngs);
  }

  // Nothing when none of the outcomes may teach; an outcome that may not teach has advantage 0.
  std::optional<std::vector<double>> advantages_of(std::span<const Outcome> outcomes,
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
      const double reward =
          training_.improves ? improvement(base_->cost, outcome) : rule_.reward(outcome);
      metrics.reward_mean += reward / static_cast<double>(outcomes.size());
      if (!teaches(outcome)) continue;
      rewards.push_back(reward);
      noise.push_back(training_.improves ? improvement_error(reward, outcome, steps)
                                         : rule_.squared_error(outcome, steps));
    }
    describe_samples(outcomes, metrics);
    if (rewards.empty()) return std::nullopt;
    const std::vector<double> taught = baseline_.advantages(rewards, noise);
    std::vector<double> result;
    std::size_t next = 0;
    for (const Outcome& outcome : outcomes) {
      result.push_back(teaches(outcome) ? taught[next++] * new_share(outcome) : 0.0);
    }
    return result;
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

  void teach(std::span<const double> advantages, std::span<const Outcome> outcomes,
             const Refined& refined, UpdateMetrics& metrics) {
    const double share = incumbent_.clock().fraction();
    const double weight =
        training_.entropy == training_.entropy_end
            ? training_.entropy
            : training_.entropy + share * (training_.entropy_end - training_.entropy);
    Lesson lesson{.advantages = advantages,
                  .outcomes = outcomes,
                  .entropy_weight = weight,
                  .elites = {},
                  .elite_weight = training_.elite_weight,
                  .refined = refined.proposals,
                  .refined_weights = refined.weights};
    for (const Elite& elite : round_.state().elites) lesson.elites.push_back(elite.proposal);
    const LessonReport report = learner_->teach(lesson);
    count_failure(report);
    metrics.loss_policy = report.loss;
    metrics.entropy = report.entropy;
    metrics.grad_norm = report.grad_norm;
    metrics.details = report.details;
  }

  // A gradient that is not finite changes nothing; several in a row end the search, which keeps
  // what it has found.
  void count_failure(const LessonReport& report) {
    failed_steps_ = report.applied ? 0 : failed_steps_ + 1;
    if (failed_steps_ >= kMaxFailedSteps) {
      trouble_ = fmt::format(
          "the gradient was not finite in {} updates in a row; try a smaller learning rate than "
          "lr={}",
          failed_steps_, training_.lr);
    }
  }

  void restart_when_fruitless() {
    if (!round_.fruitless(static_cast<std::uint64_t>(training_.restart_after))) return;
    // A round that the budget would cut short is worth less than more samples of this one.
    const double share = incumbent_.clock().fraction();
    if (1 - share >= share - round_.state().start) restart(share);
  }

  void restart(double share) {
    const double learned = baseline_.state().value;
    if (!kept_ || learned > *kept_) {
      kept_ = learned;
      kept_weights_ = as_kept(learner_->weights());
    }
    learner_->reset(options_.seed, ++restarts_);
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
    metrics.timed_steps = incumbent_.timed_steps();
    options_.metrics(to_json_line(metrics));
  }

  // What is left of the budget is less than an update needs: the placements are tried, nothing is
  // learned, and the checkpoint before them lets a longer budget go on as if they had not been.
  void evaluate_rest() {
    if (incumbent_.exhausted()) return;
    static_cast<void>(incumbent_.evaluate(placements_of(sample())));
  }

  // --- checkpoints ---

  [[nodiscard]] bool due() const {
    if (options_.checkpoint.empty()) return false;
    return updates_ % static_cast<std::uint64_t>(training_.checkpoint_updates) == 0 ||
           incumbent_.clock().seconds() - last_save_seconds_ >= training_.checkpoint_seconds;
  }

  [[nodiscard]] SearchIdentity identity() const {
    return {.algorithm = method_.name,
            .graph_hash = problem_.costs.graph().hash(),
            .cluster_hash = problem_.costs.cluster().hash(),
            .constraints_hash = hash_of(problem_.constraints),
            .evaluator = problem_.evaluator.name(),
            .seed = options_.seed,
            .settings = method_.settings};
  }

  void save() {
    if (options_.checkpoint.empty()) return;
    Checkpoint checkpoint;
    checkpoint.identity = identity();
    checkpoint.state = {.updates = updates_,
                        .baseline = baseline_.state(),
                        .restarts = restarts_,
                        .round = round_.state(),
                        .kept = kept_,
                        .score_unit = rule_.score_unit(),
                        .base = base_,
                        .result = incumbent_.so_far()};
    checkpoint.blobs = learner_->weights();
    const std::vector<Blob> optimizer = learner_->optimizer_state();
    for (const auto& more : {optimizer, kept_weights_}) {
      checkpoint.blobs.insert(checkpoint.blobs.end(), more.begin(), more.end());
    }
    write_checkpoint(options_.checkpoint, checkpoint);
    last_save_seconds_ = incumbent_.clock().seconds();
  }

  void resume() {
    Checkpoint checkpoint = read_checkpoint(options_.checkpoint);
    require_same_search(options_.checkpoint, checkpoint.identity, identity());
    if (training_.improves && !checkpoint.state.base) {
      throw Error(ErrorKind::kBadInput, options_.checkpoint, "base", "is missing");
    }
    if (checkpoint.state.base) require_valid("base", checkpoint.state.base->placement);
    if (checkpoint.state.result.best) require_valid("result.best", *checkpoint.state.result.best);
    for (const Elite& elite : checkpoint.state.round.elites) {
      require_valid("round.elites", elite.proposal.placement);
      if (!learner_->takes(elite.proposal)) {
        throw Error(ErrorKind::kBadInput, options_.checkpoint, "round.elites",
                    fmt::format("{} cannot have drawn this", method_.name));
      }
    }
    kept_ = checkpoint.state.kept;
    if (kept_) {
      kept_weights_ = kept_of(checkpoint.blobs);
      learner_->load_weights(options_.checkpoint, kept_weights_);  // are they sound?
      kept_weights_ = as_kept(std::move(kept_weights_));
    }
    learner_->load_weights(options_.checkpoint, checkpoint.blobs);
    learner_->load_optimizer_state(options_.checkpoint, checkpoint.blobs);
    updates_ = checkpoint.state.updates;
    restarts_ = checkpoint.state.restarts;
    round_.restore(std::move(checkpoint.state.round));
    baseline_.restore(checkpoint.state.baseline);
    rule_.restore(checkpoint.state.score_unit);
    incumbent_.restore(std::move(checkpoint.state.result));
    base_ = std::move(checkpoint.state.base);
    if (base_) learner_->rebase(base_->placement);
    last_save_seconds_ = incumbent_.clock().seconds();
  }

  void require_valid(const char* where, const Placement& placement) const {
    const std::size_t nodes = problem_.costs.graph().size();
    const std::string violation =
        placement.device.size() == nodes
            ? first_violation(problem_.costs.graph(), problem_.costs.cluster(),
                              problem_.constraints, placement)
            : fmt::format("{} devices, expected {}", placement.device.size(), nodes);
    if (!violation.empty()) {
      throw Error(ErrorKind::kBadInput, options_.checkpoint, where, violation);
    }
  }

  const Problem& problem_;
  const SearchOptions& options_;
  const Method& method_;
  const TrainingParameters& training_;
  std::unique_ptr<Learner> learner_;
  RewardRule rule_;
  Baseline baseline_;
  Incumbent incumbent_;
  Round round_;
  std::optional<Base> base_;        // what the learner improves
  std::optional<Refiner> refiner_;  // where samples are refined
  std::uint64_t updates_ = 0;
  std::uint64_t restarts_ = 0;
  std::optional<double> kept_;
  std::vector<Blob> kept_weights_;  // under the names of kept ones
  int failed_steps_ = 0;
  std::string trouble_;
  double last_save_seconds_ = 0;
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
