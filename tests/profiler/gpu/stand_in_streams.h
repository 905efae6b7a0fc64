#pragma once

// Streams that work on threads of their own, and events between them: what a GPU does while the
// host goes on. Numbered over all GPUs; each does what it is given in order, with random pauses
// where asked for, so that what does not wait comes too early.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "tests/profiler/gpu/stand_in_order.h"

namespace placer::testing {

// One recording of an event.
struct EventVersion {
  std::atomic<bool> over{false};
  std::chrono::steady_clock::time_point time;  // when it was over
  StreamOrder::Clock clock;
};

// Thread-safe. Lives to the end of the process: streams are never ended.
class StandInStreams {
 public:
  explicit StandInStreams(StreamOrder& order) : order_(order) {}

  using Work = std::vector<std::function<void()>>;

  // Appends work to a stream, or to its capture.
  void push(int stream, std::function<void()> work);
  // On an idle stream the event is over at once, as on a GPU: a stream's thread that a busy machine
  // lets run late would tell a later time.
  [[nodiscard]] std::shared_ptr<EventVersion> record(int stream);
  void wait(int stream, std::shared_ptr<EventVersion> event);
  // The caller waits.
  void synchronize(const EventVersion& event);
  [[nodiscard]] bool idle(int stream);

  // From now on what is given to the stream is kept instead of done; the second ends that. Between
  // the two the stream has no events: asking for one throws, and spoils the capture, which then
  // gives nothing.
  void begin_capture(int stream);
  [[nodiscard]] std::optional<Work> end_capture(int stream);
  [[nodiscard]] bool captured(int stream);

  // Longest pause before each piece of work from now on.
  void set_pause(std::chrono::microseconds longest) { pause_ = longest.count(); }
  // What is pushed to `stream` and to all others of its GPU from now on never ends.
  void hang(int gpu) { hanging_ = gpu; }
  [[nodiscard]] static int gpu_of(int stream) { return stream / kStreamsPerGpu; }
  static constexpr int kStreamsPerGpu = 64;

 private:
  struct Queue {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> work;
    bool busy = false;
  };

  struct Capture {
    Work work;
    bool spoilt = false;
  };

  Queue& queue(int stream);
  void serve(int stream, Queue& queue);

  StreamOrder& order_;
  std::mutex mutex_;
  std::map<int, std::unique_ptr<Queue>> queues_;
  std::mutex captures_mutex_;
  std::map<int, Capture> captures_;
  std::mutex over_mutex_;
  std::condition_variable over_;
  std::atomic<std::int64_t> pause_{0};
  std::atomic<int> hanging_{-1};
};

}  // namespace placer::testing
