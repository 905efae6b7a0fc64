#include "tools/placer/explain/explanation.h"

#include <algorithm>
#include <map>

#include "placer/explain/graph_summary.h"
#include "placer/explain/what_if.h"
#include "simulator/objective.h"
#include "tools/placer/place/search_space.h"

namespace placer::cli {
namespace {

using sim::PathSegment;

constexpr double kFaster = 2;
constexpr std::size_t kMostSpeedups = 3;  // devices, and as many links
// Moves are judged by whole simulations: so many nodes and edges in all are about a second or two.
constexpr std::size_t kMostWork = 12'000'000;
constexpr std::size_t kFewestMoves = 32;

// The module of a summary that holds `module`; "" when none does.
std::string owning_module(const std::vector<ModuleSummary>& modules, const std::string& module) {
  for (const ModuleSummary& owner : modules) {
    if (!owner.module.empty() &&
        (module == owner.module || module.starts_with(owner.module + "."))) {
      return owner.module;
    }
  }
  return "";
}

// Most time first, ties in the order of the names.
std::vector<PathShare> ranked(const std::map<std::string, PathShare>& shares) {
  std::vector<PathShare> result;
  result.reserve(shares.size());
  for (const auto& [owner, share] : shares) {
    result.push_back({owner, share.working, share.waiting});
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const PathShare& a, const PathShare& b) { return a.total() > b.total(); });
  return result;
}

std::size_t most_moves(const Graph& graph) {
  std::size_t size = graph.size();
  for (const Node& node : graph.nodes()) {
    size += node.inputs.size() + node.after.size();
  }
  return std::max(kMostWork / std::max<std::size_t>(size, 1), kFewestMoves);
}

// The best move of each unit, in the order of the survey.
std::vector<Move> best_of_each_unit(const std::vector<Move>& moves) {
  std::vector<Move> best;
  for (const Move& move : moves) {
    if (best.empty() || best.back().unit != move.unit) {
      best.push_back(move);
    } else if (better(move.outcome, best.back().outcome)) {
      best.back() = move;
    }
  }
  return best;
}

}  // namespace

Explainer::Explainer(const ExplainInput& input)
    : input_(input),
      judge_(sim::make_objective(input.objective, input.costs, input.constraints,
                                 {.threads = static_cast<int>(search_threads()),
                                  .memory_limit = input.constraints.memory_limit})) {}

sim::Timeline Explainer::timeline() const {
  return sim::make_simulator(input_.costs, {.memory_limit = input_.constraints.memory_limit})
      ->timeline(input_.placement);
}

Explanation Explainer::explain(std::size_t top, const std::stop_token& stop) {
  Explanation result;
  result.present = present();
  result.step = timeline();
  result.traffic = traffic_of(input_.costs, input_.placement);
  share_path(result);
  try_speedups(result);
  survey(result, top, stop);
  return result;
}

void Explainer::share_path(Explanation& result) const {
  const Graph& graph = input_.costs.graph();
  const Cluster& cluster = input_.costs.cluster();
  const std::vector<ModuleSummary> modules = summarize(input_.workload).modules;
  std::map<std::string, PathShare> devices;
  std::map<std::string, PathShare> links;
  std::map<std::string, PathShare> owners;
  for (const PathSegment& piece : result.step.path) {
    const SimTime time = piece.end - piece.start;
    const auto link = [&]() -> PathShare& {
      const DeviceId from = input_.placement.device[index(piece.node)];
      return links[cluster.link(cluster.link_between(from, piece.device)).name];
    };
    switch (piece.kind) {
      case PathSegment::Kind::kOp:
        devices[cluster.device(piece.device).name].working += time;
        owners[owning_module(modules, graph.node(piece.node).module)].working += time;
        break;
      case PathSegment::Kind::kDeviceWait:
      case PathSegment::Kind::kLaunch:  // the device waits for its host
        devices[cluster.device(piece.device).name].waiting += time;
        break;
      case PathSegment::Kind::kTransfer:
        link().working += time;
        break;
      case PathSegment::Kind::kLinkWait:
        link().waiting += time;
        break;
    }
  }
  result.devices = ranked(devices);
  result.links = ranked(links);
  result.modules = ranked(owners);
}

// The order of execution stays as it is, so that only the speed differs.
void Explainer::try_speedups(Explanation& result) const {
  const Cluster& cluster = input_.costs.cluster();
  Placement placement = input_.placement;
  if (placement.priority.empty()) {
    placement.priority = default_priority(input_.costs);
  }
  const auto add = [&](const std::string& part, const Workload& workload, const Cluster& faster) {
    const CostModel costs(workload, faster);
    result.speedups.push_back(
        {part, sim::make_simulator(costs, {})->timeline(placement).step_time});
  };
  for (std::size_t i = 0; i < std::min(kMostSpeedups, result.devices.size()); ++i) {
    const std::string& name = result.devices[i].owner;
    const Variant variant =
        with_faster_device(input_.workload, cluster, cluster.find(name).value(), kFaster);
    add(name, variant.workload, variant.cluster);
  }
  for (std::size_t i = 0; i < std::min(kMostSpeedups, result.links.size()); ++i) {
    const auto link = std::find_if(
        cluster.links().begin(), cluster.links().end(),
        [&](const Link& candidate) { return candidate.name == result.links[i].owner; });
    const auto id = id_at<LinkId>(static_cast<std::size_t>(link - cluster.links().begin()));
    add(link->name, input_.workload, with_faster_link(cluster, id, kFaster));
  }
}

WeighedMove Explainer::weighed(const Move& move) const {
  return {move, traffic_of(input_.costs,
                           with_unit_on(input_.placement, input_.constraints, move.unit, move.to))};
}

void Explainer::survey(Explanation& result, std::size_t top, const std::stop_token& stop) {
  const auto units = units_to_survey(input_.costs, input_.constraints, input_.placement,
                                     result.step.critical_path);
  const MoveSurvey survey =
      survey_moves(input_.costs, input_.constraints, *judge_, input_.placement, units,
                   most_moves(input_.costs.graph()), stop);
  result.units = units.size();
  result.units_surveyed = survey.units_surveyed;
  std::vector<Move> moves = best_of_each_unit(survey.moves);
  result.units_stuck = std::erase_if(moves, [](const Move& m) { return !m.outcome.feasible(); });
  std::stable_sort(moves.begin(), moves.end(),
                   [](const Move& a, const Move& b) { return better(a.outcome, b.outcome); });
  for (const Move& move : moves) {
    if (result.best_moves.size() < top && better(move.outcome, result.present)) {
      result.best_moves.push_back(weighed(move));
    }
  }
  for (auto move = moves.rbegin(); move != moves.rend(); ++move) {
    if (result.worst_moves.size() < top && better(result.present, move->outcome)) {
      result.worst_moves.push_back(weighed(*move));
    }
  }
}

std::vector<WeighedMove> Explainer::moves_of(NodeId node) {
  const std::uint32_t unit = input_.constraints.unit_of[index(node)];
  const MoveSurvey survey = survey_moves(input_.costs, input_.constraints, *judge_,
                                         input_.placement, {&unit, 1}, kMaxDevices, {});
  std::vector<WeighedMove> moves;
  for (const Move& move : survey.moves) {
    moves.push_back(weighed(move));
  }
  return moves;
}

}  // namespace placer::cli
