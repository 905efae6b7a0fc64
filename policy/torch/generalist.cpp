#include "policy/torch/generalist.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <filesystem>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/error.h"
#include "placer/base/parallel.h"
#include "policy/checkpoint_file.h"
#include "policy/torch/checkpoint.h"
#include "policy/torch/joint_optimizer.h"
#include "policy/torch/round_guard.h"
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

std::optional<Outcome> best_of(std::span<const Placement> placements, Instance& instance) {
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

// Of all threads of the process.
double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// What decoding alone made of a problem, and the CPU time that it took.
struct Decoded {
  std::optional<Outcome> outcome;
  double seconds = 0;
};

double seconds_of(std::span<const Decoded> all) {
  double sum = 0;
  for (const Decoded& each : all) sum += each.seconds;
  return sum;
}

class Generalist {
 public:
  Generalist(const InstanceSource& source, const GeneralistOptions& options)
      : source_(source),
        options_(options),
        clock_(options.budget, options.stop),
        policy_(start_of(options.parameters)),
        optimizer_(policy_.weights, policy_.method.training.lr, policy_.method.training.clip,
                   options.threads) {
    settings_ = policy_.method.settings;
    settings_.emplace_back("evaluations_per_problem", std::to_string(options.evaluations));
    settings_.emplace_back("workers", std::to_string(options.workers));
    settings_.insert(settings_.end(), source.identity.begin(), source.identity.end());
    for (const std::string& file : options.teachers) {
      teachers_.push_back(
          start_of({{"policy", file}, {"rollouts", std::to_string(options.teacher_rollouts)}}));
    }
    if (!teachers_.empty()) {
      settings_.emplace_back("teacher", fmt::format("{}", fmt::join(options.teachers, ",")));
      settings_.emplace_back("teacher_rollouts", std::to_string(options.teacher_rollouts));
    }
  }

  GeneralistResult run() {
    if (!options_.output.empty() && std::filesystem::exists(options_.output)) {
      resume();
    } else {
      test();
    }
    while (!clock_.exhausted() && !guard_.hopeless()) {
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
    result_.rollbacks = guard_.rollbacks();
    result_.trouble = guard_.trouble(result_.rounds, policy_.method.training.lr);
    return std::move(result_);
  }

 private:
  [[nodiscard]] TransferablePolicy start_of(
      const std::vector<std::pair<std::string, std::string>>& parameters) const {
    return transferable_policy(transferable_method(options_.algorithm, parameters),
                               source_.training(0)->problem(), options_.seed);
  }

  // Places one problem.
  //   seat  where what is learned goes to; null: nothing is
  SearchResult place(const Problem& problem, const TransferablePolicy& policy,
                     const TrainingParameters& training, const SearchOptions& options,
                     std::vector<Proposal> examples = {},
                     JointOptimizer::Seat* seat = nullptr) const {
    const SingleThread guard;
    const TransferableMethod& method = policy.method;
    const at::TensorOptions numbers = policy.weights.front().value.options();
    return train(problem, options,
                 {.name = method.name,
                  .training = training,
                  .settings = {},
                  .make =
                      [&](const Problem& of, std::uint64_t seed) {
                        auto network = method.make(of, seed, numbers);
                        copy_values(policy.weights, network->parameters());
                        return make_network_learner(std::move(network), training, seat);
                      },
                  .examples = std::move(examples),
                  .fresh_weights = false});
  }

  SearchResult learn(Instance& instance, std::uint64_t seed, JointOptimizer::Seat& seat) const {
    SearchOptions options;
    options.seed = seed;
    options.budget.evaluations = options_.evaluations;
    options.initial = instance.initial();
    // As the teacher drew it: its order is one of decisions, which that of starts would not be.
    std::vector<Proposal> examples;
    for (const TransferablePolicy& teacher : teachers_) {
      SearchResult found = decode(instance, teacher, {}, seed);
      if (found.best) examples.push_back({.placement = *std::move(found.best), .latent = {}});
    }
    return place(instance.problem(), policy_, policy_.method.training, options, std::move(examples),
                 &seat);
  }

  // By the policy as it is, learning nothing.
  SearchResult search(Instance& instance, std::span<const Placement> initial,
                      std::uint64_t seed) const {
    SearchOptions options;
    options.seed = seed;
    options.budget.evaluations = options_.test_evaluations;
    options.initial.assign(initial.begin(), initial.end());
    TrainingParameters training = policy_.method.training;
    training.teaches = false;
    return place(instance.problem(), policy_, training, options);
  }

  SearchResult decode(Instance& instance, const TransferablePolicy& policy,
                      std::span<const Placement> initial, std::uint64_t seed) const {
    SearchOptions options;
    options.seed = seed;
    options.initial.assign(initial.begin(), initial.end());
    TrainingParameters training = policy.method.training;
    training.zero_shot = true;
    return place(instance.problem(), policy, training, options);
  }

  // With the CPU time of the whole process: nothing else may run.
  Decoded timed_decode(Instance& instance, const TransferablePolicy& policy,
                       std::span<const Placement> initial, std::uint64_t seed) const {
    const double start = cpu_seconds();
    const SearchResult found = decode(instance, policy, initial, seed);
    return {.outcome = outcome_of(found), .seconds = cpu_seconds() - start};
  }

  void round() {
    std::vector<std::optional<double>> gains(options_.workers);
    std::vector<char> troubled(options_.workers);
    guard_.begin();
    std::vector<std::uint64_t> spent(options_.workers);
    optimizer_.set_rate(policy_.method.training.lr * (1 - (1 - kLastRate) * clock_.fraction()));
    optimizer_.expect(options_.workers);
    run_in_parallel(options_.workers, options_.workers, [&](std::size_t w, std::size_t) {
      JointOptimizer::Seat seat(optimizer_, w);
      const std::uint64_t index = result_.rounds * options_.workers + w;
      const auto instance = source_.training(index);
      const std::uint64_t seed = Rng::keyed(options_.seed, std::array{index}).next();
      const SearchResult found = learn(*instance, seed, seat);
      gains[w] = log_gain(found);
      spent[w] = found.evaluations;
      troubled[w] = found.trouble.empty() ? 0 : 1;
    });
    guard_.end({troubled.begin(), troubled.end()});
    for (const std::uint64_t each : spent) clock_.spend(each);
    gain_ = geometric_mean(gains);
  }

  [[nodiscard]] std::vector<NamedTensor> tensors() const {
    std::vector<NamedTensor> all = policy_.weights;
    for (NamedTensor& tensor : optimizer_.state()) all.push_back(std::move(tensor));
    return all;
  }

  // A held-back problem, and what is known of it without the policy.
  struct TestProblem {
    std::unique_ptr<Instance> instance;
    std::vector<Placement> references;
    std::optional<Outcome> reference;
    std::uint64_t seed = 0;
  };

  void test() {
    const auto count = static_cast<std::size_t>(options_.test_problems);
    std::vector<TestProblem> problems(count);
    std::vector<std::optional<double>> searched(count);
    run_in_parallel(count, options_.threads, [&](std::size_t i, std::size_t) {
      TestProblem& test = problems[i];
      test.instance = source_.held_back(i);
      test.seed = Rng::keyed(options_.seed, std::array{kTestStream, std::uint64_t{i}}).next();
      test.references = test.instance->references();
      test.reference = best_of(test.references, *test.instance);
      searched[i] =
          log_ratio(outcome_of(search(*test.instance, test.references, test.seed)), test.reference);
    });
    const std::vector<Decoded> decoded = decode_all(problems, policy_);
    std::vector<std::optional<double>> zero_shot;
    for (std::size_t i = 0; i < count; ++i) {
      zero_shot.push_back(log_ratio(decoded[i].outcome, problems[i].reference));
    }
    GeneralistTest result{.round = result_.rounds,
                          .zero_shot = geometric_mean(zero_shot),
                          .searched = geometric_mean(searched),
                          .failed = static_cast<std::uint64_t>(std::ranges::count_if(
                              zero_shot, [](const auto& each) { return !each; })),
                          .over_teacher = {},
                          .effort = {}};
    if (!teachers_.empty()) compare_with_teachers(problems, decoded, result);
    result_.tests.push_back(result);
  }

  // One after the other.
  [[nodiscard]] std::vector<Decoded> decode_all(std::span<const TestProblem> problems,
                                                const TransferablePolicy& policy) const {
    std::vector<Decoded> all;
    for (const TestProblem& test : problems) {
      all.push_back(timed_decode(*test.instance, policy, test.references, test.seed));
    }
    return all;
  }

  void compare_with_teachers(std::span<const TestProblem> problems,
                             std::span<const Decoded> decoded, GeneralistTest& result) {
    if (taught_.empty()) {
      taught_.resize(problems.size());
      for (const TransferablePolicy& teacher : teachers_) {
        const std::vector<Decoded> own = decode_all(problems, teacher);
        for (std::size_t i = 0; i < own.size(); ++i) {
          std::optional<Outcome>& best = taught_[i].outcome;
          if (own[i].outcome && (!best || better(*own[i].outcome, *best))) best = own[i].outcome;
          taught_[i].seconds += own[i].seconds;
        }
      }
    }
    std::vector<std::optional<double>> ratios;
    for (std::size_t i = 0; i < decoded.size(); ++i) {
      ratios.push_back(log_ratio(decoded[i].outcome, taught_[i].outcome));
    }
    result.over_teacher = geometric_mean(ratios);
    result.effort = seconds_of(decoded) / seconds_of(taught_);
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
    GeneralistTest test;
    const bool tested = !result_.tests.empty() && result_.tests.back().round == result_.rounds;
    if (tested) test = result_.tests.back();
    const auto number = [](std::optional<double> value) {
      return value ? fmt::format("{}", *value) : std::string("null");
    };
    std::string line = fmt::format(
        R"({{"step": {}, "wall_time": {:.3f}, "evaluations": {}, "gain": {}, "zero_shot": {}, )"
        R"("searched": {}, "rollbacks": {})",
        result_.rounds, clock_.seconds(), clock_.spent(), gain_,
        tested ? number(test.zero_shot) : "null", tested ? number(test.searched) : "null",
        guard_.rollbacks());
    if (!teachers_.empty()) {
      line += fmt::format(R"(, "over_teacher": {}, "effort": {})", number(test.over_teacher),
                          number(test.effort));
    }
    options_.metrics(line + "}");
  }

  // --- the file ---

  [[nodiscard]] SearchIdentity identity() const {
    return {.algorithm = policy_.method.name,
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
    checkpoint.state.safeguard = guard_.state();
    checkpoint.blobs = to_blobs(tensors());
    write_checkpoint(options_.output, checkpoint);
  }

  void resume() {
    const Checkpoint checkpoint = read_checkpoint(options_.output);
    require_same_search(options_.output, checkpoint.identity, identity());
    load_blobs(options_.output, checkpoint.blobs, tensors());
    result_.rounds = checkpoint.state.updates;
    guard_.restore(checkpoint.state.safeguard.value_or(SafeguardState{}));
    clock_.restore(checkpoint.state.result.evaluations, checkpoint.state.result.seconds);
  }

  const InstanceSource& source_;
  const GeneralistOptions& options_;
  BudgetClock clock_;
  TransferablePolicy policy_;
  std::vector<TransferablePolicy> teachers_;
  std::vector<std::pair<std::string, std::string>> settings_;
  JointOptimizer optimizer_;
  RoundGuard guard_{tensors()};
  double gain_ = 1;
  std::vector<Decoded> taught_;  // the best of the teachers on each held-back problem
  GeneralistResult result_;
};

}  // namespace

GeneralistResult train_generalist(const InstanceSource& source, const GeneralistOptions& options) {
  return Generalist(source, options).run();
}

}  // namespace placer::policy
