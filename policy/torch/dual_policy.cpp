#include "policy/torch/dual_policy.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <queue>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "placer/base/error.h"
#include "policy/choice_tree.h"
#include "policy/node_features.h"
#include "policy/schedule_features.h"
#include "policy/schedule_order.h"
#include "policy/torch/floats.h"
#include "policy/torch/masked_choice.h"
#include "policy/torch/message_passing.h"
#include "policy/torch/order_likelihood.h"

namespace placer::policy {
namespace {

// Keeps initial weights apart from the streams of samples.
constexpr std::uint64_t kDualStream = 0x70617261;

constexpr std::int64_t kRow = ScheduleReader::kWidth;

GraphEdges edges_of(const TaskGraph& graph, at::Device device) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (std::uint32_t v = 0; v < graph.num_values(); ++v) {
    for (std::uint32_t r = graph.first_reader[v]; r < graph.first_reader[v + 1]; ++r) {
      pairs.emplace_back(graph.producer[v], graph.reader[r]);
    }
  }
  return to_edges(graph.num_tasks, pairs, device);
}

template <typename T>
std::vector<T> to_vector(const at::Tensor& tensor, at::ScalarType dtype) {
  const at::Tensor flat = tensor.detach().to(at::kCPU, dtype).contiguous();
  const T* data = flat.const_data_ptr<T>();
  return {data, data + flat.numel()};
}

// The fixed part of PLC's linear weights in a fresh policy, [kWidth]: as a list scheduler would
// choose.
std::vector<double> earliest_finish(double greed) {
  std::vector<double> weights(kRow, 0.0);
  weights[ScheduleReader::kFinish] = -greed;
  weights[ScheduleReader::kBest] = greed / 3;
  return weights;
}

std::vector<double> few_transfers(double thrift) {
  std::vector<double> weights(kRow, 0.0);
  weights[ScheduleReader::kMoved] = -thrift;
  weights[ScheduleReader::kLoad] = -thrift / 6;
  return weights;
}

// One device after the other; of those in use the one with most room, which was opened last.
std::vector<double> few_devices(double packing) {
  std::vector<double> weights(kRow, 0.0);
  weights[ScheduleReader::kEmpty] = -packing;
  weights[ScheduleReader::kRoom] = packing / 2;
  weights[ScheduleReader::kInputs] = packing / 4;
  weights[ScheduleReader::kSpeed] = -packing / 8;
  return weights;
}

// Of A e_v + b and those weights, [hidden + kWidth], of every way in which the policy begins.
std::vector<std::vector<double>> first_biases(const DualParameters& parameters) {
  std::vector<std::vector<double>> biases;
  if (parameters.greed > 0) biases.push_back(earliest_finish(parameters.greed));
  if (parameters.thrift > 0) biases.push_back(few_transfers(parameters.thrift));
  if (parameters.packing > 0) biases.push_back(few_devices(parameters.packing));
  for (std::vector<double>& bias : biases) {
    bias.insert(bias.begin(), static_cast<std::size_t>(parameters.hidden), 0.0);
  }
  return biases;
}

// What the inner loop of sampling reads: PLC's weights as plain arrays.
struct PlcHead {
  std::size_t hidden = 0;
  std::vector<float> nodes;   // [N, hidden + kWidth]: A e_v + b, first + U e_v
  std::vector<float> device;  // [kWidth, hidden]: B transposed
  std::vector<float> output;  // [hidden]
  double temperature = 1;

