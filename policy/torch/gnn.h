#pragma once

// "gnn": a graph network that improves placements, one weight set for all graphs and clusters.

#include <array>
#include <memory>
#include <string_view>

#include "placer/algorithm/algorithm.h"
#include "policy/parameters.h"
#include "policy/torch/graph_network.h"

namespace placer::policy {

struct GnnMethod {
  GraphNetworkParameters network;
  TrainingParameters training;
};
[[nodiscard]] GnnMethod gnn_defaults();
// The settings that are the shape of its network: adopt_shape().
inline constexpr std::array<std::string_view, 3> kGnnShape{"hidden", "layers", "pair"};

// The policy at the placement that rebase() gives it, the base. With z the network's scores there
// and p(v) the device of unit v, a proposal is drawn in three steps:
//   1. A focus u, with probability softmax_u(log-odds of moving), and the s units nearest to it
//      along edges, the region. s is one of 1, 2, 4, ... up to a quarter of the units, by chance,
//      and one in four proposals has the whole graph instead.
//   2. A target device t, by chance alone, and a bias b such that in the mean 70 % of a region, or
//      1, 2, 4, ... units of the whole graph, move.
//   3. For each unit of the region a device, with probability
//      softmax_d(z_vd + b [d = p(v)] + 2 [d = t]); regions of the whole graph have no target.
// What is learned is where moves pay, of which units and to which device; how many at once is tried
// out. Proposal::latent holds b, u, s and t, given which the decisions are the focus and the
// devices.
[[nodiscard]] std::unique_ptr<PolicyNetwork> make_graph_policy(
    const Problem& problem, std::unique_ptr<GraphNetwork> network);

// All settings of the method, bound to its fields.
[[nodiscard]] Settings describe(GnnMethod& method);

void register_gnn(AlgorithmRegistry& registry);

}  // namespace placer::policy
