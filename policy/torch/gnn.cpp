#include "policy/torch/gnn.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "placer/base/error.h"
#include "policy/torch/masked_choice.h"
#include "policy/torch/network_learner.h"
#include "policy/torch/policy_device.h"
#include "policy/torch/transferable.h"

namespace placer::policy {
namespace {

// Biases are kept with proposals as whole numbers of this.
constexpr double kBiasUnit = 1e-4;
constexpr double kMostBias = 60;
constexpr double kTilt = 2;           // towards the target device
constexpr double kMovingShare = 0.7;  // of a region
constexpr double kWander = 0.5;       // of the focuses are any unit: none is tried for ever in vain
constexpr double kMostScore = 2;      // bounds scores, for the same reason

// How a proposal was drawn, as Proposal::latent keeps it.
struct Draw {
  std::int32_t bias = 0;  // in kBiasUnit
  std::int32_t focus = 0;
  std::int32_t size = 0;  // of the region; 0: the whole graph
  std::int32_t target = 0;

  [[nodiscard]] std::vector<std::int32_t> latent() const { return {bias, focus, size, target}; }
  static Draw of(const Proposal& proposal) {
    const auto& latent = proposal.latent;
    return {latent.at(0), latent.at(1), latent.at(2), latent.at(3)};
  }
};

// [U, D] scores with the device of each unit.
struct Scores {
  std::span<const double> score;
  std::span<const std::uint8_t> base;
  std::size_t devices = 0;

  [[nodiscard]] std::span<const double> row(std::size_t unit) const {
    return score.subspan(unit * devices, devices);
  }
  // Log-odds of moving at bias 0; -inf: the unit has to stay.
  [[nodiscard]] double move_odds(std::size_t unit, std::optional<std::size_t> target) const {
    double sum = 0;
    for (std::size_t d = 0; d < devices; ++d) {
      if (d != base[unit]) sum += std::exp(row(unit)[d] + (d == target ? kTilt : 0));
    }
    return std::log(sum) - row(unit)[base[unit]] - (base[unit] == target ? kTilt : 0);
  }
};

// The bias at which `wanted` of the units move in the mean.
std::int32_t bias_for(std::span<const double> odds, double wanted) {
  double low = -kMostBias;
  double high = kMostBias;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    double moving = 0;
    for (const double each : odds) moving += 1 / (1 + std::exp(middle - each));
    (moving > wanted ? low : high) = middle;
  }
  return static_cast<std::int32_t>(std::lround(high / kBiasUnit));
}

class GraphPolicy : public PolicyNetwork {
 public:
  GraphPolicy(const Problem& problem, std::unique_ptr<GraphNetwork> network)
      : features_(problem), network_(std::move(network)), seen_(features_.num_units()) {}

  const std::vector<NamedTensor>& parameters() const override { return network_->parameters(); }
  void reset(std::uint64_t seed, std::uint64_t round) override { network_->reset(seed, round); }

  void rebase(const Placement& placement) override {
    std::vector<std::uint8_t> choice = features_.choice(placement);
    if (choice == base_) return;
    base_ = std::move(choice);
    features_.read(base_);
    inputs_ = to_inputs(features_, base_, network_->numbers());
  }

  void encode() override;
  std::vector<Proposal> sample(std::span<Rng> rngs) const override;
  Evaluation evaluate(std::span<const Proposal> proposals) const override;
  std::vector<Proposal> decode(std::optional<std::size_t> most) override;
  bool takes(const Proposal& proposal) const override;
  // Imitates all of it at once.
  std::optional<Proposal> proposal_of(const Placement& placement) const override {
    return Proposal{.placement = placement, .latent = Draw{}.latent()};
  }

 private:
  struct Rows;

  [[nodiscard]] std::vector<double> plain_scores() const;
  // The units of the region, in order of distance.
  [[nodiscard]] std::vector<std::uint32_t> region(const Draw& draw) const;
  void visit(std::uint32_t unit, std::vector<std::uint32_t>& found) const;
  [[nodiscard]] Proposal draw(const Scores& scores, std::span<const double> focus, Rng& rng) const;
  [[nodiscard]] Rows rows_of(std::span<const Proposal> proposals) const;