  // The logit of a device with features `row` for the node; `scratch` [hidden].
  [[nodiscard]] double logit(std::size_t node, const float* row, float* scratch) const {
    const float* own = nodes.data() + node * (hidden + kRow);
    for (std::size_t h = 0; h < hidden; ++h) scratch[h] = own[h];
    float sum = 0;
    for (std::size_t i = 0; i < kRow; ++i) {
      const float number = row[i];
      if (number == 0) continue;
      sum += number * own[hidden + i];
      const float* weights = device.data() + i * hidden;
      for (std::size_t h = 0; h < hidden; ++h) scratch[h] += number * weights[h];
    }
    for (std::size_t h = 0; h < hidden; ++h) sum += output[h] * std::max(scratch[h], 0.0F);
    return static_cast<double>(sum) / temperature;
  }
};

// PLC's choices along given schedules, for one pass over all of them: R choices of D devices.
struct PlcChoices {
  std::vector<float> features;         // [R, D, kWidth]
  std::vector<std::int64_t> node;      // [R]
  std::vector<std::int64_t> chosen;    // [R]
  std::vector<std::int64_t> decision;  // [R]: row-major place in the table of decisions
  std::vector<std::uint64_t> open;     // [R]: mask of devices
};

class DualPolicy : public PolicyNetwork {
 public:
  DualPolicy(const Problem& problem, const DualParameters& parameters, std::uint64_t seed,
             const at::TensorOptions& numbers)
      : settings_(parameters),
        graph_(make_task_graph(problem)),
        reader_(graph_),
        ready_(graph_),
        edges_(edges_of(graph_, numbers.device())),
        parameters_(kDualStream, numbers),
        body_(parameters_, "graph.",
              {.features = NodeFeatures::kWidth,
               .width = parameters.width,
               .layers = parameters.layers}) {
    const NodeFeatures features = make_node_features(graph_);
    const std::int64_t nodes = graph_.num_tasks;
    features_ = from_floats(features.numbers, {nodes, NodeFeatures::kWidth}, numbers);
    ranks_ = from_floats(features.ranks, {nodes, NodeFeatures::kRanks}, numbers);
    add_heads();
    reset(seed, 0);
  }

  const std::vector<NamedTensor>& parameters() const override { return parameters_.all(); }
  void reset(std::uint64_t seed, std::uint64_t round) override { parameters_.draw(seed, round); }
  std::uint64_t ways_to_begin() const override { return parameters_.ways(); }

  void encode() override {
    const at::Tensor embeddings = body_.encode(features_, edges_);
    const at::Tensor urgency = at::linear(embeddings, select_rank_weight_, select_urgency_);
    scores_ =
        (at::mv(embeddings, select_weight_) + (urgency * ranks_).sum(1)) / settings_.temperature;
    nodes_ = at::linear(embeddings, place_node_weight_, place_node_bias_);
  }

  std::vector<Proposal> sample(std::span<Rng> rngs) const override {
    const PlcHead head = plc_head();
    const auto scores = to_vector<double>(scores_, at::kDouble);
    ChoiceTree tree(graph_.num_tasks);
    std::vector<Proposal> proposals;
    for (Rng& rng : rngs) proposals.push_back(draw(scores, head, tree, rng));
    return proposals;
  }

  std::vector<Proposal> decode(std::optional<std::size_t> most) override;

  Evaluation evaluate(std::span<const Proposal> proposals) const override;

  std::optional<Proposal> proposal_of(const Placement& placement) const override {
    const std::vector<std::uint32_t> order = order_of_starts(graph_, placement);
    reader_.reset();
    for (const std::uint32_t task : order) {
      reader_.place(task, static_cast<std::uint32_t>(placement.device[task]));
    }
    return finish(order);
  }

 private:
  void add_heads();
  [[nodiscard]] Proposal draw(const std::vector<double>& scores, const PlcHead& head,
                              ChoiceTree& tree, Rng& rng) const;
  [[nodiscard]] PlcHead plc_head() const;
  // Logits of the open devices, which are returned as a mask; of others -infinity.
  std::uint64_t score_devices(std::uint32_t task, const PlcHead& head,
                              std::span<double> logits) const;
  [[nodiscard]] std::uint32_t draw_device(std::uint32_t task, const PlcHead& head, Rng& rng) const;
  [[nodiscard]] std::uint32_t best_device(std::uint32_t task, const PlcHead& head) const;
  [[nodiscard]] std::int64_t num_rollouts(std::optional<std::size_t> most) const;
  [[nodiscard]] Proposal most_probable() const;
  [[nodiscard]] Proposal finish(std::span<const std::uint32_t> order) const;
  // Follows proposal k of a batch; writes columns k of order and since [steps, batch].
  void follow(const Proposal& proposal, std::size_t k, std::size_t batch, std::int64_t* order,
              std::int64_t* since, PlcChoices& choices) const;
  [[nodiscard]] at::Tensor on_device(const std::vector<std::int64_t>& indices) const {
    return at::tensor(indices, at::TensorOptions(at::kLong).device(nodes_.device()));
  }
  // Of each choice: its log-probability and entropy, [R].
  [[nodiscard]] std::pair<at::Tensor, at::Tensor> weigh(const PlcChoices& choices) const;

