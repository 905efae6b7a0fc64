#include "placer/algorithm/expert_rules.h"

#include <algorithm>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "placer/base/text.h"

namespace placer {
namespace {

Error line_error(const std::string& file, std::size_t line, const std::string& text) {
  return {ErrorKind::kBadInput, file, std::to_string(line), text};
}

DeviceId device_of(const Cluster& cluster, const ExpertRule& rule, const std::string& file) {
  if (const auto device = cluster.find(rule.device)) {
    return *device;
  }
  std::vector<std::string> names;
  for (const Device& device : cluster.devices()) {
    names.push_back(device.name);
  }
  throw line_error(file, rule.line,
                   fmt::format("the cluster has no device \"{}\"{}", rule.device,
                               did_you_mean(rule.device, names)));
}

}  // namespace

std::vector<ExpertRule> parse_expert_rules(std::string_view text, const std::string& file) {
  constexpr std::string_view kArrow = "->";
  std::vector<ExpertRule> rules;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view rest = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    rest = trimmed(rest.substr(0, rest.find('#')));
    if (rest.empty()) {
      continue;
    }
    const auto arrow = rest.find(kArrow);
    const std::string_view glob = trimmed(rest.substr(0, std::min(arrow, rest.size())));
    const std::string_view device = arrow == std::string_view::npos
                                        ? std::string_view{}
                                        : trimmed(rest.substr(arrow + kArrow.size()));
    if (glob.empty() || device.empty()) {
      throw line_error(file, line, fmt::format("expected GLOB -> DEVICE, found \"{}\"", rest));
    }
    rules.push_back({line, std::string(glob), std::string(device)});
  }
  if (rules.empty()) {
    throw line_error(file, 1, "expected lines GLOB -> DEVICE, found none");
  }
  return rules;
}

std::vector<std::optional<DeviceId>> apply_expert_rules(const Problem& problem,
                                                        const std::vector<ExpertRule>& rules,
                                                        const std::string& file) {
  const Graph& named = problem.grouping != nullptr ? *problem.fine_graph : problem.costs.graph();
  std::vector<std::optional<DeviceId>> choice(problem.constraints.num_units);
  for (const ExpertRule& rule : rules) {
    const DeviceId device = device_of(problem.costs.cluster(), rule, file);
    const std::vector<NodeId> nodes = select_nodes(named, rule.glob);
    if (nodes.empty()) {
      throw line_error(file, rule.line, fmt::format("\"{}\" matches no node", rule.glob));
    }
    for (const NodeId node : nodes) {
      const std::size_t placed = problem.grouping != nullptr
                                     ? index(problem.grouping->group_of[index(node)])
                                     : index(node);
      auto& of_unit = choice[problem.constraints.unit_of[placed]];
      of_unit = of_unit ? of_unit : device;
    }
  }
  return choice;
}

}  // namespace placer
