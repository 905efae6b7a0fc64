#include "policy/torch/generalist.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "placer/base/error.h"
#include "placer/base/parallel.h"
#include "policy/checkpoint_file.h"
#include "policy/torch/checkpoint.h"
#include "policy/torch/joint_optimizer.h"
#include "policy/torch/policy_device.h"
#include "policy/torch/single_thread.h"
#include "policy/torch/transferable.h"
#include "policy/trainer.h"

namespace placer::policy {
namespace {

constexpr std::uint64_t kTestStream = 0x74657374;
// Adam's step falls linearly to this share of the first: the last weights should not be noisy.
constexpr double kLastRate = 0.1;
constexpr const char* kAnyProblem = "any";

// Logarithm of a search's cost over another; nothing where one of them is missing.
std::optional<double> log_ratio(const std::optional<Outcome>& found,
                                const std::optional<Outcome>& reference) {
  if (!found || !reference || !found->feasible() || !reference->feasible()) return std::nullopt;
  const auto cost = [](const Outcome& outcome) {
    return static_cast<double>(std::max<std::int64_t>(outcome.cost(), 1));
  };
  return std::log(cost(*found) / cost(*reference));
}

// Of a search over the first placement that it judged.
std::optional<double> log_gain(const SearchResult& result) {
  if (!result.best || result.history.empty()) return std::nullopt;
  const auto first = static_cast<double>(std::max<std::int64_t>(result.history.front().best.ps, 1));
  const auto last = static_cast<double>(std::max<std::int64_t>(result.outcome.cost(), 1));
  return std::log(last / first);
}

std::optional<Outcome> outcome_of(const SearchResult& result) {
  return result.best ? std::optional(result.outcome) : std::nullopt;
}

std::optional<Outcome> best_reference(Instance& instance) {
  const std::vector<Placement> placements = instance.references();
  if (placements.empty()) return std::nullopt;
  std::vector<Outcome> outcomes(placements.size());
  instance.problem().evaluator.evaluate(placements, outcomes);
  return *std::ranges::min_element(outcomes, better);
}

double geometric_mean(std::span<const std::optional<double>> logs) {
  double sum = 0;
  double count = 0;
  for (const std::optional<double>& each : logs) {
    if (!each) continue;
    sum += *each;
    ++count;
  }
  return count > 0 ? std::exp(sum / count) : 1;
}

// The values without the network that they are of.
std::vector<NamedTensor> copies_of(const std::vector<NamedTensor>& parameters) {
  std::vector<NamedTensor> copies;
  for (const NamedTensor& each : parameters) {
    copies.push_back({each.name, each.value.detach().clone().requires_grad_()});
  }
  return copies;
}

class Generalist {
 public:
  Generalist(const InstanceSource& source, const GeneralistOptions& options)
      : source_(source),
        options_(options),
        method_(transferable_method(options.algorithm, options.parameters)),
        numbers_(at::TensorOptions(at::kFloat).device(open_policy_device(method_.training.device))),
        clock_(options.budget, options.stop),
        weights_(first_weights()),
        optimizer_(weights_, method_.training.lr, method_.training.clip, options.threads) {
    settings_ = method_.settings;
    settings_.emplace_back("evaluations_per_problem", std::to_string(options.evaluations));
    settings_.emplace_back("workers", std::to_string(options.workers));
  }

  GeneralistResult run() {
    if (!options_.output.empty() && std::filesystem::exists(options_.output)) {
      resume();
    } else {
      test();
    }
    while (!clock_.exhausted()) {
      round();
      ++result_.rounds;
      const bool due = result_.rounds % options_.test_every == 0;
      if (due) test();
      report();
      if (due) save();
    }
    if (result_.tests.empty() || result_.tests.back().round != result_.rounds) test();
    save();
    result_.evaluations = clock_.spent();
    result_.seconds = clock_.seconds();
    return std::move(result_);
  }

 private:
  // Names and shapes of weights do not depend on the problem.
  [[nodiscard]] std::vector<NamedTensor> first_weights() const {
    const auto instance = source_.training(0);
    return copies_of(method_.make(instance->problem(), options_.seed, numbers_)->parameters());
  }

  enum class Use : std::uint8_t { kLearn, kSearch, kDecode };

  // Places one problem.
  //   seat  of Use::kLearn: where what is learned goes to
  SearchResult place(Instance& instance, std::uint64_t seed, Use use,
                     JointOptimizer::Seat* seat = nullptr) const {
    const SingleThread guard;
    const Problem problem = instance.problem();
    SearchOptions options;
    options.seed = seed;
    options.budget.evaluations =
        use == Use::kLearn ? options_.evaluations : options_.test_evaluations;
    options.initial = use == Use::kLearn ? instance.initial() : instance.references();
    TrainingParameters training = method_.training;
    training.teaches = use == Use::kLearn;
    training.zero_shot = use == Use::kDecode;
    return train(problem, options,
                 {.name = method_.name,
                  .training = training,
                  .settings = {},
                  .make = [&](const Problem& of, std::uint64_t of_seed) {
                    auto network = method_.make(of, of_seed, numbers_);
                    copy_values(weights_, network->parameters());
                    return make_network_learner(std::move(network), training, seat);
                  }});
  }

