#pragma once

// Threads that share the items of one batch after another.

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace placer::sim {

// Thread-compatible: one batch at a time.
class ThreadPool {
 public:
  // The calling thread is one of `threads`.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] std::size_t size() const { return workers_.size() + 1; }

  // Calls work(first, last, thread) on all threads with shares of [0, items) that do not overlap
  // and together are everything; returns when all have ended. Of exceptions, the one of the lowest
  // thread is thrown again.
  void run(std::size_t items,
           const std::function<void(std::size_t, std::size_t, std::size_t)>& work);

 private:
  void serve(std::size_t thread);
  void do_share(std::size_t thread);

  std::mutex mutex_;
  std::condition_variable started_;
  std::condition_variable ended_;
  std::size_t batch_ = 0;    // counts batches
  std::size_t running_ = 0;  // workers that have not ended the current one
  bool stop_ = false;
  std::size_t items_ = 0;
  const std::function<void(std::size_t, std::size_t, std::size_t)>* work_ = nullptr;
  std::vector<std::exception_ptr> failures_;  // [threads]
  std::vector<std::thread> workers_;
};

}  // namespace placer::sim
