#pragma once

// One set of weights that several learners, each on a thread and a problem of its own, learn
// together: every step of Adam follows the mean of their gradients, and all go on from the same
// weights. What comes out does not depend on the number of cores or on who is fast.

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "policy/torch/policy_gradient.h"

namespace placer::policy {

// Between weights of the same names and shapes.
void copy_values(const std::vector<NamedTensor>& from, const std::vector<NamedTensor>& to);

class JointOptimizer {
 public:
  // The weights are changed in place. Gradients of a learner are clipped to the norm `clip`, so
  // that no problem speaks louder than the others, and so is their mean.
  //   running  learners that may work at once, at least 1
  JointOptimizer(std::vector<NamedTensor> weights, double lr, double clip, std::size_t running);

  // Adam's, from the next step on.
  void set_rate(double lr) { adam_.set_rate(lr); }
  // Before the learners' threads start: `count` of them, numbered from 0.
  void expect(std::size_t count);

  // A learner's part, on its own thread from construction to destruction; every learner that is
  // expected has to come.
  class Seat {
   public:
    Seat(JointOptimizer& optimizer, std::size_t learner);
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    // Copies the weights to the learner's own.
    void load(const std::vector<NamedTensor>& own) const { copy_values(joint_.weights_, own); }
    // Waits until every learner that is seated has come here or left, and for the step that follows;
    // `own` then holds the new weights.
    //   loss     a function of `own`; where it or its gradient is not finite it does not count
    //   returns  of this learner's gradient
    AdamOptimizer::Step minimize(const at::Tensor& loss, const std::vector<NamedTensor>& own);

   private:
    JointOptimizer& joint_;
    std::size_t learner_;
  };

  // Adam's, as AdamOptimizer::state().
  [[nodiscard]] std::vector<NamedTensor> state() const { return adam_.state(); }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  void arrive(std::unique_lock<std::mutex>& lock);
  void step();
  void wait_for_turn(std::unique_lock<std::mutex>& lock);

  double clip_;
  std::vector<NamedTensor> weights_;
  AdamOptimizer adam_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t free_;        // of those that may run
  std::size_t seated_ = 0;  // or expected
  std::size_t arrived_ = 0;
  std::uint64_t generation_ = 0;
  std::uint64_t steps_ = 0;
  std::vector<std::optional<std::vector<at::Tensor>>> gradients_;  // [learners] of this step
};

}  // namespace placer::policy
