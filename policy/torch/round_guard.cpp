#include "policy/torch/round_guard.h"

#include <algorithm>

#include <fmt/format.h>

#include "policy/blobs.h"
#include "policy/torch/checkpoint.h"

namespace placer::policy {
namespace {

// Rounds in a row after which the settings are to blame.
constexpr std::uint64_t kMaxFailed = 10;
// What load_blobs() names if it refuses blobs; it does not, since they were good.
constexpr const char* kMemory = "memory";

}  // namespace

void RoundGuard::begin() {
  good_ = to_blobs(tensors_);
}

void RoundGuard::end(const std::vector<bool>& blew_up) {
  const auto count = static_cast<std::size_t>(std::ranges::count(blew_up, true));
  if (2 * count <= blew_up.size() && all_finite(to_blobs(tensors_))) {
    state_.failed = 0;
    return;
  }
  load_blobs(kMemory, good_, tensors_);
  ++state_.rollbacks;
  ++state_.failed;
}

bool RoundGuard::hopeless() const {
  return state_.failed >= kMaxFailed;
}

std::string RoundGuard::trouble(std::uint64_t rounds, double lr) const {
  if (state_.rollbacks == 0) return "";
  const std::string advice = fmt::format("a smaller learning rate than lr={}", lr);
  if (hopeless()) {
    return fmt::format("training ended: the policy blew up in {} rounds in a row; try {}",
                       state_.failed, advice);
  }
  return fmt::format(
      "the policy blew up and was put back {} time{} in {} rounds; {} may learn more",
      state_.rollbacks, state_.rollbacks == 1 ? "" : "s", rounds, advice);
}

}  // namespace placer::policy
