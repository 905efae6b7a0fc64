#pragma once

// What a search knows of placements that are measured: few, noisy, expensive samples.

#include <cstddef>
#include <memory>

#include "placer/evaluate/evaluator.h"

namespace placer {

struct PoolingOptions {
  // Timed steps of a placement after which it is not measured again.
  std::size_t most_steps = 9;
  // A placement competes for the best while the difference of their medians is not more than so
  // many standard errors of it.
  double errors = 2;
};

// Remembers every placement that `inner`, which measures and outlives the result, was asked for.
// - A new one is measured, and again while it competes for the best: a lucky measurement does not
//   become the best of a search.
// - One that was measured before is measured again only while it competes; all its steps are pooled
//   and the median of all of them counts. Else it is what is known of it: Outcome::fresh is false.
// - What cannot run is not tried again, unless it only took too long: that may have been the
//   machine.
[[nodiscard]] std::unique_ptr<Evaluator> make_pooling_evaluator(Evaluator& inner,
                                                                const PoolingOptions& options = {});

}  // namespace placer
