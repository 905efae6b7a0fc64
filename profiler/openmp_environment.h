#pragma once

// OpenMP reads its settings once, before main(): a program that wants others must start again.

namespace placer::profile {

// To be called first in main(). Where the user has not set OMP_WAIT_POLICY, sets it to passive and
// executes the program again, once: the threads of an op that runs on all cores then sleep between
// ops. With libgomp's default they spin, and where the machine is shared with anything else a step
// takes several times as long (docs/measuring.md). Returns when the environment is as it should be,
// or when the program cannot be executed again (no /proc): it then runs with what it has.
void ensure_openmp_environment(char** argv);

}  // namespace placer::profile
