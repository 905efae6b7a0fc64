#include <algorithm>
#include <array>
#include <limits>
#include <mutex>
#include <numeric>

#include <fmt/format.h>
#include <metis.h>

#include "placer/algorithm/parameters.h"
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

double parse_imbalance(ParameterList given) {
  Parameters parameters("metis", given);
  const double imbalance = parameters.number("imbalance", 0.03, 0.001, 1.0);
  parameters.check();
  return imbalance;
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

class Metis : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    PartitionOptions partition;
    partition.imbalance = parse_imbalance(options.parameters);
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
  std::vector<std::int32_t> part(graph.time.size(), 0);
  const std::size_t parts = options.shares.size();
  if (part.size() <= parts) {  // METIS cannot divide these
    std::iota(part.begin(), part.end(), 0);
    return part;
  }
  if (parts == 1) {
    return part;
  }
  const std::size_t kinds = options.memory_shares.empty() ? 1 : 2;
  std::vector<idx_t> weights;
  std::vector<real_t> shares;
  for (std::size_t v = 0; v < part.size(); ++v) {
    weights.push_back(graph.time[v]);
    if (kinds == 2) {
      weights.push_back(graph.memory[v]);
    }
  }
  for (std::size_t p = 0; p < parts; ++p) {
    shares.push_back(static_cast<real_t>(options.shares[p]));
    if (kinds == 2) {
      shares.push_back(static_cast<real_t>(options.memory_shares[p]));
    }
  }
  std::array<real_t, 2> imbalance = {static_cast<real_t>(1 + options.imbalance),
                                     static_cast<real_t>(1 + options.memory_imbalance)};
  std::array<idx_t, METIS_NOPTIONS> settings{};
  METIS_SetDefaultOptions(settings.data());
  settings[METIS_OPTION_SEED] = static_cast<idx_t>(options.seed & 0x7fffffff);
  settings[METIS_OPTION_NUMBERING] = 0;
  auto vertices = static_cast<idx_t>(part.size());
  auto constraints = static_cast<idx_t>(kinds);
  auto count = static_cast<idx_t>(parts);
  idx_t cut = 0;
  // METIS takes pointers to non-const and changes none of these.
  const auto mutable_data = [](const std::vector<std::int32_t>& v) {
    return const_cast<idx_t*>(v.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  };
  const std::lock_guard lock(metis_mutex());
  const int status = METIS_PartGraphKway(&vertices, &constraints, mutable_data(graph.first),
                                         mutable_data(graph.neighbours), weights.data(), nullptr,
                                         mutable_data(graph.edge_weight), &count, shares.data(),
                                         imbalance.data(), settings.data(), &cut, part.data());
  PLACER_CHECK(status == METIS_OK, fmt::format("METIS says {}", status));
  return part;
}

std::string metis_version() {
  return fmt::format("{}.{}.{}", METIS_VER_MAJOR, METIS_VER_MINOR, METIS_VER_SUBMINOR);
}

void check_metis(ParameterList given) {
  static_cast<void>(parse_imbalance(given));
}

std::unique_ptr<Algorithm> metis() {
  return std::make_unique<Metis>();
}

}  // namespace placer