  DualParameters settings_;
  TaskGraph graph_;
  mutable ScheduleReader reader_;  // scratch of the method under way
  mutable ReadyTasks ready_;       // likewise
  GraphEdges edges_;
  Weights parameters_;
  MessagePassing body_;
  at::Tensor features_;  // [N, NodeFeatures::kWidth]
  at::Tensor ranks_;     // [N, NodeFeatures::kRanks]

  at::Tensor select_weight_;        // [width]
  at::Tensor select_rank_weight_;   // [kRanks, width]
  at::Tensor select_urgency_;       // [kRanks]
  at::Tensor place_node_weight_;    // [hidden + kWidth, width]
  at::Tensor place_node_bias_;      // [hidden + kWidth]
  at::Tensor place_device_weight_;  // [hidden, kWidth]
  at::Tensor place_output_;         // [hidden]

  // The last reading.
  at::Tensor scores_;  // [N]
  at::Tensor nodes_;   // [N, hidden + kWidth]
};

void DualPolicy::add_heads() {
  const double bound = 1 / std::sqrt(static_cast<double>(settings_.width));
  const std::int64_t columns = settings_.hidden + kRow;
  select_weight_ = parameters_.add("select.weight", {settings_.width}, 0.1 * bound);
  select_rank_weight_ =
      parameters_.add("select.rank_weight", {NodeFeatures::kRanks, settings_.width}, 0);
  select_urgency_ =
      parameters_.add("select.urgency", {NodeFeatures::kRanks}, 0, {{settings_.urgency, 0, 0}});
  place_node_weight_ =
      parameters_.add("place.node_weight", {columns, settings_.width}, 0.3 * bound);
  place_node_bias_ = parameters_.add("place.node_bias", {columns}, 0, first_biases(settings_));
  place_device_weight_ =
      parameters_.add("place.device_weight", {settings_.hidden, kRow}, 1 / std::sqrt(kRow));
  // A tenth of the usual size: the first placements are those of a list scheduler.
  place_output_ = parameters_.add("place.output", {settings_.hidden},
                                  0.1 / std::sqrt(static_cast<double>(settings_.hidden)));
}

PlcHead DualPolicy::plc_head() const {
  return {.hidden = static_cast<std::size_t>(settings_.hidden),
          .nodes = to_vector<float>(nodes_, at::kFloat),
          .device = to_vector<float>(place_device_weight_.t(), at::kFloat),
          .output = to_vector<float>(place_output_, at::kFloat),
          .temperature = settings_.temperature};
}

std::uint64_t DualPolicy::score_devices(std::uint32_t task, const PlcHead& head,
                                        std::span<double> logits) const {
  const std::uint64_t open = reader_.open(task);
  std::ranges::fill(logits, -std::numeric_limits<double>::infinity());
  if (std::has_single_bit(open)) {
    logits[static_cast<std::size_t>(std::countr_zero(open))] = 0;
    return open;
  }
  float rows[kMaxDevices * kRow];
  float scratch[256];
  reader_.read(task, open, std::span(rows).first(graph_.num_devices * kRow));
  for (std::uint64_t left = open; left != 0; left &= left - 1) {
    const auto d = static_cast<std::size_t>(std::countr_zero(left));
    logits[d] = head.logit(task, rows + d * kRow, scratch);
  }
  return open;
}

std::uint32_t DualPolicy::draw_device(std::uint32_t task, const PlcHead& head, Rng& rng) const {
  double buffer[kMaxDevices];
  const std::span logits = std::span(buffer).first(graph_.num_devices);
  const std::uint64_t open = score_devices(task, head, logits);
  if (std::has_single_bit(open)) return static_cast<std::uint32_t>(std::countr_zero(open));
  const double largest = std::ranges::max(logits);
  for (double& logit : logits) logit = std::exp(logit - largest);
  return static_cast<std::uint32_t>(rng.weighted(logits));
}

std::uint32_t DualPolicy::best_device(std::uint32_t task, const PlcHead& head) const {
  double buffer[kMaxDevices];
  const std::span logits = std::span(buffer).first(graph_.num_devices);
  score_devices(task, head, logits);
  return static_cast<std::uint32_t>(std::ranges::max_element(logits) - logits.begin());
}

Proposal DualPolicy::draw(const std::vector<double>& scores, const PlcHead& head, ChoiceTree& tree,
                          Rng& rng) const {
  std::vector<std::uint32_t> order;
  reader_.reset();
  tree.clear();
  const auto insert = [&](std::uint32_t task) { tree.insert(task, scores[task]); };
  ready_.begin(insert);
  while (!tree.empty()) {
    const auto task = static_cast<std::uint32_t>(tree.at(rng.uniform()));
    tree.remove(task);
    reader_.place(task, draw_device(task, head, rng));
    order.push_back(task);
    ready_.done(task, insert);
  }
  return finish(order);
}

std::vector<Proposal> DualPolicy::decode(std::optional<std::size_t> most) {
  encode();
  const std::int64_t count = num_rollouts(most);
  std::vector<Rng> streams;
  for (std::int64_t i = 1; i < count; ++i) {
    const std::uint64_t keys[] = {static_cast<std::uint64_t>(i)};
    streams.push_back(Rng::keyed(kDualStream, keys));
  }
  std::vector<Proposal> proposals = sample(streams);
  proposals.insert(proposals.begin(), most_probable());
  return proposals;
}

std::int64_t DualPolicy::num_rollouts(std::optional<std::size_t> most) const {
  constexpr std::int64_t kSteps = 160'000;  // of all of them: a fraction of a second
  if (settings_.rollouts > 0) return settings_.rollouts;
  const auto steps = static_cast<std::int64_t>(std::max<std::size_t>(ready_.num_steps(), 1));
  const std::int64_t pays = std::clamp<std::int64_t>(kSteps / steps, 16, 64);
  return most ? std::min(static_cast<std::int64_t>(*most), pays) : pays;
}

// By the most probable choice every time.
Proposal DualPolicy::most_probable() const {
  const PlcHead head = plc_head();
  const auto scores = to_vector<double>(scores_, at::kDouble);
  std::priority_queue<std::pair<double, std::int64_t>> ready;  // of equal scores the first node
  const auto insert = [&](std::uint32_t task) { ready.emplace(scores[task], -std::int64_t{task}); };
  std::vector<std::uint32_t> order;
  reader_.reset();
  ready_.begin(insert);
  while (!ready.empty()) {
    const auto task = static_cast<std::uint32_t>(-ready.top().second);
    ready.pop();
    reader_.place(task, best_device(task, head));
    order.push_back(task);
    ready_.done(task, insert);
  }
  return finish(order);
}

// The schedule that the reader has come to.
Proposal DualPolicy::finish(std::span<const std::uint32_t> order) const {
  Proposal proposal;
  for (const std::uint8_t device : reader_.devices()) {
    proposal.placement.device.push_back(id_at<DeviceId>(device));
  }
  proposal.placement.priority = to_priority(graph_, order);
  return proposal;
}

void DualPolicy::follow(const Proposal& proposal, std::size_t k, std::size_t batch,
                        std::int64_t* order, std::int64_t* since, PlcChoices& choices) const {
  const std::size_t devices = graph_.num_devices;
  const std::size_t steps = ready_.num_steps();
  std::vector<std::int64_t> ready_at(graph_.num_tasks, 0);
  std::int64_t now = 0;
  const auto note = [&](std::uint32_t task) { ready_at[task] = now; };
  reader_.reset();
  ready_.begin(note);
  for (const std::uint32_t task : to_order(graph_, proposal.placement.priority)) {
    const auto step = static_cast<std::size_t>(now++);
    order[step * batch + k] = task;
    since[step * batch + k] = ready_at[task];
    const auto device = static_cast<std::uint32_t>(proposal.placement.device[task]);
    // A placement that was not drawn may use what would not be open.
    const std::uint64_t open = reader_.open(task) | std::uint64_t{1} << device;
    if (!std::has_single_bit(open)) {
      const std::size_t size = choices.features.size();
      choices.features.resize(size + devices * kRow, 0.0F);
      reader_.read(task, open, std::span(choices.features).subspan(size));
      choices.node.push_back(task);
      choices.chosen.push_back(device);
      choices.decision.push_back(static_cast<std::int64_t>((steps + step) * batch + k));
      choices.open.push_back(open);
    }
    reader_.place(task, device);
    ready_.done(task, note);
  }
}

std::pair<at::Tensor, at::Tensor> DualPolicy::weigh(const PlcChoices& choices) const {
  const auto rows = static_cast<std::int64_t>(choices.node.size());
  const std::int64_t devices = graph_.num_devices;
  const at::Tensor closed = at::empty({rows, devices}, at::kBool);
  bool* out = closed.data_ptr<bool>();
  for (const std::uint64_t open : choices.open) {
    for (std::int64_t d = 0; d < devices; ++d) *out++ = (open >> d & 1) == 0;
  }
  const at::Tensor shut = closed.to(nodes_.device());
  const at::Tensor features =
      from_floats(choices.features, {rows, devices, kRow}, parameters_.numbers());
  const at::Tensor of_node = nodes_.index_select(0, on_device(choices.node));
  const at::Tensor linear =
      at::bmm(features, of_node.narrow(1, settings_.hidden, kRow).unsqueeze(2)).squeeze(2);
  const at::Tensor hidden = at::relu(at::linear(features, place_device_weight_) +
                                     of_node.narrow(1, 0, settings_.hidden).unsqueeze(1));
  const at::Tensor logits = (linear + at::matmul(hidden, place_output_)) / settings_.temperature;
  const at::Tensor all = masked_log_softmax(logits, shut);
  // masked_entropy() but for how its gradient is rounded: searches of a seed stay as they are.
  const at::Tensor entropy = -(all.exp() * all.masked_fill(shut, 0.0)).sum(-1);
  const at::Tensor chosen = on_device(choices.chosen).unsqueeze(1);
  return {all.gather(1, chosen).squeeze(1), entropy};
}

Evaluation DualPolicy::evaluate(std::span<const Proposal> proposals) const {
  const auto batch = static_cast<std::int64_t>(proposals.size());
  const auto steps = static_cast<std::int64_t>(ready_.num_steps());
  const at::Tensor order = at::empty({steps, batch}, at::kLong);
  const at::Tensor since = at::empty({steps, batch}, at::kLong);
  PlcChoices choices;
  for (std::size_t k = 0; k < proposals.size(); ++k) {
    follow(proposals[k], k, proposals.size(), order.mutable_data_ptr<std::int64_t>(),
           since.mutable_data_ptr<std::int64_t>(), choices);
  }
  const OrderLikelihood selected = order_likelihood(scores_, order, since);
  at::Tensor placed = at::zeros({2 * steps * batch}, scores_.options());
  at::Tensor entropy = at::zeros({2 * steps * batch}, scores_.options());
  // Where nothing is left to choose too: all weights have a gradient then, of zero.
  const auto [log_probability, spread] = weigh(choices);
  const at::Tensor where = on_device(choices.decision);
  placed = placed.index_add(0, where, log_probability);
  entropy = entropy.index_add(0, where, spread);
  const at::Tensor second = placed.view({2 * steps, batch}).narrow(0, steps, steps);
  const at::Tensor second_entropy = entropy.view({2 * steps, batch}).narrow(0, steps, steps);
  return {at::cat({selected.log_probability, second}),
          at::cat({selected.entropy, second_entropy}).mean(0)};
}

}  // namespace

std::unique_ptr<PolicyNetwork> make_dual_policy(const Problem& problem,
                                                const DualParameters& parameters,
                                                std::uint64_t seed,
                                                const at::TensorOptions& numbers) {
  return std::make_unique<DualPolicy>(problem, parameters, seed, numbers);
}

}  // namespace placer::policy
