#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <mutex>
#include <numeric>
#include <span>

#include <fmt/format.h>
#include <metis.h>

#include "placer/algorithm/partitioners.h"
#include "placer/algorithm/proposal_judge.h"
#include "placer/base/error.h"

namespace placer {
namespace {

static_assert(sizeof(idx_t) == sizeof(std::int32_t), "built for METIS with 32-bit indices");

// METIS draws from the C library's generator, which it seeds on every call.
std::mutex& metis_mutex() {
  static std::mutex mutex;
  return mutex;
}

// Shares of the memory by which nothing overflows, and by how much they may be exceeded; shares
// stay empty where all fits on any device.
void share_memory(const Problem& problem, const UnitTable& units, PartitionOptions& options) {
  double total = 0;
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    total += static_cast<double>(units.bytes(unit).count);
  }
  std::vector<double> limits;
  bool tight = false;
  for (const Bytes limit : problem.constraints.memory_limit) {
    const auto bytes = static_cast<double>(limit.count);
    tight = tight || bytes < total;
    limits.push_back(std::max(std::min(bytes, total), total * 1e-4));
  }
  if (tight && total > 0) {
    const double sum = std::accumulate(limits.begin(), limits.end(), 0.0);
    options.memory_imbalance = std::max(sum / total - 1, 0.001);
    for (const double limit : limits) {
      options.memory_shares.push_back(limit / sum);
    }
  }
}

// Parts whose share is less than a mean vertex stay empty; the largest does not.
std::vector<std::int32_t> parts_worth_a_vertex(const PartitionOptions& options,
                                               std::size_t vertices) {
  const double largest = *std::max_element(options.shares.begin(), options.shares.end());
  const double least = std::min(1.0 / static_cast<double>(vertices), largest);
  std::vector<std::int32_t> kept;
  for (std::size_t p = 0; p < options.shares.size(); ++p) {
    if (options.shares[p] >= least) {
      kept.push_back(static_cast<std::int32_t>(p));
    }
  }
  return kept;
}

// Vertices of a graph as METIS reads them: numbered from 0, with the edges among them alone.
struct Subgraph {
  Subgraph(const PartitionGraph& graph, std::span<const std::int32_t> vertices, std::size_t kinds,
           std::vector<std::int32_t>& number_of) {
    for (std::size_t i = 0; i < vertices.size(); ++i) {
      number_of[static_cast<std::size_t>(vertices[i])] = static_cast<std::int32_t>(i);
    }
    for (const std::int32_t vertex : vertices) {
      const auto v = static_cast<std::size_t>(vertex);
      for (auto e = static_cast<std::size_t>(graph.first[v]);
           e < static_cast<std::size_t>(graph.first[v + 1]); ++e) {
        const std::int32_t to = number_of[static_cast<std::size_t>(graph.neighbours[e])];
        if (to >= 0) {
          neighbours.push_back(to);
          edge_weight.push_back(graph.edge_weight[e]);
        }
      }
      first.push_back(static_cast<idx_t>(neighbours.size()));
      weights.push_back(graph.time[v]);
      if (kinds == 2) {
        weights.push_back(graph.memory[v]);
      }
    }
    for (const std::int32_t vertex : vertices) {
      number_of[static_cast<std::size_t>(vertex)] = -1;
    }
  }

  std::vector<idx_t> first = {0};
  std::vector<idx_t> neighbours;
  std::vector<idx_t> edge_weight;
  std::vector<idx_t> weights;  // of every vertex its time and, of two kinds, its memory
};

// Halves the parts and the vertices over and over. METIS is called for one bisection at a time: of
// more parts it makes the same bisections, but complains on standard output where one of them has
// no vertex to divide, which heavy vertices bring about in graphs of any size.
class Bisection {
 public:
  Bisection(const PartitionGraph& graph, const PartitionOptions& options)
      : graph_(graph),
        options_(options),
        kinds_(options.memory_shares.empty() ? 1 : 2),
        part_(graph.time.size(), 0),
        number_of_(graph.time.size(), -1) {
    METIS_SetDefaultOptions(settings_.data());
    settings_[METIS_OPTION_SEED] = static_cast<idx_t>(options.seed & 0x7fffffff);
    settings_[METIS_OPTION_NUMBERING] = 0;
  }

  std::vector<std::int32_t> run(std::span<const std::int32_t> parts) {
    // What the bisections may exceed their shares by multiplies.
    const auto levels = static_cast<double>(std::bit_width(parts.size() - 1));
    imbalance_ = {of_level(options_.imbalance, levels),
                  of_level(options_.memory_imbalance, levels)};
    std::vector<std::int32_t> all(part_.size());
    std::iota(all.begin(), all.end(), 0);
    divide(all, parts);
    return std::move(part_);
  }

