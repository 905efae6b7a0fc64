#pragma once

// How a worker waits for work that others publish.
//
// A thread that sleeps on an idle processor wakes after tens of microseconds (docs/measuring.md),
// one that looks again and again sees the news in well under one. So a waiter first looks for a
// bounded time and only then sleeps: what spinning can waste is bounded by what the op that ends
// the wait costs anyway, and a device without work sleeps.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace placer::profile {

class Doorbell {
 public:
  // Zero where the waiter shares its processor with those it waits for.
  void set_spin(std::chrono::nanoseconds spin) { spin_ = spin; }

  // Returns once `ready()` holds. It is called repeatedly and reads atomics that were stored with
  // sequential consistency.
  template <typename Ready>
  void wait(const Ready& ready) {
    if (look(ready)) {
      return;
    }
    std::unique_lock lock(mutex_);
    sleeping_.store(true);
    changed_.wait(lock, ready);
    sleeping_.store(false);
  }

  // To be called after publishing. Costs one load while the waiter works or spins.
  void ring() {
    // Sequential consistency: either this sees the sleeper, or the sleeper sees what was published.
    if (sleeping_.load()) {
      { const std::scoped_lock lock(mutex_); }
      changed_.notify_one();
    }
  }

 private:
  template <typename Ready>
  [[nodiscard]] bool look(const Ready& ready) const {
    constexpr int kLooksPerClock = 16;  // a clock costs about as much as these
    if (ready()) {
      return true;
    }
    if (spin_.count() == 0) {
      return false;
    }
    const auto end = std::chrono::steady_clock::now() + spin_;
    do {
      for (int i = 0; i < kLooksPerClock; ++i) {
        __builtin_ia32_pause();
        if (ready()) {
          return true;
        }
      }
    } while (std::chrono::steady_clock::now() < end);
    return false;
  }

  std::chrono::nanoseconds spin_{0};
  std::atomic<bool> sleeping_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace placer::profile
