#include "placer/cost/assumed_times.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/error.h"
#include "placer/base/text.h"

namespace placer {
namespace {

constexpr std::string_view kMethod = "assumed";

std::vector<std::string> kinds_of(const OpTimes& times) {
  std::vector<std::string> names;
  for (const KindTimes& kind : times.kinds()) {
    names.push_back(kind.kind);
  }
  return names;
}

const KindTimes& find_source(const Workload& workload, const std::string& like) {
  const KindTimes* source = workload.times.find(like);
  if (source == nullptr) {
    const auto names = kinds_of(workload.times);
    throw usage_error(fmt::format("--like {}: the graph has no times of this kind{}; it has {}",
                                  like, did_you_mean(like, names),
                                  names.empty() ? "none: run `placer profile` first"
                                                : fmt::format("{}", fmt::join(names, ", "))));
  }
  return *source;
}

void require_matches(const Graph& graph, std::span<const OpFactor> ops) {
  for (const OpFactor& rule : ops) {
    bool found = false;
    std::vector<std::string> names;
    for (const Node& node : graph.nodes()) {
      if (node.kind == NodeKind::kOp) {
        found = found || matches_glob(rule.op, node.op);
        names.push_back(node.op);
      }
    }
    if (!found) {
      throw usage_error(
          fmt::format("--op \"{}\": matches no op{}", rule.op, did_you_mean(rule.op, names)));
    }
  }
}

}  // namespace

OpTime scaled(const OpTime& time, double factor) {
  OpTime result;
  result.time = from_microseconds(time.time.microseconds() * factor);
  result.minimum = from_microseconds(time.minimum.microseconds() * factor);
  if (time.exact_us) {
    result.exact_us = *time.exact_us * factor;
  }
  return result;
}

KindTimes assume_times(const Workload& workload, const std::string& kind, const std::string& like,
                       double factor, std::span<const OpFactor> ops) {
  const KindTimes& source = find_source(workload, like);
  const KindTimes* old = workload.times.find(kind);
  if (old != nullptr && old->info.method != kMethod) {
    throw usage_error("--kind " + kind +
                      ": the graph has times of this kind that are not assumed: name another");
  }
  require_matches(workload.graph, ops);
  KindTimes result;
  result.kind = kind;
  result.info.method = kMethod;
  result.info.workload = fmt::format("assumed, not measured: {} x {}", like, factor);
  for (const OpFactor& rule : ops) {
    result.info.workload += fmt::format(", {} x {}", rule.op, rule.factor);
  }
  for (std::size_t v = 0; v < source.ops.size(); ++v) {
    double own = factor;
    for (const OpFactor& rule : ops) {
      own = matches_glob(rule.op, workload.graph.nodes()[v].op) ? rule.factor : own;
    }
    result.ops.push_back(source.ops[v] ? std::optional(scaled(*source.ops[v], own)) : std::nullopt);
  }
  return result;
}

}  // namespace placer
