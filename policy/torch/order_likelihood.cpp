#include "policy/torch/order_likelihood.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "policy/choice_tree.h"

namespace placer::policy {
namespace {

// Column `k` of a contiguous [M, K] tensor.
template <typename T>
std::vector<T> column(const at::Tensor& table, std::int64_t k) {
  const T* data = table.const_data_ptr<T>() + k;
  std::vector<T> result;
  for (std::int64_t m = 0; m < table.size(0); ++m) result.push_back(data[m * table.size(1)]);
  return result;
}

// Outputs log Z and the entropy of every ready set, in double.
class ReadyNormalisers : public torch::autograd::Function<ReadyNormalisers> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const at::Tensor& scores, const at::Tensor& order,
                                                const at::Tensor& since) {
    const at::Tensor wide = scores.to(at::kDouble).contiguous();
    const at::Tensor normalisers = at::empty(order.sizes(), at::kDouble);
    const at::Tensor entropy = at::empty(order.sizes(), at::kDouble);
    ChoiceTree tree(static_cast<std::size_t>(scores.size(0)));
    for (std::int64_t k = 0; k < order.size(1); ++k) {
      replay(wide.const_data_ptr<double>(), column<std::int64_t>(order, k),
             column<std::int64_t>(since, k), tree, normalisers.mutable_data_ptr<double>() + k,
             entropy.mutable_data_ptr<double>() + k, order.size(1));
    }
    context->save_for_backward({wide, order, since, normalisers, entropy});
    return {normalisers, entropy};
  }

  // With p_ut = exp(s_u - log Z_t): d log Z_t / d s_u = p_ut, and
  // d H_t / d s_u = -p_ut (s_u - log Z_t + H_t), for every step t at which u is ready.
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor of_normaliser = gradients[0].contiguous();
    const at::Tensor of_entropy = gradients[1].contiguous();
    const at::Tensor result = at::zeros(saved[0].sizes(), at::kDouble);
    for (std::int64_t k = 0; k < saved[1].size(1); ++k) {
      const auto order = column<std::int64_t>(saved[1], k);
      const auto since = column<std::int64_t>(saved[2], k);
      const auto z = column<double>(saved[3], k);
      const auto h = column<double>(saved[4], k);
      const auto dz = column<double>(of_normaliser, k);
      std::vector<double> dh = column<double>(of_entropy, k);
      std::vector<double> constant(z.size());
      for (std::size_t t = 0; t < z.size(); ++t) constant[t] = dz[t] + dh[t] * (z[t] - h[t]);
      const RangeSums constants(constant, z);
      const RangeSums slopes(dh, z);
      const double* scores = saved[0].const_data_ptr<double>();
      for (std::size_t t = 0; t < z.size(); ++t) {
        const double score = scores[order[t]];
        const auto first = static_cast<std::size_t>(since[t]);
        result.mutable_data_ptr<double>()[order[t]] +=
            constants.sum(first, t, score) - score * slopes.sum(first, t, score);
      }
    }
    return {result, at::Tensor(), at::Tensor()};
  }

 private:
  static void replay(const double* scores, const std::vector<std::int64_t>& order,
                     const std::vector<std::int64_t>& since, ChoiceTree& tree, double* normaliser,
                     double* entropy, std::int64_t stride) {
    std::vector<std::size_t> arrivals(order.size());
    std::iota(arrivals.begin(), arrivals.end(), std::size_t{0});
    std::stable_sort(arrivals.begin(), arrivals.end(),
                     [&](std::size_t a, std::size_t b) { return since[a] < since[b]; });
    tree.clear();
    auto next = arrivals.begin();
    for (std::size_t t = 0; t < order.size(); ++t) {
      for (; next != arrivals.end() && since[*next] <= static_cast<std::int64_t>(t); ++next) {
        tree.insert(static_cast<std::size_t>(order[*next]), scores[order[*next]]);
      }
      *normaliser = tree.log_normaliser();
      *entropy = tree.entropy();
      normaliser += stride;
      entropy += stride;
      tree.remove(static_cast<std::size_t>(order[t]));
    }
  }
};

}  // namespace

OrderLikelihood order_likelihood(const at::Tensor& scores, const at::Tensor& order,
                                 const at::Tensor& since) {
  const at::Tensor wide = scores.to(at::kCPU, at::kDouble);
  const auto outputs = ReadyNormalisers::apply(wide, order.contiguous(), since.contiguous());
  const at::Tensor chosen = wide.index_select(0, order.reshape({-1})).view(order.sizes());
  return {(chosen - outputs[0]).to(scores.options()), outputs[1].to(scores.options())};
}

}  // namespace placer::policy
