#include "policy/torch/lstm.h"

#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

namespace placer::policy {
namespace {

class LstmSequence : public torch::autograd::Function<LstmSequence> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& input_gates, const at::Tensor& weight) {
    const std::int64_t batch = input_gates.size(1);
    const std::int64_t hidden = weight.size(1);
    const at::Tensor gates = input_gates.clone();
    const at::Tensor cells = at::empty({input_gates.size(0), batch, hidden}, gates.options());
    const at::Tensor states = at::empty_like(cells);
    const at::Tensor transposed = weight.t().contiguous();
    at::Tensor cell = at::zeros({batch, hidden}, gates.options());
    at::Tensor state;
    for (std::int64_t t = 0; t < input_gates.size(0); ++t) {
      at::Tensor step = gates.select(0, t);
      if (t > 0) step.addmm_(state, transposed);
      state = states.select(0, t);
      state.copy_(lstm_step(step, cell));
      cells.select(0, t).copy_(cell);
    }
    context->save_for_backward({weight, gates, cells, states});
    return states;
  }

  // With dh_t and dc_t the gradients that reach h_t and c_t:
  //   dc_t += dh_t * o (1 - tanh(c_t)^2),  d_o = dh_t * tanh(c_t) o (1 - o),  d_i = dc_t * g i (1 -
  //   i), d_f = dc_t * c_(t-1) f (1 - f),  d_g = dc_t * i (1 - g^2),  dc_(t-1) = dc_t * f, dh_(t-1)
  //   = [d_o d_i d_f d_g] W
  // All factors that do not depend on dh and dc are computed for all steps at once, before the
  // loop.
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& weight = saved[0];
    const at::Tensor& states = saved[3];
    const std::int64_t steps = states.size(0);
    const std::int64_t batch = states.size(1);
    const std::int64_t hidden = states.size(2);
    const auto gate = saved[1].split(hidden, 2);
    const at::Tensor& o = gate[0];
    const at::Tensor& i = gate[1];
    const at::Tensor& f = gate[2];
    const at::Tensor& g = gate[3];
    const at::Tensor squashed = saved[2].tanh();
    const at::Tensor before = at::cat(
        {at::zeros({1, batch, hidden}, states.options()), saved[2].narrow(0, 0, steps - 1)});
    const auto to_cell = (o * (1 - squashed * squashed)).unbind();
    const auto to_output = (squashed * o * (1 - o)).unbind();
    const auto to_others =
        at::stack({g * i * (1 - i), before * f * (1 - f), i * (1 - g * g)}, 2).unbind();
    const auto forget = f.contiguous().unbind();
    const at::Tensor incoming = gradients[0].contiguous();

    const at::Tensor d_gates = at::empty({steps, batch, 4 * hidden}, states.options());
    at::Tensor d_state = at::zeros({batch, hidden}, states.options());
    at::Tensor d_cell = at::zeros({batch, hidden}, states.options());
    for (std::int64_t t = steps - 1; t >= 0; --t) {
      const auto now = static_cast<std::size_t>(t);
      d_state.add_(incoming.select(0, t));
      d_cell.addcmul_(d_state, to_cell[now]);
      const at::Tensor step = d_gates.select(0, t);
      at::Tensor output_part = step.narrow(1, 0, hidden);
      at::mul_out(output_part, d_state, to_output[now]);
      at::Tensor other_part = step.narrow(1, hidden, 3 * hidden).view({batch, 3, hidden});
      at::mul_out(other_part, to_others[now], d_cell.unsqueeze(1));
      d_cell.mul_(forget[now]);
      if (t > 0) at::mm_out(d_state, step, weight);
    }
    at::Tensor d_weight;
    if (steps > 1) {
      const std::int64_t rows = (steps - 1) * batch;
      d_weight = at::mm(d_gates.narrow(0, 1, steps - 1).reshape({rows, 4 * hidden}).t(),
                        states.narrow(0, 0, steps - 1).reshape({rows, hidden}));
    } else {
      d_weight = at::zeros_like(weight);
    }
    return {d_gates, d_weight};
  }
};

}  // namespace

at::Tensor lstm_sequence(const at::Tensor& input_gates, const at::Tensor& weight) {
  return LstmSequence::apply(input_gates, weight);
}

at::Tensor lstm_step(at::Tensor& gates, at::Tensor& cell) {
  const std::int64_t hidden = cell.size(1);
  gates.narrow(1, 0, 3 * hidden).sigmoid_();
  gates.narrow(1, 3 * hidden, hidden).tanh_();
  const auto gate = gates.split(hidden, 1);
  cell.mul_(gate[2]).addcmul_(gate[1], gate[3]);
  return at::tanh(cell).mul_(gate[0]);
}

}  // namespace placer::policy
