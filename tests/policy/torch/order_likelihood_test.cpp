#include "policy/torch/order_likelihood.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/rand_like.h>
#include <gtest/gtest.h>

#include "placer/base/random.h"
#include "tests/policy/torch/numerical_gradient.h"

namespace placer::policy {
namespace {

struct Orders {
  at::Tensor order;
  at::Tensor since;
};

// Orders of `nodes` nodes; each is ready from a random step on.
Orders random_orders(std::int64_t nodes, std::int64_t count, std::uint64_t seed) {
  Orders orders{at::empty({nodes, count}, at::kLong), at::empty({nodes, count}, at::kLong)};
  Rng rng(seed);
  auto* order = orders.order.mutable_data_ptr<std::int64_t>();
  auto* since = orders.since.mutable_data_ptr<std::int64_t>();
  for (std::int64_t k = 0; k < count; ++k) {
    std::vector<std::int64_t> nodes_in_order;
    for (std::int64_t v = 0; v < nodes; ++v) nodes_in_order.push_back(v);
    rng.shuffle(std::span(nodes_in_order));
    for (std::int64_t m = 0; m < nodes; ++m) {
      order[m * count + k] = nodes_in_order[static_cast<std::size_t>(m)];
      since[m * count + k] =
          static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(m + 1)));
    }
  }
  return orders;
}

// From the definition, over the ready sets themselves.
TEST(OrderLikelihood, IsTheSoftmaxOverEveryReadySet) {
  const std::int64_t nodes = 9;
  const std::int64_t count = 3;
  const at::Tensor scores = at::rand({nodes}, at::kDouble) * 10;
  const Orders orders = random_orders(nodes, count, 4);
  const OrderLikelihood result = order_likelihood(scores, orders.order, orders.since);
  const auto order = orders.order.accessor<std::int64_t, 2>();
  const auto since = orders.since.accessor<std::int64_t, 2>();
  const double* s = scores.const_data_ptr<double>();
  for (std::int64_t k = 0; k < count; ++k) {
    for (std::int64_t t = 0; t < nodes; ++t) {
      double sum = 0;
      for (std::int64_t u = t; u < nodes; ++u) {
        if (since[u][k] <= t) sum += std::exp(s[order[u][k]]);
      }
      double entropy = 0;
      for (std::int64_t u = t; u < nodes; ++u) {
        const double p = std::exp(s[order[u][k]]) / sum;
        if (since[u][k] <= t) entropy -= p * std::log(p);
      }
      EXPECT_NEAR(result.log_probability[t][k].item<double>(), s[order[t][k]] - std::log(sum),
                  1e-12);
      EXPECT_NEAR(result.entropy[t][k].item<double>(), entropy, 1e-12);
    }
  }
}

TEST(OrderLikelihood, HasTheNumericalGradient) {
  const at::Tensor scores = (at::rand({13}, at::kDouble) * 6).requires_grad_();
  const Orders orders = random_orders(13, 4, 8);
  const at::Tensor a = at::rand({13, 4}, at::kDouble) - 0.5;
  const at::Tensor b = at::rand_like(a) - 0.5;
  const std::vector<NamedTensor> parameters = {{"scores", scores}};
  test::expect_numerical_gradient(parameters, [&] {
    const OrderLikelihood all = order_likelihood(scores, orders.order, orders.since);
    return (all.log_probability * a + all.entropy * b).sum();
  });
}

// A chain of scores from 3,000 to 0, two ready at a time: exp(3000) is no double.
TEST(OrderLikelihood, TakesScoresThatAreThousandsApart) {
  const std::int64_t nodes = 31;
  const at::Tensor scores = at::empty({nodes}, at::kDouble);
  Orders orders{at::empty({nodes, 1}, at::kLong), at::empty({nodes, 1}, at::kLong)};
  for (std::int64_t v = 0; v < nodes; ++v) {
    scores.mutable_data_ptr<double>()[v] = static_cast<double>(100 * (nodes - 1 - v));
    orders.order.mutable_data_ptr<std::int64_t>()[v] = v;
    orders.since.mutable_data_ptr<std::int64_t>()[v] = std::max<std::int64_t>(0, v - 1);
  }
  const at::Tensor leaf = scores.requires_grad_();
  const OrderLikelihood all = order_likelihood(leaf, orders.order, orders.since);
  EXPECT_NEAR(all.log_probability.sum().item<double>(), 0, 1e-12);
  const auto gradient = torch::autograd::grad({all.log_probability.sum()}, {leaf});
  EXPECT_NEAR(gradient[0].abs().max().item<double>(), 0, 1e-12);
}

}  // namespace
}  // namespace placer::policy
