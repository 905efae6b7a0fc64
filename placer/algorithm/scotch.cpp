#include <cmath>
#include <cstdio>
#include <memory>
#include <mutex>
#include <numeric>

#include <fmt/format.h>
#include <scotch.h>

#include "placer/algorithm/partitioners.h"
#include "placer/algorithm/proposal_judge.h"
#include "placer/base/error.h"

namespace placer {
namespace {

static_assert(sizeof(SCOTCH_Num) == sizeof(std::int32_t), "built for Scotch with 32-bit indices");

constexpr double kShareUnits = 10'000;  // a processor's weight in the architecture graph

std::mutex& scotch_mutex() {
  static std::mutex mutex;
  return mutex;
}

void check(int status, const char* what) {
  PLACER_CHECK(status == 0, fmt::format("Scotch: {} failed", what));
}

// Scotch's objects are opaque structs with an init and an exit function each.
template <typename T, auto kInit, auto kExit>
class Owned {
 public:
  explicit Owned(const char* what) { check(kInit(&object_), what); }
  ~Owned() { kExit(&object_); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  T* get() { return &object_; }

 private:
  T object_;
};
using Context = Owned<SCOTCH_Context, SCOTCH_contextInit, SCOTCH_contextExit>;
using ScotchGraph = Owned<SCOTCH_Graph, SCOTCH_graphInit, SCOTCH_graphExit>;
using Strategy = Owned<SCOTCH_Strat, SCOTCH_stratInit, SCOTCH_stratExit>;
using Architecture = Owned<SCOTCH_Arch, SCOTCH_archInit, SCOTCH_archExit>;

class Scotch : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    PartitionOptions partition;
    partition.imbalance = parse_imbalance("scotch", options.parameters);
    partition.seed = options.seed;
    const UnitTable units(problem);
    const PartitionGraph graph(problem, units);
    partition.shares = target_shares(problem, units);
    return judge_with_repair(problem, options, "scotch", units,
                             map_parts(problem, units, graph, scotch_partition(graph, partition)));
  }
};

}  // namespace

std::vector<std::int32_t> scotch_partition(const PartitionGraph& graph,
                                           const PartitionOptions& options) {
  std::vector<std::int32_t> part(graph.time.size(), 0);
  const std::size_t parts = options.shares.size();
  if (part.size() <= parts) {
    std::iota(part.begin(), part.end(), 0);
    return part;
  }
  const auto count = static_cast<SCOTCH_Num>(parts);
  std::vector<SCOTCH_Num> weights;
  for (const double share : options.shares) {
    weights.push_back(std::max(1, static_cast<SCOTCH_Num>(std::lround(share * kShareUnits))));
  }
  const std::lock_guard lock(scotch_mutex());
  Context context("context");
  check(SCOTCH_contextOptionSetNum(context.get(), SCOTCH_OPTIONNUMDETERMINISTIC, 1),
        "deterministic");
  check(SCOTCH_contextThreadSpawn(context.get(), 1, nullptr), "one thread");
  SCOTCH_contextRandomSeed(context.get(), static_cast<SCOTCH_Num>(options.seed & 0x7fffffff));
  SCOTCH_contextRandomReset(context.get());
  ScotchGraph plain("graph");
  check(SCOTCH_graphBuild(plain.get(), 0, static_cast<SCOTCH_Num>(part.size()), graph.first.data(),
                          graph.first.data() + 1, graph.time.data(), nullptr,
                          static_cast<SCOTCH_Num>(graph.neighbours.size()), graph.neighbours.data(),
                          graph.edge_weight.data()),
        "building the graph");
  ScotchGraph bound("graph");
  check(SCOTCH_contextBindGraph(context.get(), plain.get(), bound.get()), "binding the graph");
  Architecture architecture("architecture");
  check(SCOTCH_archCmpltw(architecture.get(), count, weights.data()), "architecture");
  Strategy strategy("strategy");
  check(SCOTCH_stratGraphMapBuild(strategy.get(), SCOTCH_STRATQUALITY, count, options.imbalance),
        "strategy");
  check(SCOTCH_graphMap(bound.get(), architecture.get(), strategy.get(), part.data()), "mapping");
  return part;
}

std::string scotch_version() {
  int version = 0;
  int release = 0;
  int patch = 0;
  SCOTCH_version(&version, &release, &patch);
  return fmt::format("{}.{}.{}", version, release, patch);
}

void check_scotch(ParameterList given) {
  static_cast<void>(parse_imbalance("scotch", given));
}

std::unique_ptr<Algorithm> scotch() {
  return std::make_unique<Scotch>();
}

}  // namespace placer
