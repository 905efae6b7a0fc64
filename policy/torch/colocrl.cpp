#include "policy/torch/colocrl.h"

#include <bit>
#include <filesystem>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "placer/algorithm/incumbent.h"
#include "placer/base/error.h"
#include "policy/checkpoint_file.h"
#include "policy/features.h"
#include "policy/metrics.h"
#include "policy/reward.h"
#include "policy/torch/checkpoint.h"
#include "policy/torch/reinforce.h"
#include "policy/torch/seq2seq.h"
#include "policy/torch/single_thread.h"

namespace placer::policy {
namespace {

// Imitation ends when a group's device is chosen with a probability of about exp(-0.35) = 0.7: the
// policy must still explore.
constexpr double kImitatedLoss = 0.35;
// Updates in a row without a finite gradient after which the settings are to blame.
constexpr int kMaxFailedSteps = 10;

SearchIdentity identity_of(const Problem& problem, const SearchOptions& options,
                           const ColocrlParameters& parameters) {
  return {.graph_hash = problem.costs.graph().hash(),
          .cluster_hash = problem.costs.cluster().hash(),
          .constraints_hash = hash_of(problem.constraints),
          .evaluator = problem.evaluator.name(),
          .seed = options.seed,
          .settings = to_settings(parameters)};
}

// [groups, 1]
at::Tensor to_actions(const Placement& placement) {
  at::Tensor actions =
      at::empty({static_cast<std::int64_t>(placement.device.size()), 1}, at::kLong);
  std::int64_t* data = actions.data_ptr<std::int64_t>();
  for (const DeviceId device : placement.device) *data++ = static_cast<std::int64_t>(index(device));
  return actions;
}

std::vector<Placement> to_placements(const at::Tensor& actions) {
  const auto groups = static_cast<std::size_t>(actions.size(0));
  const auto batch = static_cast<std::size_t>(actions.size(1));
  const std::int64_t* data = actions.const_data_ptr<std::int64_t>();
  std::vector<Placement> placements(batch);
  for (std::size_t k = 0; k < batch; ++k) {
    placements[k].device.resize(groups);
    for (std::size_t v = 0; v < groups; ++v) {
      placements[k].device[v] = id_at<DeviceId>(static_cast<std::size_t>(data[v * batch + k]));
    }
  }
  return placements;
}

// The same tensors under the names of a policy that a restart replaced.
std::vector<NamedTensor> renamed(std::vector<NamedTensor> tensors) {
  for (NamedTensor& tensor : tensors) tensor.name = "kept." + tensor.name;
  return tensors;
}

std::vector<NamedTensor> kept_copy(const std::vector<NamedTensor>& tensors) {
  std::vector<NamedTensor> copy = renamed(tensors);
  for (NamedTensor& tensor : copy) tensor.value = tensor.value.detach().clone();
  return copy;
}

// What is known of `count` placements from `first` on.
Evaluation part(const Evaluation& all, std::int64_t first, std::int64_t count) {
  return {all.log_probability.narrow(0, first, count), all.entropy.narrow(0, first, count)};
}

// One run of the algorithm.
class ColocrlSearch {
 public:
  ColocrlSearch(const Problem& problem, const SearchOptions& options,
                const ColocrlParameters& parameters)
      : problem_(problem),
        options_(options),
        parameters_(parameters),
        inputs_(to_inputs(make_features(problem, FeatureOptions{}), at::kFloat)),
        network_(parameters, inputs_, options.seed),
        optimizer_(network_.parameters(), parameters.lr, parameters.clip),
        rule_(parameters, reference_time(problem)),
        baseline_(parameters.baseline_decay, parameters.normalize, baseline_start()),
        incumbent_(problem, options, "colocrl"),
        round_(static_cast<std::size_t>(parameters.elites), 0) {}

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
    if (!parameters_.baseline_from_failing || !parameters_.policy.empty()) return std::nullopt;
    return rule_.failing_reward();
  }

  // False when it did not come to the first update: then there is nothing to go on from.
  bool start() {
    if (!options_.checkpoint.empty() && std::filesystem::exists(options_.checkpoint)) {
      resume();
      return true;
    }
    if (!parameters_.policy.empty()) load_policy();
    if (parameters_.warm_start) {
      incumbent_.evaluate_initial();
      if (incumbent_.best()) imitate(*incumbent_.best());
      if (incumbent_.exhausted()) return false;
    }
    last_save_seconds_ = incumbent_.clock().seconds();
    return true;
  }

  // The weights of the checkpoint's best policy: the present one, or one that a restart replaced.
  void load_policy() {
    const Checkpoint checkpoint = read_checkpoint(parameters_.policy);
    const std::optional<double>& kept = checkpoint.state.kept;
    const bool present = !kept || checkpoint.state.baseline.value >= *kept;
    load_blobs(parameters_.policy, checkpoint.tensors,
               present ? network_.parameters() : renamed(network_.parameters()));
  }

