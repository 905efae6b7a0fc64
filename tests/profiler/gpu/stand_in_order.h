#pragma once

// Who may touch which memory when: a model of streams and events that finds what is not ordered,
// whatever the threads happen to do. Every launch is checked when it is made: memory that another
// stream writes, or writes anew while another one reads, needs an event between the two, or a host
// that waited. (Vector clocks: each stream knows up to which launch of every other it is ordered.)
//
// The host counts as one, so that a wait on one of its threads serves all of them.

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace placer::testing {

// Thread-safe.
class StreamOrder {
 public:
  using Clock = std::map<int, std::uint64_t>;  // stream: launches that are over before

  // What is known of a piece of memory. Belongs to whoever owns the memory.
  struct Memory {
    std::string name;
    int stream = 0;            // that it was allocated for
    std::set<int> kept_for{};  // streams that it is recorded for
    int writer = -1;
    std::uint64_t written = 0;
    std::map<int, std::uint64_t> read{};  // stream: its last launch that reads
  };

  // A launch on `stream`. Reading what nobody wrote is a fault, too.
  void launch(int stream, const std::string& what, const std::vector<Memory*>& reads,
              const std::vector<Memory*>& writes);
  // What an event recorded on `stream` now stands for.
  [[nodiscard]] Clock record(int stream) const;
  void wait(int stream, const Clock& event);
  void host_waits(const Clock& event);
  // The memory goes back to its stream, which may use it at once.
  void free(const Memory& memory);

  void fault(std::string text);
  // What was found since the last call.
  [[nodiscard]] std::vector<std::string> take_faults();

 private:
  [[nodiscard]] bool ordered(int stream, int other, std::uint64_t launch) const;
  static void merge(Clock& into, const Clock& from);

  mutable std::mutex mutex_;
  std::map<int, Clock> streams_;
  Clock host_;
  std::vector<std::string> faults_;
};

}  // namespace placer::testing
