// placer train: one policy over many problems, to place graphs that it has not seen.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "placer/base/files.h"
#include "placer/formats/event_file.h"
#include "placer/formats/training_format.h"
#include "policy/shipped_policy.h"
#include "policy/torch/generalist.h"
#include "tools/placer/place/search_space.h"
#include "tools/placer/shared.h"
#include "tools/placer/train/problem_source.h"

namespace placer::cli {
namespace {

namespace fs = std::filesystem;

// Problems that are held back are drawn by another seed, whatever they are like.
constexpr std::uint64_t kHeldBack = 0x68656c64;

struct TrainOptions {
  std::string config;
  std::string output;
  std::string metrics;
  std::string tensorboard;
  std::string budget;
  std::string policy_device;
  bool resume = false;
};

// What a round came to, where it was asked for.
class Curves {
 public:
  explicit Curves(const TrainOptions& options) {
    if (!options.metrics.empty()) {
      require_writable(options.metrics, {options.config, options.output});
      lines_.open(options.metrics, options.resume ? std::ios::app : std::ios::trunc);
    }
    if (!options.tensorboard.empty()) events_.emplace(options.tensorboard);
  }
  void add(const std::string& line) {
    if (lines_.is_open()) lines_ << line << '\n' << std::flush;
    if (events_) events_->add(line);
  }

 private:
  std::ofstream lines_;
  std::optional<EventWriter> events_;
};

// Files are named from the folder of the config.
std::string policy_of(const std::string& name, const fs::path& folder) {
  return policy::is_policy_file(name) ? (folder / name).string() : name;
}

std::vector<std::pair<std::string, std::string>> training_parameters(const TrainingConfig& config,
                                                                     const TrainOptions& options,
                                                                     const fs::path& folder) {
  auto parameters = config.parameters;
  if (const auto start = parameters.find("policy"); start != parameters.end()) {
    start->second = policy_of(start->second, folder);
  }
  if (!options.policy_device.empty()) parameters["device"] = options.policy_device;
  return {parameters.begin(), parameters.end()};
}

std::vector<std::string> teachers_of(const TrainingConfig& config, const fs::path& folder) {
  std::vector<std::string> teachers;
  for (const std::string& teacher : config.teachers) {
    teachers.push_back(policy_of(teacher, folder));
  }
  return teachers;
}

std::string percent_above(double ratio) {
  return fmt::format("{:+.2f} %", 100 * (ratio - 1));
}

void print(const policy::GeneralistResult& result, const std::string& output) {
  std::cout << fmt::format("{} rounds, {} evaluations, {:.0f} s\n", result.rounds,
                           result.evaluations, result.seconds);
  std::cout << "held-back problems against the best heuristic of each (geometric means)\n"
            << "   round   zero-shot   searched   zero-shot failed";
  const bool taught = result.tests.back().over_teacher.has_value();
  std::cout << (taught ? "   zero-shot over teacher's   its CPU time\n" : "\n");
  for (const policy::GeneralistTest& test : result.tests) {
    std::cout << fmt::format("  {:>6}  {:>10}  {:>9}  {:>17}", test.round,
                             percent_above(test.zero_shot), percent_above(test.searched),
                             test.failed);
    if (taught) {
      std::cout << fmt::format("  {:>25}  {:>10.1f} %", percent_above(test.over_teacher.value()),
                               100 * test.effort.value());
    }
    std::cout << '\n';
  }
  std::cout << "wrote " << output << '\n';
}

int run(const TrainOptions& options, Shared& shared) {
  const TrainingConfig config = read_training(read_file(options.config), options.config);
  require_writable(options.output, {options.config});
  if (fs::exists(options.output) && !options.resume) {
    throw usage_error(options.output +
                      " exists: --resume goes on from it, another name or none starts anew");
  }
  const fs::path folder = fs::path(options.config).parent_path();
  const ProblemSource problems(config.training, config.seed, folder);
  const ProblemSource held_back(config.held_back, config.seed ^ kHeldBack, folder);
  policy::GeneralistOptions training;
  training.algorithm = config.algorithm;
  training.parameters = training_parameters(config, options, folder);
  training.seed = config.seed;
  training.budget = parse_budget(options.budget.empty() ? config.budget : options.budget);
  training.evaluations = config.evaluations;
  training.workers = config.workers;
  training.teachers = teachers_of(config, folder);
  training.teacher_rollouts = config.teacher_rollouts;
  training.test_every = config.test_every;
  training.test_problems = config.test_problems;
  training.test_evaluations = config.test_evaluations;
  training.threads = search_threads();
  training.stop = shared.stop.get_token();
  training.progress = shared.progress();
  training.output = options.output;
  Curves curves(options);
  training.metrics = [&](const std::string& line) { curves.add(line); };
  const policy::GeneralistResult result = policy::train_generalist(
      {.training = [&](std::uint64_t index) { return problems.draw(index); },
       .held_back = [&](std::uint64_t index) { return held_back.draw(index); },
       .identity = {{"training", problems.identity()}, {"held_back", held_back.identity()}}},
      training);
  if (!result.trouble.empty()) shared.warn(result.trouble);
  print(result, options.output);
  return 0;
}

}  // namespace

void add_train(CLI::App& app, Shared& shared) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command =
      app.add_subcommand("train", "train a policy over many graphs, to place others");
  command->add_option("config", options->config, "training config (docs/formats/training.md)")
      ->required();
  command->add_option("-o,--output", options->output, "policy file to write")->required();
  command->add_option("--budget", options->budget,
                      "instead of the config's: 20m, or evaluations such as 1000000");
  command->add_option("--policy-device", options->policy_device,
                      "where the network runs: cpu, or cuda:0 for a GPU [cpu]");
  command->add_option("--metrics", options->metrics, "file for one JSON object a round");
  command->add_option("--tensorboard", options->tensorboard,
                      "folder for TensorBoard event files, one curve a metric");
  command->add_flag("--resume", options->resume, "go on from the policy file");
  command->callback(
      [options, &shared] { shared.action = [options, &shared] { return run(*options, shared); }; });
}

}  // namespace placer::cli
