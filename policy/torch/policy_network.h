#pragma once

// A network that draws placements of one problem, and what a network learner needs of it.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "policy/learner.h"

namespace placer::policy {

struct NamedTensor {
  std::string name;
  at::Tensor value;
};

// How likely a policy is to make every decision of K proposals, S decisions each: differentiable.
struct Evaluation {
  at::Tensor log_probability;  // [S, K]; decisions that were no choice have 0
  // [K], mean over the decisions along the proposal, nats, of the masked distributions.
  at::Tensor entropy;
  // One number, added to the loss of what was sampled; undefined: none.
  at::Tensor penalty = {};
};

// Not thread-safe. Weights are float tensors that require gradients; their values may be changed
// between calls, after which encode() is due.
class PolicyNetwork {
 public:
  virtual ~PolicyNetwork() = default;

  // In a fixed order; names are those of the tensors in a checkpoint. Changes in place only.
  [[nodiscard]] virtual const std::vector<NamedTensor>& parameters() const = 0;
  // Draws the weights anew, in place.
  virtual void reset(std::uint64_t seed, std::uint64_t round) = 0;
  // As Learner's.
  [[nodiscard]] virtual std::uint64_t ways_to_begin() const { return 1; }

  // Reads the problem with the present weights. sample() and evaluate() go by the last reading;
  // gradients of evaluate() reach through it.
  virtual void encode() = 0;
  // As Learner's; encode() comes after them.
  virtual void rebase(const Placement& /*placement*/) {}
  [[nodiscard]] virtual std::vector<Proposal> decode(std::optional<std::size_t> /*most*/) {
    return {};
  }
  // As Learner::sample(), without gradients.
  [[nodiscard]] virtual std::vector<Proposal> sample(std::span<Rng> rngs) const = 0;
  // Of at least one proposal, of allowed devices.
  [[nodiscard]] virtual Evaluation evaluate(std::span<const Proposal> proposals) const = 0;
  // Whether evaluate() takes it: what a file says was drawn may be of another network.
  [[nodiscard]] virtual bool takes(const Proposal& proposal) const {
    return proposal.latent.empty();
  }
  // What the last reading comes to, [summary_width()], for a prediction of rewards; 0: nothing is
  // to be predicted from it.
  [[nodiscard]] virtual std::int64_t summary_width() const { return 0; }
  [[nodiscard]] virtual at::Tensor summary() const { return {}; }
  // Numbers of its own on proposals that it drew, for LessonReport::details.
  [[nodiscard]] virtual Details details(std::span<const Proposal> /*proposals*/) const {
    return {};
  }
  // As Learner::proposal_of().
  [[nodiscard]] virtual std::optional<Proposal> proposal_of(const Placement& placement) const = 0;
};

}  // namespace placer::policy
