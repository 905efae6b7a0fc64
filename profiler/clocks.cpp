#include "profiler/clocks.h"

#include <ctime>
#include <vector>

#include "placer/evaluate/statistics.h"

namespace placer::profile {
namespace {

double clock_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

double thread_seconds() {
  return clock_seconds(CLOCK_THREAD_CPUTIME_ID);
}
double wall_seconds() {
  return clock_seconds(CLOCK_MONOTONIC);
}

double clock_cost() {
  std::vector<double> costs;
  for (int i = 0; i < 101; ++i) {
    const double begin = thread_seconds();
    costs.push_back(thread_seconds() - begin);
  }
  return median(costs);
}

}  // namespace placer::profile
