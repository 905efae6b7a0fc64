#include "policy/torch/seq2seq.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>

#include "policy/torch/floats.h"
#include "policy/torch/lstm.h"
#include "policy/torch/masked_choice.h"

namespace placer::policy {
namespace {

constexpr std::uint64_t kWeightStream =
    0x77656967;  // keeps initial weights apart from the streams of samples

}  // namespace

Inputs to_inputs(const GroupFeatures& features, const at::TensorOptions& numbers) {
  const auto groups = static_cast<std::int64_t>(features.num_groups);
  const auto devices = static_cast<std::int64_t>(features.num_devices);
  Inputs inputs;
  inputs.type_counts = from_floats(
      features.type_counts, {groups, static_cast<std::int64_t>(features.types.size())}, numbers);
  inputs.numbers =
      from_floats(features.numbers, {groups, static_cast<std::int64_t>(features.width)}, numbers);
  const at::Tensor mask = at::empty({groups, devices}, at::kBool);
  bool* forbidden = mask.mutable_data_ptr<bool>();
  for (std::size_t v = 0; v < features.num_groups; ++v) {
    for (std::size_t d = 0; d < features.num_devices; ++d) {
      *forbidden++ = (features.allowed[v] >> d & 1) == 0;
    }
  }
  inputs.forbidden = mask.to(numbers.device());
  return inputs;
}

Seq2Seq::Seq2Seq(const SequenceParameters& parameters, const Inputs& inputs, std::uint64_t seed,
                 const std::vector<std::vector<double>>& first_logits)
    : hidden_(parameters.hidden),
      bidirectional_(parameters.bidirectional),
      temperature_(parameters.temperature),
      tanh_(parameters.tanh),
      weights_(kWeightStream, inputs.numbers.options()) {
  const std::int64_t types = inputs.type_counts.size(1);
  const std::int64_t devices = inputs.forbidden.size(1);
  const std::int64_t read = parameters.type_width + inputs.numbers.size(1);
  const std::int64_t encoded = bidirectional_ ? 2 * hidden_ : hidden_;
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_));
  const double bound_encoded = 1 / std::sqrt(static_cast<double>(encoded));
  weights_.add("type_embedding", {types, parameters.type_width}, 1);
  for (const char* direction : {"encoder.forward", "encoder.backward"}) {
    if (direction == std::string_view("encoder.backward") && !bidirectional_) continue;
    const std::string name(direction);
    weights_.add(name + ".weight_input", {4 * hidden_, read}, bound);
    weights_.add(name + ".weight_hidden", {4 * hidden_, hidden_}, bound);
    weights_.add(name + ".bias_input", {4 * hidden_}, bound);
    weights_.add(name + ".bias_hidden", {4 * hidden_}, bound);
  }
  weights_.add("device_embedding", {devices + 1, parameters.device_width}, 1);
  weights_.add("decoder.weight_encoded", {4 * hidden_, encoded}, bound);
  weights_.add("decoder.weight_device", {4 * hidden_, parameters.device_width}, bound);
  weights_.add("decoder.weight_hidden", {4 * hidden_, hidden_}, bound);
  weights_.add("decoder.bias", {4 * hidden_}, bound);
  weights_.add("attention.key", {hidden_, encoded}, bound_encoded);
  // A tenth of the usual size, so that the first placements are nearly uniform.
  weights_.add("output.weight_context", {devices, encoded}, 0.1 * bound_encoded);
  weights_.add("output.weight_state", {devices, hidden_}, 0.1 * bound);
  weights_.add("output.bias", {devices}, 0);
  std::size_t most = 0;
  for (const std::vector<double>& way : first_logits) most = std::max(most, way.size());
  if (most > 0) {
    const std::int64_t rows = static_cast<std::int64_t>(most) / devices;
    own_logits_ = weights_.add("output.own", {rows, devices}, 0, first_logits);
  }
  reset(seed, 0);
}

Encoding Seq2Seq::encode(const Inputs& inputs) const {
  const at::Tensor types = at::mm(inputs.type_counts, weights_.get("type_embedding"));
  const at::Tensor read = at::cat({types, inputs.numbers}, 1).unsqueeze(1);
  std::vector<at::Tensor> encoder;
  for (const NamedTensor& parameter : weights_.all()) {
    if (parameter.name.starts_with("encoder.")) encoder.push_back(parameter.value);
  }
  const std::int64_t directions = bidirectional_ ? 2 : 1;
  const at::Tensor zero = at::zeros({directions, 1, hidden_}, read.options());
  const at::Tensor encoded =
      std::get<0>(at::lstm(read, {zero, zero}, encoder, /*has_biases=*/true, /*num_layers=*/1,
                           /*dropout=*/0.0, /*train=*/true, bidirectional_, /*batch_first=*/false))
          .squeeze(1);
  Encoding encoding;
  encoding.input_gates =
      at::linear(encoded, weights_.get("decoder.weight_encoded"), weights_.get("decoder.bias"));
  encoding.device_gates =
      at::mm(weights_.get("device_embedding"), weights_.get("decoder.weight_device").t());
  encoding.keys =
      at::mm(weights_.get("attention.key"), encoded.t()) / std::sqrt(static_cast<double>(hidden_));
  encoding.values = at::mm(encoded, weights_.get("output.weight_context").t());
  const bool shared = own_logits_.defined() && inputs.own_rows.defined();
  encoding.own_logits = shared ? own_logits_.index_select(0, inputs.own_rows) : own_logits_;
  encoding.summary = encoded.mean(0);
  encoding.forbidden = inputs.forbidden;
  return encoding;
}

