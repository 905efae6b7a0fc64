#pragma once

// The factories of the built-in algorithms, one source file each. Registered by register_baselines.

#include <memory>

#include "placer/algorithm/algorithm.h"

namespace placer {

// Every unit on a device drawn uniformly from those it may use, until the budget ends: the control
// for methods that learn.
[[nodiscard]] std::unique_ptr<Algorithm> random_search();
void check_random_search(ParameterList given);

// Units in order of their first node to the devices in turn.
[[nodiscard]] std::unique_ptr<Algorithm> round_robin();

// What an expert does by hand (Mirhoseini et al., ICML 2017, section 4.2): whole layers to devices,
// in the order in which the forward pass meets them, in runs of about equal time; an LSTM stack so
// gets a layer or several per device. A layer's backward and update ops are with it. Without module
// paths the topological order is cut into runs of equal time. Parameter: rules, a file that says
// instead what goes where (see expert_rules.h); what it does not name goes with a neighbour.
[[nodiscard]] std::unique_ptr<Algorithm> expert();
void check_expert(ParameterList given);

}  // namespace placer
