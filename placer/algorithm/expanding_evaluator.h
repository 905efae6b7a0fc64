#pragma once

// Lets a search over groups be judged by what the groups expand to.

#include <memory>

#include "placer/evaluate/evaluator.h"
#include "placer/group/grouping.h"

namespace placer {

// Takes placements of groups, evaluates what they expand to with `fine`. Both references outlive
// the result.
[[nodiscard]] std::unique_ptr<Evaluator> make_expanding_evaluator(Evaluator& fine,
                                                                  const Grouping& grouping);

}  // namespace placer