at::Tensor Seq2Seq::log_probabilities(const at::Tensor& logits, const at::Tensor& forbidden) const {
  at::Tensor shaped = temperature_ == 1 ? logits : logits / temperature_;
  if (tanh_ > 0) shaped = at::tanh(shaped) * tanh_;
  return masked_log_softmax(shaped, forbidden);
}

Samples Seq2Seq::sample(const Encoding& encoding, std::span<Rng> rngs) const {
  const auto batch = static_cast<std::int64_t>(rngs.size());
  const std::int64_t groups = encoding.values.size(0);
  const std::int64_t devices = encoding.values.size(1);
  // Outside inference mode, since the training pass uses it.
  Samples samples{at::empty({groups, batch}, at::kLong), at::empty({batch}, at::kDouble)};
  std::int64_t* actions = samples.actions.data_ptr<std::int64_t>();
  double* log_probability = samples.log_probability.data_ptr<double>();
  std::fill_n(log_probability, batch, 0.0);

  const c10::InferenceMode guard;
  const at::Device device = encoding.values.device();
  const at::Tensor weight = weights_.get("decoder.weight_hidden").t().contiguous();
  const at::Tensor output = weights_.get("output.weight_state").t().contiguous();
  const at::Tensor& bias = weights_.get("output.bias");
  at::Tensor state = at::zeros({batch, hidden_}, encoding.values.options());
  at::Tensor cell = at::zeros_like(state);
  at::Tensor previous = at::full({batch}, devices, at::kLong);
  std::int64_t* chosen = previous.data_ptr<std::int64_t>();
  std::vector<double> weights(static_cast<std::size_t>(devices));
  for (std::int64_t i = 0; i < groups; ++i) {
    at::Tensor gates = encoding.device_gates.index_select(0, previous.to(device));
    gates.add_(encoding.input_gates.select(0, i)).addmm_(state, weight);
    state = lstm_step(gates, cell);
    const at::Tensor attention = at::softmax(at::mm(state, encoding.keys), -1);
    at::Tensor logits = at::addmm(bias, state, output).addmm_(attention, encoding.values);
    if (encoding.own_logits.defined()) logits.add_(encoding.own_logits.select(0, i));
    const at::Tensor choices =
        log_probabilities(logits, encoding.forbidden.select(0, i)).to(at::kCPU, at::kDouble);
    const double* row = choices.data_ptr<double>();
    for (std::int64_t k = 0; k < batch; ++k, row += devices) {
      for (std::int64_t d = 0; d < devices; ++d)
        weights[static_cast<std::size_t>(d)] = std::exp(row[d]);
      const std::size_t choice = rngs[static_cast<std::size_t>(k)].weighted(weights);
      chosen[k] = static_cast<std::int64_t>(choice);
      actions[i * batch + k] = chosen[k];
      log_probability[k] += row[choice];
    }
  }
  return samples;
}

Evaluation Seq2Seq::evaluate(const Encoding& encoding, const at::Tensor& given) const {
  const at::Tensor actions = given.to(encoding.values.device());
  const std::int64_t groups = actions.size(0);
  const std::int64_t batch = actions.size(1);
  const std::int64_t devices = encoding.values.size(1);
  const at::Tensor first = at::full({1, batch}, devices, actions.options());
  const at::Tensor previous = at::cat({first, actions.narrow(0, 0, groups - 1)});
  const at::Tensor gates =
      at::embedding(encoding.device_gates, previous) + encoding.input_gates.unsqueeze(1);
  const at::Tensor states =
      lstm_sequence(gates, weights_.get("decoder.weight_hidden")).view({groups * batch, hidden_});
  const at::Tensor attention = at::softmax(at::mm(states, encoding.keys), -1);
  at::Tensor logits =
      (at::linear(states, weights_.get("output.weight_state"), weights_.get("output.bias")) +
       at::mm(attention, encoding.values))
          .view({groups, batch, devices});
  if (encoding.own_logits.defined()) logits = logits + encoding.own_logits.unsqueeze(1);
  const at::Tensor forbidden = encoding.forbidden.unsqueeze(1);
  const at::Tensor choices = log_probabilities(logits, forbidden);
  Evaluation result;
  result.log_probability = choices.gather(2, actions.unsqueeze(2)).squeeze(2);
  result.entropy = masked_entropy(choices, forbidden).mean(0);
  return result;
}

}  // namespace placer::policy
