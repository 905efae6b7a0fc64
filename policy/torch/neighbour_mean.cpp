#include "policy/torch/neighbour_mean.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

namespace placer::policy {
namespace {

template <typename Scalar>
void add_rows(const at::Tensor& rows, const at::Tensor& from, const at::Tensor& to,
              const at::Tensor& weight, at::Tensor& sums) {
  const std::int64_t width = rows.size(1);
  const auto* source = from.const_data_ptr<std::int64_t>();
  const auto* target = to.const_data_ptr<std::int64_t>();
  const auto* weights = weight.const_data_ptr<Scalar>();
  const auto* in = rows.const_data_ptr<Scalar>();
  auto* out = sums.mutable_data_ptr<Scalar>();
  for (std::int64_t e = 0; e < from.size(0); ++e) {
    const Scalar* row = in + source[e] * width;
    Scalar* sum = out + target[e] * width;
    for (std::int64_t i = 0; i < width; ++i) sum[i] += weights[e] * row[i];
  }
}

// The gradient is the same sum with sources and targets exchanged.
at::Tensor sum_along(const at::Tensor& rows, const at::Tensor& from, const at::Tensor& to,
                     const at::Tensor& weight, std::int64_t size) {
  const at::Tensor dense = rows.contiguous();
  at::Tensor sums = at::zeros({size, dense.size(1)}, dense.options());
  if (!dense.is_cpu()) {
    return sums.index_add_(0, to, dense.index_select(0, from) * weight.unsqueeze(1));
  }
  if (dense.scalar_type() == at::kDouble) {
    add_rows<double>(dense, from, to, weight, sums);
  } else {
    add_rows<float>(dense, from, to, weight, sums);
  }
  return sums;
}

class SumAlongEdges : public torch::autograd::Function<SumAlongEdges> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& rows,
                            const at::Tensor& source, const at::Tensor& target,
                            const at::Tensor& weight, std::int64_t num_targets) {
    context->save_for_backward({source, target, weight});
    context->saved_data["sources"] = rows.size(0);
    return sum_along(rows, source, target, weight, num_targets);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const std::int64_t sources = context->saved_data["sources"].toInt();
    return {sum_along(gradients[0], saved[1], saved[0], saved[2], sources), {}, {}, {}, {}};
  }
};

}  // namespace

Messages neighbour_means(const Adjacency& adjacency, std::span<const std::uint8_t> choice,
                         const at::TensorOptions& numbers) {
  const auto edges = static_cast<std::int64_t>(adjacency.neighbour.size());
  Messages messages{.source = at::empty({edges}, at::kLong),
                    .target = at::empty({edges}, at::kLong),
                    .weight = at::empty({edges}, at::kDouble),
                    .num_targets = 2 * static_cast<std::int64_t>(choice.size())};
  auto* source = messages.source.mutable_data_ptr<std::int64_t>();
  auto* target = messages.target.mutable_data_ptr<std::int64_t>();
  auto* weight = messages.weight.mutable_data_ptr<double>();
  for (std::size_t unit = 0; unit < choice.size(); ++unit) {
    double count[2] = {0, 0};
    for (auto e = adjacency.first[unit]; e < adjacency.first[unit + 1]; ++e) {
      source[e] = adjacency.neighbour[static_cast<std::size_t>(e)];
      const bool elsewhere = choice[static_cast<std::size_t>(source[e])] != choice[unit];
      target[e] = 2 * static_cast<std::int64_t>(unit) + (elsewhere ? 1 : 0);
      ++count[elsewhere ? 1 : 0];
    }
    for (auto e = adjacency.first[unit]; e < adjacency.first[unit + 1]; ++e) {
      weight[e] = 1 / count[target[e] & 1];
    }
  }
  messages.source = messages.source.to(numbers.device());
  messages.target = messages.target.to(numbers.device());
  messages.weight = messages.weight.to(numbers);
  return messages;
}

at::Tensor pass(const Messages& messages, const at::Tensor& rows) {
  return SumAlongEdges::apply(rows, messages.source, messages.target, messages.weight,
                              messages.num_targets);
}

}  // namespace placer::policy
