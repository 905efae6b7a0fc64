#pragma once

// Text and JSON of an explanation.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "tools/placer/explain/explanation.h"

namespace placer::cli {

[[nodiscard]] std::string summary_text(const ExplainInput& input, const Explanation& explanation);
[[nodiscard]] nlohmann::ordered_json summary_json(const ExplainInput& input,
                                                  const Explanation& explanation);

// One node: where its unit is, who feeds and reads it, and what every other device would cost.
struct NodeExplanation {
  NodeId node{};
  sim::Timeline step;
  Traffic traffic;
  std::vector<WeighedMove> moves;
};
[[nodiscard]] std::string node_text(const ExplainInput& input, const NodeExplanation& explanation);
[[nodiscard]] nlohmann::ordered_json node_json(const ExplainInput& input,
                                               const NodeExplanation& explanation);

}  // namespace placer::cli