  ImprovementFeatures features_;
  std::unique_ptr<GraphNetwork> network_;
  std::vector<std::uint8_t> base_;  // [units]
  PlacementInputs inputs_;
  at::Tensor scores_;                        // [U, D]
  at::Tensor focus_;                         // [U]: log-probabilities
  mutable std::vector<std::uint32_t> seen_;  // [units]: by the last search for a region
  mutable std::uint32_t search_ = 0;
};

void GraphPolicy::encode() {
  PLACER_CHECK(!base_.empty(), "a placement to improve");
  scores_ = (network_->scores(inputs_) / kMostScore).tanh() * kMostScore;
  scores_ = scores_.masked_fill(inputs_.forbidden, -INFINITY);
  const at::Tensor here = inputs_.device.unsqueeze(1);
  const at::Tensor elsewhere = scores_.scatter(1, here, -INFINITY);
  const at::Tensor stuck = elsewhere.isinf().all(1);
  // A score in place of -inf keeps gradients finite.
  const at::Tensor open = elsewhere.masked_fill(stuck.unsqueeze(1), 0).logsumexp(1);
  constexpr double kNever = -50;
  const at::Tensor learned =
      at::softmax((open - scores_.gather(1, here).squeeze(1)).masked_fill(stuck, kNever), 0);
  const at::Tensor even = stuck.logical_not().to(learned.scalar_type());
  focus_ = (kWander * even / even.sum().clamp_min(1) + (1 - kWander) * learned).log();
}

std::vector<double> GraphPolicy::plain_scores() const {
  const at::NoGradGuard guard;
  const at::Tensor scores = scores_.to(at::kCPU, at::kDouble).contiguous();
  const double* data = scores.const_data_ptr<double>();
  return {data, data + scores.numel()};
}

void GraphPolicy::visit(std::uint32_t unit, std::vector<std::uint32_t>& found) const {
  if (std::exchange(seen_[unit], search_) != search_) found.push_back(unit);
}

std::vector<std::uint32_t> GraphPolicy::region(const Draw& draw) const {
  std::vector<std::uint32_t> found;
  if (draw.size == 0) {
    found.resize(base_.size());
    std::iota(found.begin(), found.end(), 0);
    return found;
  }
  ++search_;
  const auto size = static_cast<std::size_t>(draw.size);
  visit(static_cast<std::uint32_t>(draw.focus), found);
  for (std::size_t i = 0; i < found.size() && found.size() < size; ++i) {
    for (const Adjacency* edges : {&features_.reads(), &features_.readers()}) {
      for (auto e = edges->first[found[i]]; e < edges->first[found[i] + 1]; ++e) {
        visit(static_cast<std::uint32_t>(edges->neighbour[static_cast<std::size_t>(e)]), found);
      }
    }
  }
  found.resize(std::min(found.size(), size));
  return found;
}

bool GraphPolicy::takes(const Proposal& proposal) const {
  if (proposal.latent.size() != 4) return false;
  const Draw draw = Draw::of(proposal);
  const auto within = [](std::int32_t number, std::size_t end) {
    return number >= 0 && static_cast<std::size_t>(number) < end;
  };
  return std::abs(kBiasUnit * draw.bias) <= kMostBias &&
         within(draw.focus, features_.num_units()) &&
         within(draw.size, features_.num_units() + 1) &&
         within(draw.target, features_.num_devices());
}

Proposal GraphPolicy::draw(const Scores& scores, std::span<const double> focus, Rng& rng) const {
  const std::size_t units = base_.size();
  Draw draw;
  double wanted = 0;
  std::optional<std::size_t> target;
  // Chance too: what a sample is depends on its stream alone.
  const auto doublings =
      static_cast<std::uint64_t>(std::bit_width(std::max<std::size_t>(units / 4, 1)));
  const std::size_t size = std::size_t{1} << rng.below(doublings);
  if (rng.below(4) == 0) {
    wanted = static_cast<double>(std::min(size, std::max<std::size_t>(units / 8, 1)));
  } else {
    draw.focus = static_cast<std::int32_t>(rng.weighted(focus));
    draw.size = static_cast<std::int32_t>(size);
    target = rng.below(scores.devices);
    draw.target = static_cast<std::int32_t>(*target);
  }
  const std::vector<std::uint32_t> units_in = region(draw);
  if (draw.size > 0) wanted = kMovingShare * static_cast<double>(units_in.size());
  std::vector<double> odds;
  for (const std::uint32_t unit : units_in) odds.push_back(scores.move_odds(unit, target));
  draw.bias = bias_for(odds, wanted);
  std::vector<std::uint8_t> choice = base_;
  std::vector<double> weights(scores.devices);
  for (const std::uint32_t unit : units_in) {
    double largest = -INFINITY;
    for (std::size_t d = 0; d < scores.devices; ++d) {
      weights[d] = scores.row(unit)[d] + (d == target ? kTilt : 0) +
                   (d == base_[unit] ? kBiasUnit * draw.bias : 0);
      largest = std::max(largest, weights[d]);
    }
    for (double& weight : weights) weight = std::exp(weight - largest);
    choice[unit] = static_cast<std::uint8_t>(rng.weighted(weights));
  }
  return {.placement = features_.placement(choice), .latent = draw.latent()};
}

std::vector<Proposal> GraphPolicy::sample(std::span<Rng> rngs) const {
  const std::vector<double> plain = plain_scores();
  const Scores scores{.score = plain, .base = base_, .devices = features_.num_devices()};
  const at::NoGradGuard guard;
  const at::Tensor probability = focus_.to(at::kCPU, at::kDouble).exp().contiguous();
  const std::span focus(probability.const_data_ptr<double>(), base_.size());
  std::vector<Proposal> proposals;
  for (Rng& rng : rngs) proposals.push_back(draw(scores, focus, rng));
  return proposals;
}

// All decisions on devices, one after the other.
struct GraphPolicy::Rows {
  std::vector<std::int64_t> unit;
  std::vector<std::int64_t> proposal;
  std::vector<std::int64_t> device;  // chosen
  std::vector<std::int64_t> target;  // -1: none
  std::vector<double> bias;
};

GraphPolicy::Rows GraphPolicy::rows_of(std::span<const Proposal> proposals) const {
  Rows rows;
  for (std::size_t k = 0; k < proposals.size(); ++k) {
    const Draw draw = Draw::of(proposals[k]);
    const std::vector<std::uint8_t> choice = features_.choice(proposals[k].placement);
    for (const std::uint32_t unit : region(draw)) {
      rows.unit.push_back(unit);
      rows.proposal.push_back(static_cast<std::int64_t>(k));
      rows.device.push_back(choice[unit]);
      rows.target.push_back(draw.size == 0 ? -1 : draw.target);
      rows.bias.push_back(kBiasUnit * draw.bias);
    }
  }
  return rows;
}

Evaluation GraphPolicy::evaluate(std::span<const Proposal> proposals) const {
  const auto units = static_cast<std::int64_t>(base_.size());
  const auto devices = scores_.size(1);
  const auto count = static_cast<std::int64_t>(proposals.size());
  const Rows rows = rows_of(proposals);
  const at::Tensor unit = at::tensor(rows.unit).to(scores_.device());
  const at::Tensor every = at::arange(devices, inputs_.device.options()).unsqueeze(0);
  const at::Tensor here = inputs_.device.index_select(0, unit).unsqueeze(1);
  const at::Tensor push =
      every.eq(here) * at::tensor(rows.bias, scores_.options()).unsqueeze(1) +
      every.eq(at::tensor(rows.target).to(scores_.device()).unsqueeze(1)) * kTilt;
  const at::Tensor forbidden = inputs_.forbidden.index_select(0, unit);
  const at::Tensor choices = at::log_softmax(scores_.index_select(0, unit) + push, 1);
  const at::Tensor chosen =
      choices.gather(1, at::tensor(rows.device).to(scores_.device()).unsqueeze(1)).squeeze(1);
  const at::Tensor spread = masked_entropy(choices, forbidden);

  const at::Tensor proposal = at::tensor(rows.proposal).to(scores_.device());
  const at::Tensor decided = at::zeros({units * count}, scores_.options())
                                 .index_add(0, unit * count + proposal, chosen)
                                 .view({units, count});
  std::vector<std::int64_t> focus;
  std::vector<double> has_focus;
  for (const Proposal& each : proposals) {
    focus.push_back(Draw::of(each).focus);
    has_focus.push_back(Draw::of(each).size > 0 ? 1 : 0);
  }
  const at::Tensor focused = focus_.index_select(0, at::tensor(focus).to(scores_.device())) *
                             at::tensor(has_focus, scores_.options());
  const at::Tensor wandering =
      -(focus_.exp() * focus_).sum() * at::tensor(has_focus, scores_.options());
  return {.log_probability = at::cat({focused.unsqueeze(0), decided}, 0),
          .entropy = wandering.index_add(0, proposal, spread) / static_cast<double>(units + 1)};
}

// The units that would rather move than stay, by their odds: the first 1, 2, 4, ... of them, and
// all, which is the last to be left out.
std::vector<Proposal> GraphPolicy::decode(std::optional<std::size_t> most) {
  encode();
  const std::vector<double> plain = plain_scores();
  const Scores scores{.score = plain, .base = base_, .devices = features_.num_devices()};
  const std::vector<float> preference(plain.begin(), plain.end());
  std::vector<double> odds;
  std::vector<std::uint32_t> order;
  for (std::uint32_t unit = 0; unit < base_.size(); ++unit) {
    odds.push_back(scores.move_odds(unit, std::nullopt));
    const auto row = scores.row(unit);
    if (std::ranges::max(row) > row[base_[unit]]) order.push_back(unit);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return odds[a] > odds[b]; });
  std::vector<Proposal> proposals;
  std::vector<std::uint8_t> choice = base_;
  std::size_t next = 1;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto row = scores.row(order[i]);
    choice[order[i]] = static_cast<std::uint8_t>(std::ranges::max_element(row) - row.begin());
    if (i + 1 != next && i + 1 != order.size()) continue;
    next = 2 * next;
    std::vector<std::uint8_t> repaired = choice;
    features_.repair(repaired, preference);
    proposals.push_back({.placement = features_.placement(repaired), .latent = Draw{}.latent()});
  }
  if (most && proposals.size() > *most) {
    proposals.erase(proposals.begin(), proposals.end() - static_cast<std::ptrdiff_t>(*most));
  }
  return proposals;
}

