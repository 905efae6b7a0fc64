#pragma once

// Why a placement cannot run, in the same words whichever objective says it.

#include <cstddef>
#include <optional>

#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"

namespace placer::sim {

// Domains are numbered as in MemoryDomains: devices, then pools. The text reads "cpu:1 is 1.3 GiB
// short (needs 5.3 GiB, has 4.0 GiB)". Reuses the memory of `infeasible`.
void describe_shortage(const Cluster& cluster, std::size_t domain, Bytes needs, Bytes has,
                       std::optional<Infeasible>& infeasible);

// An op on a device that cannot run it.
[[nodiscard]] Infeasible unsupported(const CostModel& costs, NodeId node, DeviceId device);

}  // namespace placer::sim
