#pragma once

// Placements as tensors of device indices.

#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "policy/learner.h"

namespace placer::policy {

// [nodes, K] int64, of at least one proposal.
[[nodiscard]] at::Tensor to_actions(std::span<const Proposal> proposals);
// The other way round.
[[nodiscard]] std::vector<Proposal> to_proposals(const at::Tensor& actions);

}  // namespace placer::policy
