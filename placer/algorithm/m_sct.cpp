#include <utility>

#include "placer/algorithm/earliest_first.h"
#include "placer/algorithm/favourite_child.h"
#include "placer/algorithm/list_schedulers.h"
#include "placer/algorithm/parameters.h"

namespace placer {
namespace {

constexpr std::int64_t kDefaultRows = 20'000;

std::size_t parse_rows(ParameterList given) {
  Parameters parameters("m-sct", given);
  const auto rows =
      static_cast<std::size_t>(parameters.integer("rows", kDefaultRows, 0, std::int64_t{1} << 30));
  parameters.check();
  return rows;
}

struct Favourites {
  std::vector<NodeId> of;
  std::string trouble;  // why the linear program was not solved that should have been
};

Favourites favourites(const Problem& problem, std::size_t most_rows) {
  const std::vector<SctEdge> edges = sct_edges(problem.costs, problem.constraints);
  // Too large a program is a limit of the method, no trouble of this run.
  if (sct_rows(problem.costs, edges) > most_rows) {
    return {greedy_favourites(problem.costs, edges), {}};
  }
  if (const auto solution = solve_sct(problem.costs, edges)) {
    return {round_favourites(problem.costs.graph(), edges, solution->x), {}};
  }
  return {greedy_favourites(problem.costs, edges),
          "its linear program could not be solved: favourite children were chosen greedily"};
}

class MSct : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    const std::size_t rows = parse_rows(options.parameters);
    const UnitTable units(problem);
    const Favourites children = favourites(problem, rows);
    SearchResult result =
        judge_schedules(problem, options, "m-sct", units, [&](const ScheduleModel& model) {
          return m_sct_schedule(problem, units, model, children.of);
        });
    result.trouble = children.trouble;
    return result;
  }
};

}  // namespace

Schedule m_sct_schedule(const Problem& problem, const UnitTable& units, const ScheduleModel& model,
                        std::vector<NodeId> favourite) {
  return EarliestFirst(problem, units, model, std::move(favourite)).run();
}

void check_m_sct(ParameterList given) {
  static_cast<void>(parse_rows(given));
}

std::unique_ptr<Algorithm> m_sct() {
  return std::make_unique<MSct>();
}

}  // namespace placer
