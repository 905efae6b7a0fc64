// placer explain: why a placement takes as long as it does, and why a node is where it is.

#include <iostream>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/base/text.h"
#include "placer/formats/formats.h"
#include "tools/placer/constraint_flags.h"
#include "tools/placer/explain/report.h"
#include "tools/placer/shared.h"

namespace placer::cli {
namespace {

struct ExplainOptions {
  std::string graph;
  std::string cluster;
  std::string placement;
  std::string node;
  ConstraintFlags constraints;
  std::size_t top = 10;
};

NodeId find_node(const Graph& graph, const std::string& name) {
  if (const auto node = graph.find(name)) {
    return *node;
  }
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) {
    names.push_back(node.name);
  }
  throw usage_error(
      fmt::format("--node {}: the graph has no such node{}", name, did_you_mean(name, names)));
}

int explain(const ExplainOptions& options, const Shared& shared) {
  const Workload workload = load_graph(options.graph);
  const Cluster cluster = load_cluster(options.cluster);
  const CostModel costs(workload, cluster);
  const Placement placement =
      bind_placement(read_placement(read_file(options.placement), options.placement),
                     workload.graph, cluster, options.placement);
  const ConstraintOptions rules = read_constraints(options.constraints);
  const Constraints constraints = resolve_constraints(costs, rules);
  if (const std::string broken = broken_rule(costs, rules, constraints, placement);
      !broken.empty()) {
    shared.warn("the placement breaks a rule: " + broken);
  }
  const ExplainInput input{workload, costs, constraints, placement};
  Explainer explainer(input);
  if (!options.node.empty()) {
    const NodeId node = find_node(workload.graph, options.node);
    const NodeExplanation explanation{node, explainer.timeline(), traffic_of(costs, placement),
                                      explainer.moves_of(node)};
    std::cout << (shared.json ? node_json(input, explanation).dump(2) + "\n"
                              : node_text(input, explanation));
    return explanation.step.outcome.feasible() ? 0 : kInfeasibleStatus;
  }
  const Explanation explanation = explainer.explain(options.top, shared.stop.get_token());
  std::cout << (shared.json ? summary_json(input, explanation).dump(2) + "\n"
                            : summary_text(input, explanation));
  return explanation.step.outcome.feasible() ? 0 : kInfeasibleStatus;
}

}  // namespace

void add_explain(CLI::App& app, Shared& shared) {
  auto* command =
      app.add_subcommand("explain", "why a step takes its time, and why a node is where it is");
  command->footer(
      "Example: placer explain graph.json -c cluster.json placement.json --node loss\n"
      "Exit status 4 when the placement cannot run; what is known is printed all the same.");
  auto options = std::make_shared<ExplainOptions>();
  command->add_option("graph", options->graph, "graph with op times")->required();
  command->add_option("placement", options->placement, "placement of the graph's nodes")
      ->required();
  command->add_option("-c,--cluster", options->cluster, "devices and links")->required();
  command->add_option("--node", options->node, "explain this node: every other device for it");
  command->add_option("--top", options->top, "moves to list [10]")->check(whole_number(1));
  add_constraint_flags(*command, options->constraints);
  command->callback([options, &shared] {
    shared.action = [options, &shared] { return explain(*options, shared); };
  });
}

}  // namespace placer::cli
