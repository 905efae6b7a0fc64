#include "tests/profiler/gpu/stand_in_streams.h"

#include <unistd.h>

#include <stdexcept>
#include <utility>

#include <ATen/Parallel.h>
#include <omp.h>

#include "placer/base/error.h"
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
  {
    const std::scoped_lock lock(captures_mutex_);
    if (const auto capture = captures_.find(stream); capture != captures_.end()) {
      capture->second.work.push_back(std::move(work));
      return;
    }
  }
  Queue& target = queue(stream);
  {
    const std::scoped_lock lock(target.mutex);
    target.work.push_back(std::move(work));
  }
  target.changed.notify_one();
}

std::shared_ptr<EventVersion> StandInStreams::record(int stream) {
  {
    const std::scoped_lock lock(captures_mutex_);
    if (const auto capture = captures_.find(stream); capture != captures_.end()) {
      capture->second.spoilt = true;
      throw std::runtime_error("operation not permitted when stream is capturing");
    }
  }
  auto event = std::make_shared<EventVersion>();
  event->clock = order_.record(stream);
  if (idle(stream) && hanging_ != gpu_of(stream)) {
    event->time = std::chrono::steady_clock::now();
    event->over = true;
    return event;
  }
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

void StandInStreams::begin_capture(int stream) {
  const std::scoped_lock lock(captures_mutex_);
  PLACER_CHECK(captures_.emplace(stream, Capture{}).second, "one capture of a stream");
}

std::optional<StandInStreams::Work> StandInStreams::end_capture(int stream) {
  const std::scoped_lock lock(captures_mutex_);
  auto capture = captures_.extract(stream);
  PLACER_CHECK(!capture.empty(), "the stream is captured");
  return capture.mapped().spoilt ? std::nullopt : std::optional(std::move(capture.mapped().work));
}

bool StandInStreams::captured(int stream) {
  const std::scoped_lock lock(captures_mutex_);
  return captures_.contains(stream);
}

bool StandInStreams::idle(int stream) {
  Queue& target = queue(stream);
  const std::scoped_lock lock(target.mutex);
  return target.work.empty() && !target.busy;
}

}  // namespace placer::testing
