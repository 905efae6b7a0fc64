#pragma once

// Undoes the rounds of a training over many problems that blow its policy up, as Safeguard does the
// lessons of one search: a learner cannot put back what it shares with others.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "policy/learner.h"
#include "policy/safeguard.h"
#include "policy/torch/policy_network.h"

namespace placer::policy {

// Not thread-safe.
class RoundGuard {
 public:
  //   tensors  weights and optimizer, which it looks at and writes to
  explicit RoundGuard(std::vector<NamedTensor> tensors) : tensors_(std::move(tensors)) {}

  // Before a round: what is there is good.
  void begin();
  // After it. Where a number is not finite, or the policy blew up on more than half of the
  // problems, all is put back as it was before.
  //   blew_up  of each problem, in the eyes of its search
  void end(const std::vector<bool>& blew_up);

  // It was put back so often, and after so many rounds in a row, that others will fail too.
  [[nodiscard]] bool hopeless() const;
  [[nodiscard]] std::uint64_t rollbacks() const { return state_.rollbacks; }
  // For the user, after so many rounds; empty where nothing was put back.
  [[nodiscard]] std::string trouble(std::uint64_t rounds, double lr) const;

  [[nodiscard]] const SafeguardState& state() const { return state_; }
  void restore(const SafeguardState& state) { state_ = state; }

 private:
  std::vector<NamedTensor> tensors_;
  std::vector<Blob> good_;
  SafeguardState state_;
};

}  // namespace placer::policy
