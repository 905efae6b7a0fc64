// What an update of every learned method costs, by the number of nodes: CPU time to draw the
// samples, to evaluate them by the simulator and to learn from them, and the most memory that the
// process held. Every row is a process of its own, on one thread. The graph is layered, op by op, on
// 8 devices; settings are the methods' defaults.
//   learning_speed                    100 to 100,000 nodes
//   learning_speed --nodes 100,1000

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "placer/base/error.h"
#include "policy/categorical_learner.h"
#include "policy/guided.h"
#include "policy/post.h"
#include "policy/register.h"
#include "policy/torch/colocrl.h"
#include "policy/torch/dual.h"
#include "policy/torch/gnn.h"
#include "policy/torch/hdp.h"
#include "policy/torch/network_learner.h"
#include "policy/torch/sequence_policy.h"
#include "policy/torch/single_thread.h"
#include "simulator/simulator.h"
#include "tools/families/graph_families.h"

namespace placer::policy {
namespace {

// A case that takes more is given up, so that it does not take the machine with it.
constexpr rlim_t kMostBytes = rlim_t{12} << 30;
constexpr double kEnoughSeconds = 2;  // of a case, after its first update

class Case {
 public:
  explicit Case(std::size_t nodes)
      : workload_(families::make_family({.nodes = nodes})),
        cluster_(families::make_cluster(8, true)),
        costs_(workload_, cluster_),
        constraints_(resolve_constraints(costs_, {})),
        simulator_(sim::make_simulator(costs_, {})),
        problem_{.costs = costs_, .constraints = constraints_, .evaluator = *simulator_} {}

  [[nodiscard]] const Problem& problem() const { return problem_; }
  [[nodiscard]] const Graph& graph() const { return workload_.graph; }

