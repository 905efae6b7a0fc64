#pragma once

// Pending events of one simulation, earliest first; not thread-safe. A binary heap over memory that
// is kept between runs, compared by two integers.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace placer::sim {

// In the order in which events of one time are handled. Only the order of op ends matters to the
// result (transfers reserve their links in it).
enum class EventKind : std::uint8_t {
  kEnd,         // node
  kArrival,     // copy: usable at its destination
  kHandOver,    // value, class of latency: seen by the devices that far away (hand-offs, signals)
  kCopyStart,   // copy: its memory is taken
  kFree,        // buffer: its last transfer has left
  kLaunched,    // node: its inputs are there, and now its launch has ended
  kDeviceFree,  // device: what held it beyond its op has passed
};

struct Event {
  std::int64_t time = 0;
  std::uint64_t key = 0;  // kind, then what it is about

  static Event of(std::int64_t time, EventKind kind, std::uint32_t subject,
                  std::uint32_t detail = 0) {
    return {time, std::uint64_t{static_cast<std::uint8_t>(kind)} << 56 |
                      std::uint64_t{subject} << 16 | detail};
  }
  [[nodiscard]] EventKind kind() const { return static_cast<EventKind>(key >> 56); }
  [[nodiscard]] std::uint32_t subject() const { return static_cast<std::uint32_t>(key >> 16); }
  [[nodiscard]] std::uint32_t detail() const { return static_cast<std::uint32_t>(key & 0xFFFF); }

  // Without a branch: which of two events is earlier cannot be predicted.
  [[nodiscard]] bool before(const Event& other) const {
    return static_cast<int>(time < other.time) |
           (static_cast<int>(time == other.time) & static_cast<int>(key < other.key));
  }
};

class EventQueue {
 public:
  void reserve(std::size_t events) { heap_.reserve(events); }
  void clear() { heap_.clear(); }
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] const Event& top() const { return heap_.front(); }

  void push(const Event& event) {
    std::size_t hole = heap_.size();
    heap_.push_back(event);
    while (hole > 0) {
      const std::size_t parent = (hole - 1) / 2;
      if (!event.before(heap_[parent])) break;
      heap_[hole] = heap_[parent];
      hole = parent;
    }
    heap_[hole] = event;
  }

  void pop() {
    const Event last = heap_.back();
    heap_.pop_back();
    const std::size_t size = heap_.size();
    if (size == 0) return;
    std::size_t hole = 0;
    for (std::size_t child = 1; child < size; child = 2 * hole + 1) {
      if (child + 1 < size)
        child += static_cast<std::size_t>(heap_[child + 1].before(heap_[child]));
      if (!heap_[child].before(last)) break;
      heap_[hole] = heap_[child];
      hole = child;
    }
    heap_[hole] = last;
  }

 private:
  std::vector<Event> heap_;
};

}  // namespace placer::sim
