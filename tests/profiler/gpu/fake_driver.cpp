#include "tests/profiler/gpu/fake_driver.h"

#include "placer/base/error.h"

namespace placer::profile::test {
namespace {

class FakeGraph final : public GpuGraph {
 public:
  explicit FakeGraph(FakeDriver& driver) : driver_(driver) {}
  void end_capture() override { ++driver_.captures; }
  void replay(std::uint64_t /*seed*/) override { ++driver_.replays; }

 private:
  FakeDriver& driver_;
};

}  // namespace

bool FakeDriver::has_peer_access(int from, int to) const {
  return from != to && peers;
}

double FakeDriver::rate(const CopyRequest& request) const {
  if (request.from.gpu && request.to.gpu) {
    return *request.from.gpu == *request.to.gpu ? copies.within_rate
           : peers                              ? copies.peer_rate
                                                : copies.staged_rate;
  }
  return request.from.pinned && request.to.pinned ? copies.pinned_rate : copies.pageable_rate;
}

std::vector<double> FakeDriver::time_copies(const CopyRequest& request, int repeats) {
  const auto given = on_copy ? on_copy(request) : std::nullopt;
  const double seconds =
      copies.latency_seconds + static_cast<double>(request.bytes.count) /
                                   (rate(request) * (request.both_ways ? copies.together : 1));
  return std::vector<double>(static_cast<std::size_t>(repeats), given.value_or(seconds));
}

double FakeDriver::time_launches(int gpu, int /*count*/) {
  return at(gpu).launch_seconds;
}

int FakeDriver::part_multiprocessors(int gpu, int parts) {
  const FakeGpu& fake = at(gpu);
  const int share = fake.facts.multiprocessors / parts;
  if (share < fake.part_step) {
    throw Error(ErrorKind::kDevice, "cuda:" + std::to_string(gpu) + ": cannot be cut");
  }
  return share - share % fake.part_step;
}

GpuStream FakeDriver::new_stream(int gpu, GpuPart part) {
  const std::lock_guard lock(mutex_);
  streams.emplace_back(gpu, part);
  return make_stream ? make_stream(gpu, part)
                     : GpuStream{static_cast<std::int64_t>(streams.size()),
                                 static_cast<std::int8_t>(gpu), 0};
}

void FakeDriver::limit_memory(int gpu, Bytes limit) {
  const std::lock_guard lock(mutex_);
  limits[gpu] = limit;
}

std::unique_ptr<GpuGraph> FakeDriver::begin_capture(int gpu) {
  if (!cannot_capture.empty()) {
    throw Error(ErrorKind::kDevice, cannot_capture);
  }
  if (make_capture) {
    return make_capture(gpu);
  }
  return std::make_unique<FakeGraph>(*this);
}

}  // namespace placer::profile::test
