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
#include "policy/torch/gnn.h"
#include "policy/torch/network_learner.h"
#include "policy/torch/policy_device.h"
#include "policy/torch/single_thread.h"
#include "policy/trainer.h"

namespace placer::policy {
namespace {

constexpr std::uint64_t kTestStream = 0x74657374;
constexpr const char* kAnyProblem = "any";

// log(last cost / first cost) of a search; nothing: nothing feasible was found.
std::optional<double> log_gain(const SearchResult& result) {
  if (!result.best || result.history.empty()) return std::nullopt;
  const auto first = static_cast<double>(std::max<std::int64_t>(result.history.front().best.ps, 1));
  const auto last = static_cast<double>(std::max<std::int64_t>(result.outcome.cost(), 1));
  return std::log(last / first);
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

class Generalist {
 public:
  Generalist(const InstanceSource& source, const GeneralistOptions& options)
      : source_(source),
        options_(options),
        method_(method_of(options)),
        numbers_(at::TensorOptions(at::kFloat).device(open_policy_device(method_.training.device))),
        clock_(options.budget, options.stop),
        network_(make_network()),
        untrained_(make_network()),
        optimizer_(network_->parameters(), method_.training.lr, method_.training.clip) {
    for (std::size_t w = 0; w < options.workers; ++w) {
      sums_.emplace_back(network_->parameters(), method_.training.clip);
    }
    settings_ = describe(method_).list();
    settings_.emplace_back("evaluations_per_problem", std::to_string(options.evaluations));
    settings_.emplace_back("workers", std::to_string(options.workers));
  }

  GeneralistResult run() {
    if (!options_.output.empty() && std::filesystem::exists(options_.output)) resume();
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
  static GnnMethod method_of(const GeneralistOptions& options) {
    GnnMethod method = gnn_defaults();
    // A step follows the mean over hundreds of samples: there is little noise in it.
    method.training.lr = 3e-3;
    describe(method).read(options.parameters);
    return method;
  }

  [[nodiscard]] std::shared_ptr<GraphNetwork> make_network() const {
    return std::make_shared<GraphNetwork>(method_.network, options_.seed, numbers_);
  }

  enum class Use : std::uint8_t { kLearn, kSearch, kDecode };

  // Places one problem; what is learned goes to `sum`, which only Use::kLearn needs.
  SearchResult place(Instance& instance, const std::shared_ptr<GraphNetwork>& network,
                     std::uint64_t seed, Use use, GradientSum* sum = nullptr) const {
    const SingleThread guard;
    const Problem problem = instance.problem();
    SearchOptions options;
    options.seed = seed;
    options.budget.evaluations =
        use == Use::kLearn ? options_.evaluations : options_.test_evaluations;
    options.initial = instance.initial();
    TrainingParameters training = method_.training;
    training.teaches = use == Use::kLearn;
    training.zero_shot = use == Use::kDecode;
    return train(problem, options,
                 {.name = "gnn",
                  .training = training,
                  .settings = {},
                  .make = [&](const Problem& of, std::uint64_t) {
                    return make_network_learner(make_graph_policy(of, network), training, sum);
                  }});
  }

  void round() {
    std::vector<std::optional<double>> gains(sums_.size());
    std::vector<std::uint64_t> spent(sums_.size());
    run_in_parallel(sums_.size(), options_.threads, [&](std::size_t w, std::size_t) {
      const std::uint64_t index = result_.rounds * sums_.size() + w;
      const auto instance = source_.training(index);
      const std::uint64_t seed = Rng::keyed(options_.seed, std::array{index}).next();
      const SearchResult found = place(*instance, network_, seed, Use::kLearn, &sums_[w]);
      gains[w] = log_gain(found);
      spent[w] = found.evaluations;
    });
    for (const std::uint64_t each : spent) clock_.spend(each);
    gain_ = geometric_mean(gains);
    step();
  }

  void step() {
    for (std::size_t w = 1; w < sums_.size(); ++w) sums_[0].add(sums_[w]);
    static_cast<void>(optimizer_.minimize(sums_[0]));
    for (GradientSum& sum : sums_) sum.reset();
  }

  [[nodiscard]] std::vector<NamedTensor> tensors() const {
    std::vector<NamedTensor> all = network_->parameters();
    for (NamedTensor& tensor : optimizer_.state()) all.push_back(std::move(tensor));
    return all;
  }

  void test() {
    const auto problems = static_cast<std::size_t>(options_.test_problems);
    std::vector<std::optional<double>> decoded(problems);
    std::vector<std::optional<double>> searched(problems);
    std::vector<std::optional<double>> untrained(problems);
    run_in_parallel(problems, options_.threads, [&](std::size_t i, std::size_t) {
      const auto instance = source_.held_back(i);
      const std::uint64_t seed =
          Rng::keyed(options_.seed, std::array{kTestStream, std::uint64_t{i}}).next();
      searched[i] = log_gain(place(*instance, network_, seed, Use::kSearch));
      untrained[i] = log_gain(place(*instance, untrained_, seed, Use::kSearch));
      decoded[i] = log_gain(place(*instance, network_, seed, Use::kDecode));
    });
    result_.tests.push_back({.round = result_.rounds,
                             .zero_shot = geometric_mean(decoded),
                             .searched = geometric_mean(searched),
                             .untrained = geometric_mean(untrained)});
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
    return {.algorithm = "gnn",
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
  GnnMethod method_;
  at::TensorOptions numbers_;
  std::vector<std::pair<std::string, std::string>> settings_;
  BudgetClock clock_;
  std::shared_ptr<GraphNetwork> network_;
  std::shared_ptr<GraphNetwork> untrained_;
  AdamOptimizer optimizer_;
  std::vector<GradientSum> sums_;  // [workers]
  double gain_ = 1;
  GeneralistResult result_;
};

}  // namespace

GeneralistResult train_generalist(const InstanceSource& source, const GeneralistOptions& options) {
  return Generalist(source, options).run();
}

}  // namespace placer::policy
