#pragma once

// Pieces of work that are long enough to start threads for.

#include <cstddef>
#include <functional>

namespace placer {

// Calls work(i, thread) for all i below `count`, begun in order, on at most `threads` threads: the
// calling one is 0, the others are numbered from 1. Returns when all have ended; of exceptions, the
// one of the lowest i is thrown again.
void run_in_parallel(std::size_t count, std::size_t threads,
                     const std::function<void(std::size_t i, std::size_t thread)>& work);

}  // namespace placer
