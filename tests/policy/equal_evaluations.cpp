// What searches reach with the same number of evaluations: a table of median costs over seeds.
//
//   equal_evaluations ALGORITHM[:NAME=VALUE]...,... BUDGET,... SEEDS [OBJECTIVE] [GRAPH CLUSTER]...
//
// On the three graphs that learning is tested on and on the files given, op by op, no placement to
// start from. Costs are over the first algorithm's, and so are the evaluations after which a search
// is where the first one's median ends, medians over seeds. The geometric mean of costs and the
// median of evaluations over all graphs end the table.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "policy/register.h"
#include "simulator/objective.h"
#include "tests/policy/learning_graphs.h"

namespace placer::policy {
namespace {

struct Contender {
  std::string label;
  std::string algorithm;
  std::vector<std::pair<std::string, std::string>> parameters;
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

// "a:x=1:y=2" is algorithm a with two parameters.
std::vector<Contender> read_contenders(const std::string& text) {
  std::vector<Contender> contenders;
  for (const std::string& label : split(text, ',')) {
    const std::vector<std::string> parts = split(label, ':');
    Contender contender{.label = label, .algorithm = parts.at(0), .parameters = {}};
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const std::size_t equals = parts[i].find('=');
      contender.parameters.emplace_back(parts[i].substr(0, equals), parts[i].substr(equals + 1));
    }
    contenders.push_back(std::move(contender));
  }
  return contenders;
}

// A graph and its cluster, of a file or of the tests.
struct Instance {
  std::string name;
  std::shared_ptr<Workload> workload;  // shared with `costs`, which refers to it
  std::shared_ptr<Cluster> cluster;
  std::shared_ptr<test::TestProblem> built_in;
  std::shared_ptr<CostModel> own_costs;

  [[nodiscard]] const CostModel& costs() const {
    return built_in != nullptr ? built_in->costs() : *own_costs;
  }
};

Instance built_in(const test::LearningCase& learning_case) {
  Instance instance;
  instance.name = learning_case.name;
  instance.built_in = std::make_shared<test::TestProblem>(test::learning_problem(learning_case));
  return instance;
}

Instance from_files(const std::string& graph, const std::string& cluster) {
  Instance instance;
  instance.name = graph.substr(graph.rfind('/') + 1);
  instance.workload = std::make_shared<Workload>(read_graph(read_file(graph), graph));
  instance.cluster = std::make_shared<Cluster>(read_cluster(read_file(cluster), cluster));
  instance.own_costs = std::make_shared<CostModel>(*instance.workload, *instance.cluster);
  return instance;
}

struct Reached {
  double cost = 0;  // median
  double seconds = 0;
  std::vector<std::vector<HistoryPoint>> histories;  // [seeds]
};

// Of an even number the worse middle one: more than half of the seeds get there.
double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Evaluations, in the median, up to the first placement of such a cost or less; infinite: never.
double evaluations_to(double cost, const Reached& reached) {
  std::vector<double> needed;
  for (const std::vector<HistoryPoint>& history : reached.histories) {
    const auto first = std::ranges::find_if(history, [&](const HistoryPoint& point) {
      return static_cast<double>(point.best.ps) <= cost;
    });
    needed.push_back(first == history.end() ? INFINITY : static_cast<double>(first->evaluations));
  }
  return median(std::move(needed));
}

// Of one contender and budget, a number a graph, over the first contender's.
struct Ratios {
  double cost_logs = 0;  // their sum
  std::vector<double> evaluations;
};

Reached search(const Instance& instance, const std::string& objective, const Contender& contender,
               const AlgorithmRegistry& registry, std::uint64_t budget, std::uint64_t seeds) {
  const Constraints constraints = resolve_constraints(instance.costs(), {});
  std::vector<double> costs;
  Reached reached;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto evaluator = sim::make_objective(objective, instance.costs(), constraints, {});
    SearchOptions options;
    options.budget.evaluations = budget;
    options.seed = seed;
    options.parameters = contender.parameters;
    const SearchResult result = registry.find(contender.algorithm)
                                    .make()
                                    ->run({instance.costs(), constraints, *evaluator}, options);
    costs.push_back(result.best ? static_cast<double>(result.outcome.cost()) : INFINITY);
    reached.histories.push_back(result.history);
    reached.seconds += result.seconds / static_cast<double>(seeds);
  }
  reached.cost = median(std::move(costs));
  return reached;
}

void compare(const std::vector<Instance>& instances, const std::string& objective,
             const std::vector<Contender>& contenders, const std::vector<std::string>& budgets,
             std::uint64_t seeds) {
  AlgorithmRegistry registry;
  register_baselines(registry);
  register_policies(registry);
  std::map<std::string, Ratios> all;
  for (const Instance& instance : instances) {
    for (const std::string& budget : budgets) {
      std::optional<Reached> first;
      for (const Contender& contender : contenders) {
        const Reached reached =
            search(instance, objective, contender, registry, std::stoull(budget), seeds);
        if (!first) first = reached;
        const double needed =
            evaluations_to(first->cost, reached) / evaluations_to(first->cost, *first);
        Ratios& ratios = all[budget + " " + contender.label];
        ratios.cost_logs += std::log(reached.cost / first->cost);
        ratios.evaluations.push_back(needed);
        std::cout << fmt::format("{:28} {:>7} {:14.6g} {:7.4f} {:7.4f} {:7.2f} s  {}",
                                 instance.name, budget, reached.cost, reached.cost / first->cost,
                                 needed, reached.seconds, contender.label)
                  << std::endl;
      }
    }
  }
  for (const auto& [key, ratios] : all) {
    const double mean = std::exp(ratios.cost_logs / static_cast<double>(instances.size()));
    std::cout << fmt::format("costs {:7.4f}, evaluations {:7.4f}  {}", mean,
                             median(ratios.evaluations), key)
              << std::endl;
  }
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3) {
    std::cerr
        << "usage: equal_evaluations ALGORITHMS BUDGETS SEEDS [OBJECTIVE] [GRAPH CLUSTER]...\n";
    return 2;
  }
  const bool objective_given = arguments.size() % 2 == 0;
  std::vector<Instance> instances;
  const std::string objective = objective_given ? arguments[3] : "step-time";
  if (objective == "step-time") {
    for (const test::LearningCase& learning_case : test::learning_cases()) {
      instances.push_back(built_in(learning_case));
    }
  }
  for (std::size_t i = objective_given ? 4 : 3; i + 1 < arguments.size(); i += 2) {
    instances.push_back(from_files(arguments[i], arguments[i + 1]));
  }
  compare(instances, objective, read_contenders(arguments[0]), split(arguments[1], ','),
          std::stoull(arguments[2]));
  return 0;
}

}  // namespace
}  // namespace placer::policy

int main(int argc, char** argv) {
  try {
    return placer::policy::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
