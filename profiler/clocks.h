#pragma once

// The clocks that ops are timed with.

namespace placer::profile {

// This thread's CPU time, and the wall clock, in seconds.
[[nodiscard]] double thread_seconds();
[[nodiscard]] double wall_seconds();

// What one reading of thread_seconds() adds to a span between two readings, in seconds: the median
// of many.
[[nodiscard]] double clock_cost();

}  // namespace placer::profile
