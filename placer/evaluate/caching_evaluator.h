#pragma once

// Asks another evaluator only about placements that it has not seen, keyed by the whole placement.

#include <memory>

#include "placer/evaluate/evaluator.h"

namespace placer {

// For evaluators whose answer does not change (simulators). `inner` outlives the result. Forgets
// everything once `capacity` placements are kept.
[[nodiscard]] std::unique_ptr<Evaluator> make_caching_evaluator(Evaluator& inner,
                                                                std::size_t capacity = 1 << 16);

}  // namespace placer