  void round() {
    std::vector<std::optional<double>> gains(options_.workers);
    std::vector<std::uint64_t> spent(options_.workers);
    optimizer_.set_rate(method_.training.lr * (1 - (1 - kLastRate) * clock_.fraction()));
    optimizer_.expect(options_.workers);
    run_in_parallel(options_.workers, options_.workers, [&](std::size_t w, std::size_t) {
      JointOptimizer::Seat seat(optimizer_, w);
      const std::uint64_t index = result_.rounds * options_.workers + w;
      const auto instance = source_.training(index);
      const std::uint64_t seed = Rng::keyed(options_.seed, std::array{index}).next();
      const SearchResult found = place(*instance, seed, Use::kLearn, &seat);
      gains[w] = log_gain(found);
      spent[w] = found.evaluations;
    });
    for (const std::uint64_t each : spent) clock_.spend(each);
    gain_ = geometric_mean(gains);
  }

  [[nodiscard]] std::vector<NamedTensor> tensors() const {
    std::vector<NamedTensor> all = weights_;
    for (NamedTensor& tensor : optimizer_.state()) all.push_back(std::move(tensor));
    return all;
  }

  void test() {
    const auto problems = static_cast<std::size_t>(options_.test_problems);
    std::vector<std::optional<double>> decoded(problems);
    std::vector<std::optional<double>> searched(problems);
    run_in_parallel(problems, options_.threads, [&](std::size_t i, std::size_t) {
      const auto instance = source_.held_back(i);
      const std::uint64_t seed =
          Rng::keyed(options_.seed, std::array{kTestStream, std::uint64_t{i}}).next();
      const std::optional<Outcome> reference = best_reference(*instance);
      searched[i] = log_ratio(outcome_of(place(*instance, seed, Use::kSearch)), reference);
      decoded[i] = log_ratio(outcome_of(place(*instance, seed, Use::kDecode)), reference);
    });
    result_.tests.push_back({.round = result_.rounds,
                             .zero_shot = geometric_mean(decoded),
                             .searched = geometric_mean(searched),
                             .failed = static_cast<std::uint64_t>(std::ranges::count_if(
                                 decoded, [](const auto& each) { return !each; }))});
  }

  void report() const {
    if (options_.progress) {
      ProgressReport report;
      report.stage = fmt::format("training, round {}", result_.rounds);
      if (options_.budget.seconds) {
        report.total = *options_.budget.seconds;
        report.done = clock_.seconds();
      } else {
        report.total = static_cast<double>(options_.budget.evaluations.value_or(0));
        report.done = static_cast<double>(clock_.spent());
      }
      options_.progress(report);
    }
    if (!options_.metrics) return;
    const bool tested = !result_.tests.empty() && result_.tests.back().round == result_.rounds;
    options_.metrics(fmt::format(
        R"({{"step": {}, "wall_time": {:.3f}, "evaluations": {}, "gain": {}, "zero_shot": {}, )"
        R"("searched": {}}})",
        result_.rounds, clock_.seconds(), clock_.spent(), gain_,
        tested ? fmt::format("{}", result_.tests.back().zero_shot) : "null",
        tested ? fmt::format("{}", result_.tests.back().searched) : "null"));
  }

  // --- the file ---

  [[nodiscard]] SearchIdentity identity() const {
    return {.algorithm = method_.name,
            .graph_hash = kAnyProblem,
            .cluster_hash = kAnyProblem,
            .constraints_hash = kAnyProblem,
            .evaluator = kAnyProblem,
            .seed = options_.seed,
            .settings = settings_};
  }

  void save() const {
    if (options_.output.empty()) return;
    Checkpoint checkpoint;
    checkpoint.identity = identity();
    checkpoint.state.updates = result_.rounds;
    checkpoint.state.result.evaluations = clock_.spent();
    checkpoint.state.result.seconds = clock_.seconds();
    checkpoint.blobs = to_blobs(tensors());
    write_checkpoint(options_.output, checkpoint);
  }

  void resume() {
    const Checkpoint checkpoint = read_checkpoint(options_.output);
    require_same_search(options_.output, checkpoint.identity, identity());
    load_blobs(options_.output, checkpoint.blobs, tensors());
    result_.rounds = checkpoint.state.updates;
    clock_.restore(checkpoint.state.result.evaluations, checkpoint.state.result.seconds);
  }

  const InstanceSource& source_;
  const GeneralistOptions& options_;
  TransferableMethod method_;
  at::TensorOptions numbers_;
  std::vector<std::pair<std::string, std::string>> settings_;
  BudgetClock clock_;
  std::vector<NamedTensor> weights_;
  JointOptimizer optimizer_;
  double gain_ = 1;
  GeneralistResult result_;
};

}  // namespace

GeneralistResult train_generalist(const InstanceSource& source, const GeneralistOptions& options) {
  return Generalist(source, options).run();
}

}  // namespace placer::policy
