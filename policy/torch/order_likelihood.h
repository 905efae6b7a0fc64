#pragma once

// How likely an order is that was drawn one ready node at a time by static scores: Plackett and
// Luce's model under precedence. With s the scores and R_t the ready set at step t,
//   log pi(order) = sum over t of s[order_t] - log Z_t,   Z_t = sum over u in R_t of exp(s_u)
// A node is ready from one step to another, so that R_t changes by few members a step: a ChoiceTree
// gives every Z_t and entropy in O(log N), RangeSums the gradient, where the ready sets themselves
// may have O(N^2) members together.

#include <ATen/core/Tensor.h>

namespace placer::policy {

struct OrderLikelihood {
  at::Tensor log_probability;  // [M, K]: of every step
  at::Tensor entropy;          // [M, K], nats
};

// Differentiable in `scores`.
//   scores  [N]
//   order   [M, K] int64: K orders of the same M of the N nodes
//   since   [M, K] int64: the step from which order[m, k] was ready, at most m
//   cost    O(K M log N) time, O(K M) memory
[[nodiscard]] OrderLikelihood order_likelihood(const at::Tensor& scores, const at::Tensor& order,
                                               const at::Tensor& since);

}  // namespace placer::policy
