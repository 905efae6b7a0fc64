#pragma once

// Queues that give the least first: what is ready, by number; events, by time.

#include <functional>
#include <queue>
#include <vector>

namespace placer {

// Needs `>`.
template <typename T>
using MinHeap = std::priority_queue<T, std::vector<T>, std::greater<>>;

// Takes the least of at least one.
template <typename T>
[[nodiscard]] T take_least(MinHeap<T>& heap) {
  T least = heap.top();
  heap.pop();
  return least;
}

}  // namespace placer
