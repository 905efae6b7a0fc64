#include "policy/safeguard.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "placer/evaluate/statistics.h"
#include "policy/blobs.h"

namespace placer::policy {
namespace {

// A copy of weights and optimizer so often costs less than a hundredth of the lessons.
constexpr std::uint64_t kLessonsBetweenCopies = 10;
constexpr std::size_t kNorms = 16;
constexpr double kExplosion = 1e4;
constexpr double kChoice = 0.01;     // nats per decision
constexpr double kNoChoice = 1e-12;  // likewise

// What load_weights() names if it refuses blobs; it does not, since they were its own.
constexpr const char* kMemory = "memory";

}  // namespace

std::vector<Blob> Safeguard::present() const {
  std::vector<Blob> blobs = learner_.weights();
  std::vector<Blob> optimizer = learner_.optimizer_state();
  std::move(optimizer.begin(), optimizer.end(), std::back_inserter(blobs));
  return blobs;
}

void Safeguard::begin() {
  good_ = present();
  state_ = {.rollbacks = state_.rollbacks, .entropy = std::nullopt};
}

void Safeguard::before_lesson() {
  candidate_.reset();
  if (state_.since >= kLessonsBetweenCopies) candidate_ = present();
}

bool Safeguard::after_lesson(const LessonReport& report) {
  if (exploded(report)) {
    ++state_.failed;
    roll_back();
    return false;
  }
  if (candidate_) {
    good_ = *std::exchange(candidate_, std::nullopt);
    state_.since = 0;
  }
  ++state_.since;
  state_.failed = 0;
  state_.entropy = report.settles ? std::nullopt : std::optional(report.entropy);
  state_.norms.push_back(report.grad_norm);
  if (state_.norms.size() > kNorms) state_.norms.erase(state_.norms.begin());
  return true;
}

bool Safeguard::exploded(const LessonReport& report) const {
  if (!report.applied || !std::isfinite(report.loss) || !std::isfinite(report.entropy) ||
      !std::isfinite(report.grad_norm)) {
    return true;
  }
  if (state_.norms.size() == kNorms &&
      report.grad_norm > kExplosion * std::max(clip_, median(state_.norms))) {
    return true;
  }
  if (state_.entropy.value_or(0) > kChoice && report.entropy < kNoChoice) return true;
  return !all_finite(learner_.weights());
}

bool Safeguard::roll_back() {
  candidate_.reset();
  // Nor is anything written then to weights that learners on other threads share.
  if (present() == good_) return false;
  learner_.load_weights(kMemory, good_);
  learner_.load_optimizer_state(kMemory, good_);
  ++state_.rollbacks;
  state_.since = 0;
  return true;
}

void Safeguard::restore(SafeguardState state, std::vector<Blob> good) {
  state_ = std::move(state);
  good_ = std::move(good);
}

}  // namespace placer::policy
