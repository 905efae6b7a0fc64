#include "simulator/thread_pool.h"

#include "placer/base/error.h"

namespace placer::sim {

ThreadPool::ThreadPool(int threads) {
  PLACER_CHECK(threads >= 1, "at least the calling thread");
  failures_.resize(static_cast<std::size_t>(threads));
  for (std::size_t thread = 1; thread < failures_.size(); ++thread) {
    workers_.emplace_back([this, thread] { serve(thread); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  started_.notify_all();
  for (std::thread& worker : workers_) {
    worker.join();
  }
}

void ThreadPool::run(std::size_t items,
                     const std::function<void(std::size_t, std::size_t, std::size_t)>& work) {
  if (workers_.empty() || items < 2) return work(0, items, 0);
  {
    const std::lock_guard lock(mutex_);
    items_ = items;
    work_ = &work;
    running_ = workers_.size();
    ++batch_;
  }
  started_.notify_all();
  do_share(0);
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return running_ == 0; });
  std::exception_ptr first;
  for (std::exception_ptr& failure : failures_) {
    if (!first) first = failure;
    failure = nullptr;
  }
  if (first) std::rethrow_exception(first);
}

void ThreadPool::serve(std::size_t thread) {
  std::size_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      started_.wait(lock, [&] { return stop_ || batch_ != seen; });
      if (stop_) return;
      seen = batch_;
    }
    do_share(thread);
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) ended_.notify_one();
  }
}

void ThreadPool::do_share(std::size_t thread) {
  const std::size_t first = items_ * thread / size();
  const std::size_t last = items_ * (thread + 1) / size();
  try {
    (*work_)(first, last, thread);
  } catch (...) {
    failures_[thread] = std::current_exception();
  }
}

}  // namespace placer::sim
