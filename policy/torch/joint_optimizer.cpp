#include "policy/torch/joint_optimizer.h"

#include <cmath>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

namespace placer::policy {

void copy_values(const std::vector<NamedTensor>& from, const std::vector<NamedTensor>& to) {
  const at::NoGradGuard guard;
  for (std::size_t i = 0; i < to.size(); ++i) at::Tensor(to[i].value).copy_(from[i].value);
}

JointOptimizer::JointOptimizer(std::vector<NamedTensor> weights, double lr, double clip,
                               std::size_t running)
    : clip_(clip), weights_(std::move(weights)), adam_(weights_, lr, clip), free_(running) {}

void JointOptimizer::expect(std::size_t count) {
  const std::lock_guard lock(mutex_);
  seated_ = count;
  arrived_ = 0;
  gradients_.assign(count, std::nullopt);
}

JointOptimizer::Seat::Seat(JointOptimizer& optimizer, std::size_t learner)
    : joint_(optimizer), learner_(learner) {
  std::unique_lock lock(joint_.mutex_);
  joint_.wait_for_turn(lock);
}

JointOptimizer::Seat::~Seat() {
  const std::lock_guard lock(joint_.mutex_);
  ++joint_.free_;
  --joint_.seated_;
  if (joint_.seated_ > 0 && joint_.arrived_ == joint_.seated_) joint_.step();
  joint_.changed_.notify_all();
}

AdamOptimizer::Step JointOptimizer::Seat::minimize(const at::Tensor& loss,
                                                   const std::vector<NamedTensor>& own) {
  auto gradient = gradient_of(loss, own);
  const at::NoGradGuard guard;
  AdamOptimizer::Step step{.grad_norm = norm_of(gradient), .applied = false};
  step.applied = std::isfinite(step.grad_norm) && std::isfinite(loss.item<double>());
  if (step.applied && step.grad_norm > joint_.clip_) {
    for (at::Tensor& each : gradient) each.mul_(joint_.clip_ / step.grad_norm);
  }
  std::unique_lock lock(joint_.mutex_);
  if (step.applied) joint_.gradients_[learner_] = std::move(gradient);
  joint_.arrive(lock);
  lock.unlock();
  // Nobody steps before this learner comes back.
  load(own);
  return step;
}

void JointOptimizer::arrive(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t generation = generation_;
  ++free_;
  if (++arrived_ == seated_) {
    step();
  }
  changed_.notify_all();
  changed_.wait(lock, [&] { return generation_ != generation; });
  wait_for_turn(lock);
}

void JointOptimizer::wait_for_turn(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [&] { return free_ > 0; });
  --free_;
}

// Sums go by the learners' numbers: who came first does not show.
void JointOptimizer::step() {
  std::vector<at::Tensor> sum;
  double count = 0;
  for (auto& gradient : gradients_) {
    if (!gradient) continue;
    ++count;
    if (sum.empty()) {
      sum = *std::move(gradient);
    } else {
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i].add_((*gradient)[i]);
    }
    gradient.reset();
  }
  if (count > 0) {
    for (at::Tensor& each : sum) each.div_(count);
    steps_ += adam_.follow(std::move(sum)).applied ? 1 : 0;
  }
  arrived_ = 0;
  ++generation_;
}

}  // namespace placer::policy
