// placer assume: op times for a kind of device that is not here.

#include <iostream>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/cost/assumed_times.h"
#include "placer/formats/formats.h"
#include "tools/placer/shared.h"

namespace placer::cli {
namespace {

struct AssumeOptions {
  std::string graph;
  std::string kind;
  std::string like;
  double factor = 0;
  std::vector<std::string> ops;  // "GLOB=FACTOR"
  std::string output;
};

std::vector<OpFactor> op_factors(const std::vector<std::string>& rules) {
  std::vector<OpFactor> factors;
  for (const std::string& rule : rules) {
    const auto sign = rule.rfind('=');
    const std::string number = sign == std::string::npos ? "" : rule.substr(sign + 1);
    if (sign == 0 || !above_zero()(number).empty()) {
      throw usage_error("--op " + rule + ": expected GLOB=FACTOR, the factor a number above 0");
    }
    factors.push_back({rule.substr(0, sign), std::stod(number)});
  }
  return factors;
}

int assume(const AssumeOptions& options, const Shared& shared) {
  require_writable(options.output, {});
  Workload workload = load_graph(options.graph);
  KindTimes times =
      assume_times(workload, options.kind, options.like, options.factor, op_factors(options.ops));
  std::size_t ops = 0;
  SimTime total;
  for (const auto& op : times.ops) {
    ops += op ? 1 : 0;
    total += op ? op->time : SimTime{};
  }
  const std::string text = times.info.workload;
  workload.times.set(std::move(times));
  const std::string output = options.output.empty() ? options.graph : options.output;
  write_file(output, write_graph(workload));
  if (shared.json) {
    std::cout << nlohmann::json{{"kind", options.kind},
                                {"ops", ops},
                                {"total_us", total.microseconds()},
                                {"workload", text},
                                {"output", output}}
                     .dump()
              << "\n";
  } else {
    std::cout << fmt::format("{}: {} ops, {} in all ({})\nwrote {}\n", options.kind, ops,
                             to_string(total), text, output);
  }
  return 0;
}

}  // namespace

void add_assume(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand(
      "assume", "op times for a kind of device that is not here, from one that was measured");
  command->footer(
      "Example: placer assume graph.json --kind gpu --like cpu-core --factor 0.02\n"
      "The graph file says that these times are assumed.");
  auto options = std::make_shared<AssumeOptions>();
  command->add_option("graph", options->graph, "graph file with op times")->required();
  command->add_option("--kind", options->kind, "kind of device, as in the cluster file")
      ->required();
  command->add_option("--like", options->like, "kind whose times are known")->required();
  command->add_option("--factor", options->factor, "its times are multiplied by this")
      ->required()
      ->check(above_zero());
  command->add_option("--op", options->ops, "GLOB=FACTOR: another factor for ops of this name")
      ->allow_extra_args(false);
  command->add_option("-o,--output", options->output, "graph file to write [the same file]");
  command->callback([options, &shared] {
    shared.action = [options, &shared] { return assume(*options, shared); };
  });
}

}  // namespace placer::cli
