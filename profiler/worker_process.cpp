#include "profiler/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "placer/base/error.h"

namespace placer::profile {

namespace {

std::string system_reason(int code) {
  return std::strerror(code);
}  // NOLINT(concurrency-mt-unsafe): glibc's is per thread

// Between fork and exec in a program that may have threads: system calls only. Reports the error of
// exec through `report`.
[[noreturn]] void become_child(char* const* arguments, int stream, int report, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    _exit(1);  // it died before the line above
  }
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(stream, STDIN_FILENO);
  dup2(stream, STDOUT_FILENO);
  execvp(arguments[0], arguments);
  const int code = errno;
  [[maybe_unused]] const ssize_t written = write(report, &code, sizeof code);
  _exit(127);
}

}  // namespace

WorkerProcess::WorkerProcess(const std::vector<std::string>& command) {
  PLACER_CHECK(!command.empty(), "a worker needs a program");
  const auto fail = [&](int code) {
    return Error(ErrorKind::kDevice,
                 "cannot start the worker " + command.front() + ": " + system_reason(code));
  };
  std::vector<char*> arguments;
  for (const std::string& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));  // execvp does not change them
  }
  arguments.push_back(nullptr);
  // A socket rather than two pipes: writing to a dead child is then an error code and no SIGPIPE.
  std::array<int, 2> ends{};
  std::array<int, 2> report{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw fail(errno);
  }
  if (pipe2(report.data(), O_CLOEXEC) != 0) {
    const int code = errno;
    close(ends[0]);
    close(ends[1]);
    throw fail(code);
  }
  const pid_t parent = getpid();
  child_ = fork();
  if (child_ == 0) {
    become_child(arguments.data(), ends[1], report[1], parent);
  }
  int code = child_ < 0 ? errno : 0;
  close(ends[1]);
  close(report[1]);
  socket_ = ends[0];
  // Closed without a word by a successful exec.
  if (child_ > 0 && read(report[0], &code, sizeof code) == static_cast<ssize_t>(sizeof code)) {
    waitpid(child_, nullptr, 0);
    child_ = -1;
  }
  close(report[0]);
  if (child_ < 0) {
    close(socket_);
    throw fail(code);
  }
}

WorkerProcess::~WorkerProcess() {
  close(socket_);
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
}

WorkerProcess::Status WorkerProcess::wait_for(short events, Clock::time_point deadline) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) {
      return Status::kTimedOut;
    }
    pollfd watched{socket_, events, 0};
    const int ready = poll(&watched, 1, static_cast<int>(std::min<long>(left, 60'000)));
    if (ready > 0) {
      return Status::kDone;
    }
    if (ready < 0 && errno != EINTR) {
      return Status::kEnded;
    }
  }
}

WorkerProcess::Status WorkerProcess::write_line(std::string_view line, Clock::time_point deadline) {
  const std::string text = std::string(line) + '\n';
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t count =
        send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (const Status status = wait_for(POLLOUT, deadline); status != Status::kDone) {
        return status;
      }
    } else if (errno != EINTR) {
      return Status::kEnded;
    }
  }
  return Status::kDone;
}

WorkerProcess::Status WorkerProcess::read_line(std::string& line, Clock::time_point deadline) {
  std::array<char, 16384> buffer;
  std::size_t searched = 0;
  for (;;) {
    if (const auto end = received_.find('\n', searched); end != std::string::npos) {
      line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return Status::kDone;
    }
    searched = received_.size();
    if (const Status status = wait_for(POLLIN, deadline); status != Status::kDone) {
      return status;
    }
    const ssize_t count = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count > 0) {
      received_.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
      return Status::kEnded;
    }
  }
}

std::string WorkerProcess::how_it_ended() {
  PLACER_CHECK(child_ > 0, "asked once");
  // One that only closed its streams would never be heard of again.
  for (int i = 0; i < 100; ++i) {
    int status = 0;
    if (waitpid(child_, &status, WNOHANG) == child_) {
      child_ = -1;
      if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        return "was killed by signal " + std::to_string(signal) + " (" + sigabbrev_np(signal) + ")";
      }
      return "ended with status " + std::to_string(WEXITSTATUS(status));
    }
    usleep(10'000);
  }
  return "closed its streams";
}

}  // namespace placer::profile
