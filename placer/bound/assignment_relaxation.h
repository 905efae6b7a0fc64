#pragma once

// The linear relaxation of placing units under max-load, by COIN CLP.

#include <optional>

#include "placer/bound/load_balance.h"

namespace placer {

// Shares x(u, c) of each unit on each class of devices, sum_c x(u, c) = 1. A tensor whose owner is
// more on a class than one of its readers leaves devices of that class by at least the difference,
// and enters them likewise; no class gets more bytes than its devices hold. Minimised: the mean
// load of a class's devices, the largest of all classes. Devices of one class are one, since they
// can always share equally: what counts is work against memory, and traffic between classes.
// Units are those of `loads` of unit_times: transfers come from the tensors.
//   returns  microseconds; nothing when the solver gives up (or nothing fits: no bound is needed)
[[nodiscard]] std::optional<double> assignment_relaxation(
    const LoadModel& model, const Constraints& constraints,
    const std::vector<std::vector<DeviceId>>& classes);

}  // namespace placer
