#include "placer/algorithm/favourite_child.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <utility>

#include <coin/Clp_C_Interface.h>

namespace placer {
namespace {

constexpr double kTolerance = 1e-6;  // below 1/2 by less than CLP's feasibility is not below

std::vector<NodeId> itself(std::size_t nodes) {
  std::vector<NodeId> result(nodes);
  for (std::size_t v = 0; v < nodes; ++v) {
    result[v] = id_at<NodeId>(v);
  }
  return result;
}

struct Degrees {
  Degrees(std::size_t nodes, const std::vector<SctEdge>& edges) : out(nodes), in(nodes) {
    for (const SctEdge& edge : edges) {
      ++out[index(edge.from)];
      ++in[index(edge.to)];
    }
  }
  std::vector<std::uint32_t> out;
  std::vector<std::uint32_t> in;
};

// Rows of the program, by row, as CLP takes them.
class Rows {
 public:
  void add(double lower, std::initializer_list<std::pair<std::size_t, double>> terms) {
    begin(lower);
    for (const auto& [column, value] : terms) {
      term(column, value);
    }
  }
  void begin(double lower) {
    lower_.push_back(lower);
    starts_.push_back(static_cast<CoinBigIndex>(columns_.size()));
  }
  void term(std::size_t column, double value) {
    columns_.push_back(static_cast<int>(column));
    values_.push_back(value);
    starts_.back() = static_cast<CoinBigIndex>(columns_.size());
  }
  void add_to(Clp_Simplex* model) const {
    const std::vector<double> upper(lower_.size(), std::numeric_limits<double>::max());
    Clp_addRows(model, static_cast<int>(lower_.size()), lower_.data(), upper.data(), starts_.data(),
                columns_.data(), values_.data());
  }

 private:
  std::vector<double> lower_;
  std::vector<CoinBigIndex> starts_{0};
  std::vector<int> columns_;
  std::vector<double> values_;
};

// Columns: a start per node, an x per edge, W. Times in units of the longest.
class SctProgram {
 public:
  SctProgram(const CostModel& costs, const std::vector<SctEdge>& edges)
      : edges_(edges), nodes_(costs.graph().size()), model_(Clp_newModel(), &Clp_deleteModel) {
    for (std::size_t v = 0; v < nodes_; ++v) {
      time_.push_back(costs.mean_time(id_at<NodeId>(v)).microseconds());
      unit_ = std::max(unit_, time_.back());
    }
    for (const SctEdge& edge : edges) {
      unit_ = std::max(unit_, edge.transfer_us);
    }
    add_columns();
    add_rows(costs.graph());
  }

  std::optional<SctRelaxation> solve() {
    Clp_setLogLevel(model_.get(), 0);
    Clp_initialSolve(model_.get());
    if (Clp_status(model_.get()) != 0) {
      return std::nullopt;
    }
    const double* solution = Clp_primalColumnSolution(model_.get());
    SctRelaxation result;
    result.x.assign(solution + nodes_, solution + nodes_ + edges_.size());
    result.makespan_us = solution[makespan()] * unit_;
    return result;
  }

 private:
  [[nodiscard]] std::size_t makespan() const { return nodes_ + edges_.size(); }

  void add_columns() {
    const std::size_t count = makespan() + 1;
    const std::vector<double> lower(count, 0.0);
    std::vector<double> upper(count, std::numeric_limits<double>::max());
    std::fill_n(upper.begin() + static_cast<std::ptrdiff_t>(nodes_), edges_.size(), 1.0);
    std::vector<double> objective(count, 0.0);
    objective[makespan()] = 1;
    const std::vector<CoinBigIndex> starts(count + 1, 0);
    Clp_addColumns(model_.get(), static_cast<int>(count), lower.data(), upper.data(),
                   objective.data(), starts.data(), nullptr, nullptr);
  }

  void add_rows(const Graph& graph) {
    const Degrees degrees(nodes_, edges_);
    Rows rows;
    for (std::size_t e = 0; e < edges_.size(); ++e) {
      const std::size_t from = index(edges_[e].from);
      rows.add(
          time_[from] / unit_,
          {{index(edges_[e].to), 1.0}, {from, -1.0}, {nodes_ + e, -edges_[e].transfer_us / unit_}});
    }
    for (std::size_t v = 0; v < nodes_; ++v) {
      if (graph.nodes()[v].kind == NodeKind::kOp && degrees.out[v] == 0) {
        rows.add(time_[v] / unit_, {{makespan(), 1.0}, {v, -1.0}});
      }
    }
    add_degree_rows(rows, degrees.out, [](const SctEdge& edge) { return edge.from; });
    add_degree_rows(rows, degrees.in, [](const SctEdge& edge) { return edge.to; });
    rows.add_to(model_.get());
  }