  // Cross-entropy with one placement.
  void imitate(const Placement& placement) {
    const at::Tensor actions = to_actions(placement);
    for (std::int64_t i = 0; i < parameters_.warm_start_updates && !incumbent_.exhausted(); ++i) {
      const Encoding encoding = network_.encode(inputs_);
      const at::Tensor loss = imitation_loss(network_.evaluate(encoding, actions), groups());
      if (loss.item<double>() < kImitatedLoss) return;
      take_step(loss);
    }
  }

  // One update of the policy; false when the budget does not allow a whole one.
  bool update() {
    const auto batch = static_cast<std::size_t>(parameters_.k);
    if (incumbent_.clock().left() < batch) return false;
    const Encoding encoding = network_.encode(inputs_);
    const at::Tensor actions = sample(encoding);
    const std::vector<Placement> placements = to_placements(actions);
    if (incumbent_.evaluate(placements) < batch) return false;
    round_.record(problem_.constraints, placements, incumbent_.outcomes());
    UpdateMetrics metrics;
    const auto advantages = advantages_of(incumbent_.outcomes(), metrics);
    if (advantages) teach(encoding, actions, *advantages, metrics);
    ++updates_;
    report(metrics);
    restart_when_fruitless();
    return true;
  }

  void restart_when_fruitless() {
    if (!round_.fruitless(static_cast<std::uint64_t>(parameters_.restart_after))) return;
    // A round that the budget would cut short is worth less than more samples of this one.
    const double share = incumbent_.clock().fraction();
    if (1 - share >= share - round_.state().start) restart(share);
  }

  void restart(double share) {
    const double learned = baseline_.state().value;
    if (!kept_ || learned > *kept_) {
      kept_ = learned;
      kept_weights_ = kept_copy(network_.parameters());
    }
    network_.reset(options_.seed, ++restarts_);
    optimizer_.reset();
    baseline_ = Baseline(parameters_.baseline_decay, parameters_.normalize, baseline_start());
    round_ = Round(static_cast<std::size_t>(parameters_.elites), share);
  }

  at::Tensor sample(const Encoding& encoding) const {
    std::vector<Rng> rngs;
    for (std::int64_t k = 0; k < parameters_.k; ++k) {
      const std::uint64_t keys[] = {updates_, static_cast<std::uint64_t>(k)};
      rngs.push_back(Rng::keyed(options_.seed, keys));
    }
    return network_.sample(encoding, rngs).actions;
  }

  // Nothing when none of the outcomes may teach; an outcome that may not teach has advantage 0.
  std::optional<std::vector<double>> advantages_of(std::span<const Outcome> outcomes,
                                                   UpdateMetrics& metrics) {
    const bool all_teach = updates_ < static_cast<std::uint64_t>(parameters_.feasible_only_after);
    std::vector<double> rewards;
    for (const Outcome& outcome : outcomes) {
      const double reward = rule_.reward(outcome);
      metrics.reward_mean += reward / static_cast<double>(outcomes.size());
      if (all_teach || outcome.feasible()) rewards.push_back(reward);
    }
    describe_samples(outcomes, metrics);
    if (rewards.empty()) return std::nullopt;
    const std::vector<double> taught = baseline_.advantages(rewards);
    std::vector<double> result;
    std::size_t next = 0;
    for (const Outcome& outcome : outcomes) {
      result.push_back(all_teach || outcome.feasible() ? taught[next++] : 0.0);
    }
    return result;
  }

  void teach(const Encoding& encoding, const at::Tensor& actions,
             std::span<const double> advantages, UpdateMetrics& metrics) {
    const double share = incumbent_.clock().fraction();
    const double weight =
        parameters_.entropy == parameters_.entropy_end
            ? parameters_.entropy
            : parameters_.entropy + share * (parameters_.entropy_end - parameters_.entropy);
    std::vector<at::Tensor> placements = {actions};
    for (const Elite& elite : round_.state().elites) {
      placements.push_back(to_actions(elite.placement));
    }
    const Evaluation all = network_.evaluate(encoding, at::cat(placements, 1));
    const Evaluation sampled = part(all, 0, parameters_.k);
    at::Tensor loss = reinforce_loss(sampled, advantages, groups(), weight);
    metrics.loss_policy = loss.item<double>();
    metrics.entropy = sampled.entropy.mean().item<double>();
    if (const std::int64_t elites = all.entropy.size(0) - parameters_.k; elites > 0) {
      loss = loss +
             imitation_loss(part(all, parameters_.k, elites), groups()) * parameters_.elite_weight;
    }
    metrics.grad_norm = take_step(loss);
  }

