#include "tests/profiler/gpu/stand_in_order.h"

#include <algorithm>
#include <utility>

namespace placer::testing {

namespace {

std::uint64_t known(const StreamOrder::Clock& clock, int stream) {
  const auto it = clock.find(stream);
  return it == clock.end() ? 0 : it->second;
}

}  // namespace

void StreamOrder::merge(Clock& into, const Clock& from) {
  for (const auto& [stream, launch] : from) {
    std::uint64_t& entry = into[stream];
    entry = std::max(entry, launch);
  }
}

bool StreamOrder::ordered(int stream, int other, std::uint64_t launch) const {
  if (stream == other || known(host_, other) >= launch) {
    return true;
  }
  const auto it = streams_.find(stream);
  return it != streams_.end() && known(it->second, other) >= launch;
}

void StreamOrder::launch(int stream, const std::string& what, const std::vector<Memory*>& reads,
                         const std::vector<Memory*>& writes) {
  const std::scoped_lock lock(mutex_);
  for (Memory* memory : reads) {
    if (memory->writer < 0) {
      faults_.push_back(what + " reads " + memory->name + ", which nobody has written");
    } else if (!ordered(stream, memory->writer, memory->written)) {
      faults_.push_back(what + " reads " + memory->name + " without waiting for who writes it");
    }
  }
  for (Memory* memory : writes) {
    if (memory->writer >= 0 && !ordered(stream, memory->writer, memory->written)) {
      faults_.push_back(what + " writes " + memory->name + " without waiting for who wrote it");
    }
    for (const auto& [reader, launch] : memory->read) {
      if (!ordered(stream, reader, launch)) {
        faults_.push_back(what + " writes " + memory->name + " without waiting for who reads it");
      }
    }
  }
  const std::uint64_t now = ++streams_[stream][stream];
  for (Memory* memory : reads) {
    memory->read[stream] = now;
  }
  for (Memory* memory : writes) {
    memory->writer = stream;
    memory->written = now;
    memory->read.clear();
  }
}

StreamOrder::Clock StreamOrder::record(int stream) const {
  const std::scoped_lock lock(mutex_);
  const auto it = streams_.find(stream);
  Clock clock = it == streams_.end() ? Clock() : it->second;
  merge(clock, host_);
  return clock;
}

void StreamOrder::wait(int stream, const Clock& event) {
  const std::scoped_lock lock(mutex_);
  merge(streams_[stream], event);
}

void StreamOrder::host_waits(const Clock& event) {
  const std::scoped_lock lock(mutex_);
  merge(host_, event);
}

void StreamOrder::free(const Memory& memory) {
  const std::scoped_lock lock(mutex_);
  const auto check = [&](int user, std::uint64_t launch) {
    if (user >= 0 && !memory.kept_for.contains(user) && !ordered(memory.stream, user, launch)) {
      faults_.push_back(memory.name + " is freed while a stream that it is not kept for uses it");
    }
  };
  check(memory.writer, memory.written);
  for (const auto& [reader, launch] : memory.read) {
    check(reader, launch);
  }
}

void StreamOrder::fault(std::string text) {
  const std::scoped_lock lock(mutex_);
  faults_.push_back(std::move(text));
}

std::vector<std::string> StreamOrder::take_faults() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(faults_, {});
}

}  // namespace placer::testing