 private:
  static real_t of_level(double imbalance, double levels) {
    return static_cast<real_t>(std::pow(1 + imbalance, 1 / std::max(levels, 1.0)));
  }

  void divide(std::span<const std::int32_t> vertices, std::span<const std::int32_t> parts) {
    if (vertices.size() < 2 || parts.size() == 1) {
      const std::int32_t largest =
          *std::max_element(parts.begin(), parts.end(), [&](std::int32_t a, std::int32_t b) {
            return share(options_.shares, {&a, 1}) < share(options_.shares, {&b, 1});
          });
      for (const std::int32_t v : vertices) {
        part_[static_cast<std::size_t>(v)] = largest;
      }
      return;
    }
    const std::size_t half = parts.size() / 2;
    const std::vector<idx_t> side = bisect(vertices, parts.first(half), parts.subspan(half));
    std::array<std::vector<std::int32_t>, 2> of_side;
    for (std::size_t i = 0; i < vertices.size(); ++i) {
      of_side.at(static_cast<std::size_t>(side[i])).push_back(vertices[i]);
    }
    divide(of_side[0], parts.first(half));
    divide(of_side[1], parts.subspan(half));
  }

  [[nodiscard]] static double share(const std::vector<double>& shares,
                                    std::span<const std::int32_t> parts) {
    double total = 0;
    for (const std::int32_t p : parts) {
      total += shares[static_cast<std::size_t>(p)];
    }
    return total;
  }

  // 0 or 1 for each of the vertices.
  std::vector<idx_t> bisect(std::span<const std::int32_t> vertices,
                            std::span<const std::int32_t> left,
                            std::span<const std::int32_t> right) {
    Subgraph part(graph_, vertices, kinds_, number_of_);
    std::array<real_t, 4> shares{};  // by side and kind
    for (std::size_t kind = 0; kind < kinds_; ++kind) {
      const auto& of_kind = kind == 0 ? options_.shares : options_.memory_shares;
      const double first = share(of_kind, left);
      const double both = first + share(of_kind, right);
      shares.at(kind) = static_cast<real_t>(first / both);
      shares.at(kinds_ + kind) = static_cast<real_t>(1 - first / both);
    }
    auto count = static_cast<idx_t>(vertices.size());
    auto constraints = static_cast<idx_t>(kinds_);
    idx_t sides = 2;
    idx_t cut = 0;
    std::vector<idx_t> side(vertices.size(), 0);
    const std::lock_guard lock(metis_mutex());
    // Of two parts too: it keeps the balance better than METIS_PartGraphRecursive.
    const int status =
        METIS_PartGraphKway(&count, &constraints, part.first.data(), part.neighbours.data(),
                            part.weights.data(), nullptr, part.edge_weight.data(), &sides,
                            shares.data(), imbalance_.data(), settings_.data(), &cut, side.data());
    PLACER_CHECK(status == METIS_OK, fmt::format("METIS says {}", status));
    return side;
  }

  const PartitionGraph& graph_;
  const PartitionOptions& options_;
  std::size_t kinds_;
  std::vector<std::int32_t> part_;
  std::vector<std::int32_t> number_of_;  // [vertices]: in the subgraph at hand, else -1
  std::array<real_t, 2> imbalance_{};
  std::array<idx_t, METIS_NOPTIONS> settings_{};
};

class Metis : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    PartitionOptions partition;
    partition.imbalance = parse_imbalance("metis", options.parameters);
    partition.seed = options.seed;
    const UnitTable units(problem);
    const PartitionGraph graph(problem, units);
    partition.shares = target_shares(problem, units);
    ProposalJudge judge(problem, options, "metis", units);
    judge.judge({map_parts(problem, units, graph, metis_partition(graph, partition))});
    share_memory(problem, units, partition);
    if (!judge.found() && !partition.memory_shares.empty()) {
      judge.judge({map_parts(problem, units, graph, metis_partition(graph, partition))});
    }
    return judge.finish();
  }
};

}  // namespace

std::vector<std::int32_t> metis_partition(const PartitionGraph& graph,
                                          const PartitionOptions& options) {
  const std::size_t vertices = graph.time.size();
  if (vertices <= options.shares.size()) {
    std::vector<std::int32_t> part(vertices);
    std::iota(part.begin(), part.end(), 0);
    return part;
  }
  return Bisection(graph, options).run(parts_worth_a_vertex(options, vertices));
}

std::string metis_version() {
  return fmt::format("{}.{}.{}", METIS_VER_MAJOR, METIS_VER_MINOR, METIS_VER_SUBMINOR);
}

void check_metis(ParameterList given) {
  static_cast<void>(parse_imbalance("metis", given));
}

std::unique_ptr<Algorithm> metis() {
  return std::make_unique<Metis>();
}

}  // namespace placer
