#include "profiler/cuda/copies.h"

#include <chrono>
#include <cstring>
#include <memory>

#include "placer/base/error.h"
#include "profiler/cuda/cuda_calls.h"

namespace placer::profile {
namespace {

// Memory at one end of a copy.
class Block {
 public:
  Block(const CopyEnd& end, int gpu, std::size_t size) : end_(end), gpu_(gpu) {
    const CurrentGpu current(gpu_);
    if (end_.gpu) {
      check_cuda(cudaMalloc(&data_, size), gpu_, "allocating memory of the GPU");
    } else if (end_.pinned) {
      check_cuda(cudaMallocHost(&data_, size), gpu_, "allocating pinned memory of the host");
    } else {
      ordinary_ = std::make_unique_for_overwrite<char[]>(size);
      std::memset(ordinary_.get(), 1, size);  // else its pages come with the first copy
      data_ = ordinary_.get();
    }
  }
  ~Block() {
    if (end_.gpu) {
      (void)cudaFree(data_);
    } else if (end_.pinned) {
      (void)cudaFreeHost(data_);
    }
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  [[nodiscard]] void* data() const { return data_; }

 private:
  CopyEnd end_;
  int gpu_;
  void* data_ = nullptr;
  std::unique_ptr<char[]> ordinary_;
};

class Stream {
 public:
  explicit Stream(int gpu) {
    const CurrentGpu current(gpu);
    check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), gpu, "making a stream");
  }
  ~Stream() { (void)cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

void allow_peer_access(int from, int to) {
  int possible = 0;
  check_cuda(cudaDeviceCanAccessPeer(&possible, from, to), from, "asking for peer access");
  if (possible != 0) {
    const CurrentGpu current(from);
    const cudaError_t status = cudaDeviceEnablePeerAccess(to, 0);
    if (status == cudaErrorPeerAccessAlreadyEnabled) {
      (void)cudaGetLastError();
    } else {
      check_cuda(status, from, "enabling peer access");
    }
  }
}

// The bytes' way in one direction.
class Lane {
 public:
  Lane(const CopyEnd& from, const CopyEnd& to, std::size_t size)
      : from_gpu_(from.gpu ? *from.gpu : to.gpu.value()),
        to_gpu_(to.gpu ? *to.gpu : from_gpu_),
        size_(size),
        from_(from, from_gpu_, size),
        to_(to, to_gpu_, size),
        stream_(from_gpu_) {
    if (from_gpu_ != to_gpu_) {
      allow_peer_access(from_gpu_, to_gpu_);
    }
  }

  void start() const {
    const CurrentGpu current(from_gpu_);
    const cudaError_t status =
        from_gpu_ == to_gpu_
            ? cudaMemcpyAsync(to_.data(), from_.data(), size_, cudaMemcpyDefault, stream_.get())
            : cudaMemcpyPeerAsync(to_.data(), to_gpu_, from_.data(), from_gpu_, size_,
                                  stream_.get());
    check_cuda(status, from_gpu_, "copying");
  }
  void wait() const { check_cuda(cudaStreamSynchronize(stream_.get()), from_gpu_, "copying"); }

 private:
  int from_gpu_;  // at a host's end the other end's
  int to_gpu_;
  std::size_t size_;
  Block from_;
  Block to_;
  Stream stream_;
};

}  // namespace

std::vector<double> time_cuda_copies(const CopyRequest& request, int repeats) {
  PLACER_CHECK(request.from.gpu || request.to.gpu, "one end of a copy is a GPU");
  const auto size = static_cast<std::size_t>(request.bytes.count);
  const Lane there(request.from, request.to, size);
  std::unique_ptr<Lane> back;
  if (request.both_ways) {
    back = std::make_unique<Lane>(request.to, request.from, size);
  }
  std::vector<double> seconds;
  for (int i = 0; i <= repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    there.start();
    if (back) {
      back->start();
      back->wait();
    }
    there.wait();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    if (i > 0) {
      seconds.push_back(passed.count());
    }
  }
  return seconds;
}

}  // namespace placer::profile
