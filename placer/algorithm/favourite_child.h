#pragma once

// Which op should follow which on its device, as SCT decides it (Hanen, Munier, 1995; Baechi,
// section 3.2): with unlimited equal devices a transfer is saved only for the favourite child of an
// op, of which it has one at most, being favourite of one parent at most.

#include <optional>
#include <vector>

#include "placer/cost/cost_model.h"
#include "placer/placement/constraints.h"

namespace placer {

// A consumer of an op that is an op. Several tensors from one to the other are one edge.
struct SctEdge {
  NodeId from{};
  NodeId to{};
  double transfer_us = 0;  // mean over pairs of devices; 0 within a unit
};
// By producer, then consumer.
[[nodiscard]] std::vector<SctEdge> sct_edges(const CostModel& costs,
                                             const Constraints& constraints);

// SCT's linear program, x_uv = 0 meaning that v is u's favourite child:
//   minimise W   subject to   s_u + w_u + c_uv x_uv <= s_v,   s_u + w_u <= W,   0 <= x <= 1,
//   sum over successors x_u. >= out-degree - 1,   sum over predecessors x_.v >= in-degree - 1
// with mean times.
struct SctRelaxation {
  std::vector<double> x;   // [edges]
  double makespan_us = 0;  // W: no schedule on unlimited devices of mean speed is shorter
};
// Rows of the program.
[[nodiscard]] std::size_t sct_rows(const CostModel& costs, const std::vector<SctEdge>& edges);
// Solved by COIN-OR CLP's simplex method. Nothing: it gave up.
[[nodiscard]] std::optional<SctRelaxation> solve_sct(const CostModel& costs,
                                                     const std::vector<SctEdge>& edges);

// Edges with x < 1/2, least first, that leave every op with one child and one parent at most: the
// favourite child, or the op itself, [nodes]. (In exact arithmetic no two conflict.)
[[nodiscard]] std::vector<NodeId> round_favourites(const Graph& graph,
                                                   const std::vector<SctEdge>& edges,
                                                   const std::vector<double>& x);

// Without a program: in topological order, the child of largest transfer time plus upward rank that
// is nobody's favourite yet, [nodes].
[[nodiscard]] std::vector<NodeId> greedy_favourites(const CostModel& costs,
                                                    const std::vector<SctEdge>& edges);

}  // namespace placer
