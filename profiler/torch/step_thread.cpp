#include "profiler/torch/step_thread.h"

#include <exception>
#include <future>

#include <c10/core/InferenceMode.h>

namespace placer::profile {

void StepThread::start() {
  std::promise<void> ready;
  thread_ = std::thread([this, &ready] {
    try {
      become_ready();
    } catch (...) {
      ready.set_exception(std::current_exception());
      return;
    }
    ready.set_value();
    serve();
  });
  ready.get_future().get();
}

void StepThread::stop() {
  turn_.store(kStop);
  bell_.ring();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void StepThread::begin_share(std::uint64_t turn) {
  now_ = step_.start;
  if (!has_share_) {
    return;
  }
  step_.running.fetch_add(1);
  turn_.store(turn);
  bell_.ring();
}

void StepThread::serve() {
  const c10::InferenceMode inference;  // no autograd bookkeeping: the graph has its backward ops
  for (std::uint64_t turn = 0;;) {
    bell_.wait([&] { return turn_.load() != turn; });
    turn = turn_.load();
    if (turn == kStop) {
      return;
    }
    run_share();
    if (step_.running.fetch_sub(1) == 1) {
      step_.done.ring();
    }
  }
}

}  // namespace placer::profile
