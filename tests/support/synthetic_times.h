#pragma once

// Times for imported graphs that nobody profiled, so that tests can use real topologies.

#include "placer/cost/op_times.h"

namespace placer::test {

// Sets times of kind "cpu-core": 3 us an op, 40 GFlop/s for convolutions and matrix products, 8
// GB/s for what an op reads and writes; 1.5 us for views. About one core of a small machine.
void add_synthetic_times(Workload& workload);

}  // namespace placer::test