 private:
  Workload workload_;
  Cluster cluster_;
  CostModel costs_;
  Constraints constraints_;
  std::unique_ptr<sim::Simulator> simulator_;
  Problem problem_;
};

struct Method {
  TrainingParameters training;
  std::function<std::unique_ptr<Learner>(const Problem&)> make;
};

template <typename Make>
Method with_network(const TrainingParameters& training, Make make) {
  return {training, [=](const Problem& of) { return make_network_learner(make(of), training); }};
}

Method sequence(const SequenceMethod& method) {
  return with_network(method.training, [network = method.network](const Problem& of) {
    return make_sequence_policy(of, network, 1);
  });
}

Method method_named(const std::string& name) {
  if (name == "colocrl") return sequence(colocrl_defaults());
  if (name == "ppo") return sequence(ppo_defaults());
  if (name == "hdp") {
    return with_network(hdp_defaults().training, [](const Problem& of) {
      const HdpMethod method = hdp_defaults();
      return make_hierarchical_policy(of, method.grouping, method.network, 1);
    });
  }
  if (name == "dual") {
    return with_network(dual_defaults().training, [](const Problem& of) {
      return make_dual_policy(of, dual_defaults().network, 1);
    });
  }
  if (name == "gnn") {
    return with_network(gnn_defaults().training, [](const Problem& of) {
      return make_graph_policy(
          of, std::make_unique<GraphNetwork>(gnn_defaults().network, 1, at::kFloat));
    });
  }
  if (name == "post") {
    return {post_defaults().training,
            [](const Problem& of) { return make_post_learner(of, post_defaults()); }};
  }
  return {guided_defaults().training,
          [](const Problem& of) { return make_categorical_learner(of, guided_defaults().policy); }};
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// CPU milliseconds of one update.
struct Cost {
  double sample = 0;
  double evaluate = 0;
  double learn = 0;
  [[nodiscard]] double total() const { return sample + evaluate + learn; }
};

// Samples teach in turns that they were good and bad; the first of them are imitated too.
Cost update(Learner& learner, const Problem& problem, const TrainingParameters& training,
            std::uint64_t number) {
  const double start = cpu_seconds();
  std::vector<Rng> rngs;
  std::vector<double> advantages;
  for (std::uint64_t k = 0; k < static_cast<std::uint64_t>(training.k); ++k) {
    const std::uint64_t keys[] = {number, k};
    rngs.push_back(Rng::keyed(1, keys));
    advantages.push_back(k % 2 == 0 ? 1 : -1);
  }
  const std::vector<Proposal> proposals = learner.sample(rngs);
  const double sampled = cpu_seconds();
  std::vector<Placement> placements;
  for (const Proposal& proposal : proposals) placements.push_back(proposal.placement);
  std::vector<Outcome> outcomes(placements.size());
  problem.evaluator.evaluate(placements, outcomes);
  const double evaluated = cpu_seconds();
  Lesson lesson{.advantages = advantages, .outcomes = outcomes, .entropy_weight = training.entropy};
  const auto elites = std::min(static_cast<std::size_t>(training.elites), proposals.size());
  lesson.elites.assign(proposals.begin(), proposals.begin() + static_cast<std::ptrdiff_t>(elites));
  lesson.elite_weight = training.elite_weight;
  static_cast<void>(learner.teach(lesson));
  return {1e3 * (sampled - start), 1e3 * (evaluated - sampled), 1e3 * (cpu_seconds() - evaluated)};
}

// Mean of the updates after the first; of the first where that takes long enough.
Cost mean_update(Learner& learner, const Problem& problem, const TrainingParameters& training) {
  const Cost first = update(learner, problem, training, 0);
  if (first.total() > 1e3 * kEnoughSeconds) return first;
  Cost sum;
  std::uint64_t updates = 0;
  while (sum.total() < 1e3 * kEnoughSeconds) {
    const Cost cost = update(learner, problem, training, ++updates);
    sum = {sum.sample + cost.sample, sum.evaluate + cost.evaluate, sum.learn + cost.learn};
  }
  const auto count = static_cast<double>(updates);
  return {sum.sample / count, sum.evaluate / count, sum.learn / count};
}

std::string row(const std::string& name, std::size_t nodes, const Method& method) {
  const SingleThread guard;
  const Case drawn(nodes);
  const auto learner = method.make(drawn.problem());
  learner->rebase(all_on(drawn.graph(), DeviceId{0}));
  const Cost cost = mean_update(*learner, drawn.problem(), method.training);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return fmt::format("| {} | {} | {} | {:.1f} | {:.1f} | {:.1f} | {:.1f} | {:.2f} |", name,
                     drawn.graph().size(), method.training.k, cost.sample, cost.evaluate,
                     cost.learn, cost.total(), static_cast<double>(usage.ru_maxrss) / (1 << 20));
}

std::string table_row(const std::string& name, std::size_t nodes) {
  AlgorithmRegistry registry;
  register_policies(registry);
  const AlgorithmEntry& entry = registry.find(name);
  if (!entry.fits(nodes)) {
    return fmt::format("| {} | {} | refused: at most {} nodes or groups | | | | | |", name, nodes,
                       entry.most_units);
  }
  return row(name, nodes, method_named(name));
}

// What was asked of single steps, without elites.
std::string sequence_row() {
  SequenceMethod method = colocrl_defaults();
  method.network.hidden = 256;
  method.training.k = 8;
  method.training.elites = 0;
  return row("colocrl, hidden 256, no elites", 100, sequence(method));
}

// Forward, backward and Adam's step, of a whole placement.
std::string gnn_step() {
  const SingleThread guard;
  const Case drawn(1000);
  const auto learner = method_named("gnn").make(drawn.problem());
  const Placement base = all_on(drawn.graph(), DeviceId{0});
  learner->rebase(base);
  const Proposal proposal = learner->proposal_of(base).value();
  static_cast<void>(learner->imitate({&proposal, 1}, 0));
  constexpr int kSteps = 50;
  const double start = cpu_seconds();
  for (int i = 0; i < kSteps; ++i) static_cast<void>(learner->imitate({&proposal, 1}, 0));
  return fmt::format("gnn, forward, backward and step at {} nodes: {:.1f} ms", drawn.graph().size(),
                     1e3 * (cpu_seconds() - start) / kSteps);
}

// In a process of its own, whose memory is then its own too.
void print_apart(const std::function<std::string()>& text) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{kMostBytes, kMostBytes};
    setrlimit(RLIMIT_AS, &limit);
    try {
      fmt::print("{}\n", text());
    } catch (const std::exception& problem) {
      fmt::print("| more than {} GB, or failed: {} |\n", kMostBytes >> 30,
                 std::string(problem.what()).substr(0, 60));
    }
    std::fflush(stdout);
    _exit(0);
  }
  PLACER_CHECK(child > 0, "a process for a row");
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status)) fmt::print("| killed |\n");
}

int main_of(int argc, char** argv) {
  CLI::App app{"what an update of every learned method costs"};
  std::vector<std::size_t> nodes = {100, 1'000, 10'000, 100'000};
  std::vector<std::string> methods = {"colocrl", "ppo", "hdp", "dual", "gnn", "post", "guided"};
  app.add_option("--nodes", nodes, "sizes of the graph")->delimiter(',');
  app.add_option("--methods", methods, "names")->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  fmt::print(
      "| method | nodes | K | sample ms | evaluate ms | learn ms | update ms | peak GiB |\n");
  fmt::print("|---|---|---|---|---|---|---|---|\n");
  for (const std::string& method : methods) {
    for (const std::size_t size : nodes) {
      print_apart([&] { return table_row(method, size); });
    }
  }
  print_apart(sequence_row);
  print_apart(gnn_step);
  return 0;
}

}  // namespace
}  // namespace placer::policy

int main(int argc, char** argv) {
  return placer::policy::main_of(argc, argv);
}
