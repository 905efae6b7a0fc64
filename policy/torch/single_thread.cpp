#include "policy/torch/single_thread.h"

#include <ATen/Parallel.h>
#include <omp.h>

namespace placer::policy {

SingleThread::SingleThread() : before_(omp_get_max_threads()) {
  // LibTorch sets the thread's limit on its first use: that must have happened, or it would undo
  // the next line.
  static_cast<void>(at::get_num_threads());
  omp_set_num_threads(1);
}

SingleThread::~SingleThread() {
  omp_set_num_threads(before_);
}

}  // namespace placer::policy
