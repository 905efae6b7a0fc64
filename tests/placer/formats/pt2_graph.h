#pragma once

// What the tests of .pt2 archives share.

#include <string>

#include "placer/formats/pt2.h"

namespace placer::test {

inline constexpr const char* kStep = "tests/golden/pt2/step.pt2";

inline Graph graph_of(const std::string& path, Optimizer optimizer = Optimizer::kNone) {
  ImportOptions options;
  options.optimizer.kind = optimizer;
  return import_pt2(path, options).graph;
}

}  // namespace placer::test