  // Returns the gradient's norm. A gradient that is not finite changes nothing; several in a row
  // end the search, which keeps what it has found.
  double take_step(const at::Tensor& loss) {
    const AdamOptimizer::Step step = optimizer_.minimize(loss);
    failed_steps_ = step.applied ? 0 : failed_steps_ + 1;
    if (failed_steps_ >= kMaxFailedSteps) {
      trouble_ = fmt::format(
          "the gradient was not finite in {} updates in a row; try a smaller learning rate than "
          "lr={}",
          failed_steps_, parameters_.lr);
    }
    return step.grad_norm;
  }

  void report(UpdateMetrics& metrics) const {
    if (!options_.metrics) return;
    metrics.step = updates_;
    metrics.wall_time = incumbent_.clock().seconds();
    metrics.baseline = baseline_.state().value;
    if (incumbent_.best()) {
      metrics.best_step_time_ms = incumbent_.best_outcome().step_time.seconds() * 1e3;
    }
    metrics.lr = parameters_.lr;
    metrics.evaluations = incumbent_.clock().spent();
    options_.metrics(to_json_line(metrics));
  }

  // What is left of the budget is less than an update needs: the placements are tried, nothing is
  // learned, and the checkpoint before them lets a longer budget go on as if they had not been.
  void evaluate_rest() {
    if (incumbent_.exhausted()) return;
    static_cast<void>(incumbent_.evaluate(to_placements(sample(network_.encode(inputs_)))));
  }

  // --- checkpoints ---

  [[nodiscard]] bool due() const {
    if (options_.checkpoint.empty()) return false;
    return updates_ % static_cast<std::uint64_t>(parameters_.checkpoint_updates) == 0 ||
           incumbent_.clock().seconds() - last_save_seconds_ >= parameters_.checkpoint_seconds;
  }

  [[nodiscard]] std::vector<NamedTensor> tensors() const {
    std::vector<NamedTensor> all = network_.parameters();
    for (NamedTensor& tensor : optimizer_.state()) all.push_back(std::move(tensor));
    all.insert(all.end(), kept_weights_.begin(), kept_weights_.end());
    return all;
  }

  void save() {
    if (options_.checkpoint.empty()) return;
    Checkpoint checkpoint;
    checkpoint.identity = identity_of(problem_, options_, parameters_);
    checkpoint.state = {.updates = updates_,
                        .baseline = baseline_.state(),
                        .restarts = restarts_,
                        .round = round_.state(),
                        .kept = kept_,
                        .result = incumbent_.so_far()};
    checkpoint.tensors = to_blobs(tensors());
    write_checkpoint(options_.checkpoint, checkpoint);
    last_save_seconds_ = incumbent_.clock().seconds();
  }

  void resume() {
    Checkpoint checkpoint = read_checkpoint(options_.checkpoint);
    require_same_search(options_.checkpoint, checkpoint.identity,
                        identity_of(problem_, options_, parameters_));
    if (checkpoint.state.result.best) require_valid("result.best", *checkpoint.state.result.best);
    for (const Elite& elite : checkpoint.state.round.elites) {
      require_valid("round.elites", elite.placement);
    }
    if (checkpoint.state.kept) {
      kept_ = checkpoint.state.kept;
      kept_weights_ = kept_copy(network_.parameters());
    }
    load_blobs(options_.checkpoint, checkpoint.tensors, tensors());
    updates_ = checkpoint.state.updates;
    restarts_ = checkpoint.state.restarts;
    round_.restore(std::move(checkpoint.state.round));
    baseline_.restore(checkpoint.state.baseline);
    incumbent_.restore(std::move(checkpoint.state.result));
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

  [[nodiscard]] std::int64_t groups() const { return inputs_.numbers.size(0); }

  const Problem& problem_;
  const SearchOptions& options_;
  const ColocrlParameters parameters_;
  Inputs inputs_;
  Seq2Seq network_;
  AdamOptimizer optimizer_;
  RewardRule rule_;
  Baseline baseline_;
  Incumbent incumbent_;
  Round round_;
  std::uint64_t updates_ = 0;
  std::uint64_t restarts_ = 0;
  std::optional<double> kept_;
  std::vector<NamedTensor> kept_weights_;
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

class Colocrl : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    const ColocrlParameters parameters = parse_parameters(options.parameters);
    if (const auto only = only_placement(problem.constraints)) {
      Incumbent incumbent(problem, options, "colocrl");
      incumbent.evaluate({&*only, 1});
      return incumbent.finish();
    }
    const SingleThread guard;
    return ColocrlSearch(problem, options, parameters).run();
  }
};

}  // namespace

std::unique_ptr<Algorithm> make_colocrl() {
  return std::make_unique<Colocrl>();
}

}  // namespace placer::policy
