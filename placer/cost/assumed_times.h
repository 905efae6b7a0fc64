#pragma once

// Op times for a kind of device that is not here, derived from one that was measured.

#include <span>
#include <string>

#include "placer/cost/op_times.h"

namespace placer {

// Ops whose name ("aten.convolution") the glob matches take `factor` of the measured time.
struct OpFactor {
  std::string op;
  double factor = 1;
};

// `factor` times the time. What it is while other devices work is not known.
[[nodiscard]] OpTime scaled(const OpTime& time, double factor);

// Times of `kind`: those of kind `like` times `factor`, or times the factor of the last of `ops`
// that matches the op's name. What `like` cannot run, `kind` cannot. The result says in
// ProfileInfo that it is assumed, and from what.
//   throws  Error(kUsage) when the workload has no times of `like`, has times of `kind` that are
//           not assumed ones, or has no op that a glob matches
[[nodiscard]] KindTimes assume_times(const Workload& workload, const std::string& kind,
                                     const std::string& like, double factor,
                                     std::span<const OpFactor> ops);

}  // namespace placer