  // Of every node with two edges or more, all x but one's worth.
  template <typename End>
  void add_degree_rows(Rows& rows, const std::vector<std::uint32_t>& degree, End end) const {
    std::vector<std::size_t> order(edges_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return end(edges_[a]) < end(edges_[b]); });
    for (std::size_t i = 0; i < order.size();) {
      const std::uint32_t count = degree[index(end(edges_[order[i]]))];
      if (count >= 2) {
        rows.begin(count - 1.0);
        for (std::size_t j = i; j < i + count; ++j) {
          rows.term(nodes_ + order[j], 1.0);
        }
      }
      i += count;
    }
  }

  const std::vector<SctEdge>& edges_;
  std::size_t nodes_;
  std::unique_ptr<Clp_Simplex, decltype(&Clp_deleteModel)> model_;
  std::vector<double> time_;  // [nodes], microseconds
  double unit_ = 1e-6;
};

}  // namespace

std::vector<SctEdge> sct_edges(const CostModel& costs, const Constraints& constraints) {
  const Graph& graph = costs.graph();
  std::vector<SctEdge> edges;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const NodeId id = id_at<NodeId>(v);
    if (graph.node(id).kind != NodeKind::kOp) {
      continue;
    }
    for (const Use& use : graph.uses(id)) {
      if (graph.node(use.consumer).kind != NodeKind::kOp) {
        continue;
      }
      const bool together = constraints.unit_of[v] == constraints.unit_of[index(use.consumer)];
      const double transfer = together ? 0 : costs.mean_time(id, use).microseconds();
      if (!edges.empty() && edges.back().from == id && edges.back().to == use.consumer) {
        edges.back().transfer_us = std::max(edges.back().transfer_us, transfer);
      } else {
        edges.push_back({id, use.consumer, transfer});
      }
    }
  }
  return edges;
}

std::size_t sct_rows(const CostModel& costs, const std::vector<SctEdge>& edges) {
  const Graph& graph = costs.graph();
  const Degrees degrees(graph.size(), edges);
  std::size_t rows = edges.size();
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const bool is_exit = graph.nodes()[v].kind == NodeKind::kOp && degrees.out[v] == 0;
    rows += static_cast<std::size_t>(is_exit) + static_cast<std::size_t>(degrees.out[v] >= 2) +
            static_cast<std::size_t>(degrees.in[v] >= 2);
  }
  return rows;
}

std::optional<SctRelaxation> solve_sct(const CostModel& costs, const std::vector<SctEdge>& edges) {
  return SctProgram(costs, edges).solve();
}

std::vector<NodeId> round_favourites(const Graph& graph, const std::vector<SctEdge>& edges,
                                     const std::vector<double>& x) {
  std::vector<std::size_t> order;
  for (std::size_t e = 0; e < edges.size(); ++e) {
    if (x[e] < 0.5 - kTolerance) {
      order.push_back(e);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  std::vector<NodeId> favourite = itself(graph.size());
  std::vector<bool> taken(graph.size(), false);
  for (const std::size_t e : order) {
    NodeId& child = favourite[index(edges[e].from)];
    if (child == edges[e].from && !taken[index(edges[e].to)]) {
      child = edges[e].to;
      taken[index(child)] = true;
    }
  }
  return favourite;
}

std::vector<NodeId> greedy_favourites(const CostModel& costs, const std::vector<SctEdge>& edges) {
  const std::vector<std::int64_t> rank = default_priority(costs);
  std::vector<NodeId> favourite = itself(rank.size());
  std::vector<bool> taken(rank.size(), false);
  const auto urgency = [&](const SctEdge& edge) {
    return edge.transfer_us + static_cast<double>(rank[index(edge.to)]) * 1e-6;
  };
  for (std::size_t i = 0; i < edges.size();) {
    const NodeId from = edges[i].from;
    const SctEdge* best = nullptr;
    for (; i < edges.size() && edges[i].from == from; ++i) {
      if (!taken[index(edges[i].to)] && (best == nullptr || urgency(edges[i]) > urgency(*best))) {
        best = &edges[i];
      }
    }
    if (best != nullptr) {
      favourite[index(from)] = best->to;
      taken[index(best->to)] = true;
    }
  }
  return favourite;
}

}  // namespace placer