class Gnn : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    GnnMethod method = gnn_defaults();
    const Settings settings = describe(method);
    settings.read(options.parameters);
    adopt_shape(settings, method.training.policy, kGnnShape);
    return train_network(
        problem, options, "gnn", method.training, settings,
        [&](const Problem& of, std::uint64_t seed, const at::TensorOptions& numbers) {
          return make_graph_policy(of,
                                   std::make_unique<GraphNetwork>(method.network, seed, numbers));
        });
  }
};

}  // namespace

GnnMethod gnn_defaults() {
  GnnMethod method;
  method.training.improves = true;
  method.training.k = 4;
  method.training.entropy = 0.01;
  method.training.entropy_end = 0.01;
  method.training.baseline = BaselineKind::kBatch;
  method.training.elites = 0;
  method.training.restart_after = 0;
  method.training.temper = 2e-3;
  method.training.lr = 1e-5;
  return method;
}

std::unique_ptr<PolicyNetwork> make_graph_policy(const Problem& problem,
                                                 std::unique_ptr<GraphNetwork> network) {
  return std::make_unique<GraphPolicy>(problem, std::move(network));
}

Settings describe(GnnMethod& method) {
  Settings settings("gnn");
  settings.add("hidden", method.network.hidden, 4, 1024);
  settings.add("layers", method.network.layers, 0, 32);
  settings.add("pair", method.network.pair, 4, 1024);
  settings.add("temper", method.training.temper, 0, 10);
  settings.add("zero_shot", method.training.zero_shot);
  describe(settings, method.training);
  describe_network(settings, method.training);
  return settings;
}

void register_gnn(AlgorithmRegistry& registry) {
  registry.add({.name = "gnn",
                .description = "graph network that improves placements, for graphs of any size",
                .searches = true,
                .make = [] { return std::make_unique<Gnn>(); },
                .check_parameters =
                    [](ParameterList given) {
                      GnnMethod method = gnn_defaults();
                      describe(method).read(given);
                      static_cast<void>(open_policy_device(method.training.device));
                    },
                .learns = true,
                .has_network = true,
                .transfers = true});
}

}  // namespace placer::policy
