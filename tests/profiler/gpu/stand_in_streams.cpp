#include "tests/profiler/gpu/stand_in_streams.h"

#include <unistd.h>

#include <utility>

#include <ATen/Parallel.h>
#include <omp.h>

#include "placer/base/random.h"

namespace placer::testing {

StandInStreams::Queue& StandInStreams::queue(int stream) {
  const std::scoped_lock lock(mutex_);
  auto& queue = queues_[stream];
  if (!queue) {
    queue = std::make_unique<Queue>();
    std::thread([this, stream, at = queue.get()] { serve(stream, *at); }).detach();
  }
  return *queue;
}

void StandInStreams::serve(int stream, Queue& queue) {
  // One thread, as a core's worker: several would add sums up in another order. ATen sets its own number
  // on first use.
  (void)at::get_num_threads();
  omp_set_num_threads(1);
  Rng rng(static_cast<std::uint64_t>(stream));
  std::unique_lock lock(queue.mutex);
  while (true) {
    queue.changed.wait(lock, [&] { return !queue.work.empty(); });
    const std::function<void()> work = std::move(queue.work.front());
    queue.work.pop_front();
    queue.busy = true;
    lock.unlock();
    if (const auto longest = static_cast<std::uint64_t>(pause_.load()); longest != 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(rng.below(longest)));
    }
    while (hanging_ == gpu_of(stream)) {
      pause();
    }
    work();
    lock.lock();
    queue.busy = false;
  }
}

void StandInStreams::push(int stream, std::function<void()> work) {
  Queue& target = queue(stream);
  {
    const std::scoped_lock lock(target.mutex);
    target.work.push_back(std::move(work));
  }
  target.changed.notify_one();
}

std::shared_ptr<EventVersion> StandInStreams::record(int stream) {
  auto event = std::make_shared<EventVersion>();
  event->clock = order_.record(stream);
  push(stream, [this, event] {
    {
      const std::scoped_lock lock(over_mutex_);
      event->time = std::chrono::steady_clock::now();
      event->over = true;
    }
    over_.notify_all();
  });
  return event;
}

void StandInStreams::wait(int stream, std::shared_ptr<EventVersion> event) {
  order_.wait(stream, event->clock);
  push(stream, [this, event = std::move(event)] {
    std::unique_lock lock(over_mutex_);
    over_.wait(lock, [&] { return event->over.load(); });
  });
}

void StandInStreams::synchronize(const EventVersion& event) {
  {
    std::unique_lock lock(over_mutex_);
    over_.wait(lock, [&] { return event.over.load(); });
  }
  order_.host_waits(event.clock);
}

bool StandInStreams::idle(int stream) {
  Queue& target = queue(stream);
  const std::scoped_lock lock(target.mutex);
  return target.work.empty() && !target.busy;
}

}  // namespace placer::testing
