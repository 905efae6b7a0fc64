#pragma once

namespace placer::policy {

// While it lives, LibTorch works on the calling thread alone: the sums' order, and with it every
// bit, then depends on nothing but the machine, and small matrix products are faster.
class SingleThread {
 public:
  SingleThread();
  ~SingleThread();
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

}  // namespace placer::policy
