#include "profiler/openmp_environment.h"

#include <unistd.h>

#include <cstdlib>

namespace placer::profile {

void ensure_openmp_environment(char** argv) {
  // Called before any thread exists.
  if (std::getenv("OMP_WAIT_POLICY") == nullptr && setenv("OMP_WAIT_POLICY", "passive", 0) == 0) {
    execv("/proc/self/exe", argv);
  }
}

}  // namespace placer::profile
