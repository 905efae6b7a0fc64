#pragma once

// A child process that is spoken to by lines on its standard streams. Its death is seen, its
// silence timed, and nothing it does ends the parent.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace placer::profile {

class WorkerProcess {
 public:
  using Clock = std::chrono::steady_clock;

  // Starts `command` (program and arguments; the program is looked up in PATH). The child dies when
  // the thread that started it ends, and does not get the terminal's Ctrl-C.
  //   throws  Error(kDevice) when it cannot be started
  explicit WorkerProcess(const std::vector<std::string>& command);
  // Kills it if it still runs.
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  enum class Status { kDone, kEnded, kTimedOut };
  // Writes a line, waiting for the child to read when it must. A line that was not written whole
  // leaves the child unusable.
  [[nodiscard]] Status write_line(std::string_view line, Clock::time_point deadline);
  [[nodiscard]] Status read_line(std::string& line, Clock::time_point deadline);

  // After kEnded: "ended with status 1", "was killed by signal 9 (Killed)". Waits for the end.
  [[nodiscard]] std::string how_it_ended();
  [[nodiscard]] pid_t id() const { return child_; }

 private:
  [[nodiscard]] Status wait_for(short events, Clock::time_point deadline) const;

  pid_t child_ = -1;
  int socket_ = -1;
  std::string received_;  // and not yet asked for
};

}  // namespace placer::profile
