#pragma once

// Undoes what blows a policy up. Every lesson is looked at when it has been taught; weights and
// optimizer are put back where they last were good.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policy/learner.h"

namespace placer::policy {

// What is remembered between two updates besides the good weights.
struct SafeguardState {
  std::uint64_t rollbacks = 0;     // of the whole search
  std::uint64_t since = 0;         // lessons since the good weights were taken
  std::vector<double> norms = {};  // of the gradients of the last good lessons, oldest first
  std::optional<double> entropy;   // of the last good lesson, unless it settled
  std::uint64_t failed = 0;        // lessons in a row that were not good

  bool operator==(const SafeguardState&) const = default;
};

// A policy has blown up when
// - a weight is not finite after the step;
// - the loss, the entropy or the gradient of a lesson is not finite;
// - the gradient is 10^4 times as long as the median of the last 16 and as what clipping leaves of
//   it: a step of ordinary training moves probabilities by a few percent;
// - the entropy is below 10^-12 nats per decision and was above 0.01 a lesson ago: one device was
//   left where there was a choice. What converges takes many lessons to get there, but for a lesson
//   that says so (LessonReport::settles).
//
// Not thread-safe. The learner outlives it.
class Safeguard {
 public:
  //   clip  largest norm of a gradient that is followed
  Safeguard(Learner& learner, double clip) : learner_(learner), clip_(clip) {}

  // The learner's present weights are good: fresh, or loaded. What was seen of others is forgotten.
  void begin();
  // Before a lesson, whose report says whether the weights until then were good.
  void before_lesson();
  // After it. False: the policy had blown up. It is put back, if it was changed since it was good.
  bool after_lesson(const LessonReport& report);
  // Puts the good weights back; false where the present ones are those.
  bool roll_back();

  [[nodiscard]] std::uint64_t rollbacks() const { return state_.rollbacks; }
  // Lessons in a row that were not good: where putting weights back does not help.
  [[nodiscard]] std::uint64_t failed() const { return state_.failed; }
  [[nodiscard]] const SafeguardState& state() const { return state_; }
  // Weights and optimizer, by the learner's names.
  [[nodiscard]] const std::vector<Blob>& good() const { return good_; }
  void restore(SafeguardState state, std::vector<Blob> good);

 private:
  [[nodiscard]] std::vector<Blob> present() const;
  [[nodiscard]] bool exploded(const LessonReport& report) const;

  Learner& learner_;
  double clip_;
  SafeguardState state_;
  std::vector<Blob> good_;
  std::optional<std::vector<Blob>> candidate_;  // of the lesson that is under way
};

}  // namespace placer::policy
