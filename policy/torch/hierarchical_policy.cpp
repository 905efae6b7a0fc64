#include "policy/torch/hierarchical_policy.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include "placer/algorithm/unit_table.h"
#include "placer/base/error.h"
#include "policy/features.h"
#include "policy/first_logits.h"
#include "policy/grouped_features.h"
#include "policy/torch/grouper.h"
#include "policy/torch/seq2seq.h"

namespace placer::policy {
namespace {

// Of a group; as published (ICLR 2018): 200 types, sums of 4 outputs of 4 dimensions.
constexpr FeatureOptions kGroupOptions{.max_outputs = 4, .max_dims = 4};

std::size_t count_groups(const Problem& problem, const GroupingParameters& parameters) {
  return std::min(static_cast<std::size_t>(parameters.groups), problem.constraints.num_units);
}

// What fresh weights begin with: where there are runs the nodes are in groups by the order, whatever
// devices the groups are on.
struct Beginning {
  std::vector<double> positions;                       // [N]: where nodes lie in the order
  std::vector<double> groups_of_nodes;                 // [N, G] logits; empty: there are none
  std::vector<std::vector<double>> devices_of_groups;  // of each way [G, D], likewise
};

Beginning beginning_of(const Problem& problem, std::size_t num_groups, const FirstLogits& first) {
  const UnitTable units(problem);
  Beginning beginning{.positions = rows_of_nodes(problem, units).positions,
                      .groups_of_nodes = {},
                      .devices_of_groups = {}};
  if (first.runs == 0) return beginning;
  const std::vector<double> shares(num_groups, 1 / static_cast<double>(num_groups));
  beginning.groups_of_nodes = soft_runs(beginning.positions, shares, first.runs);
  beginning.devices_of_groups =
      first_logits(problem, units, rows_of_groups(problem, units, num_groups), first);
  return beginning;
}

class HierarchicalPolicy : public PolicyNetwork {
 public:
  HierarchicalPolicy(const Problem& problem, const GroupingParameters& grouping,
                     const SequenceParameters& placer, const Beginning& beginning,
                     std::uint64_t seed, const at::TensorOptions& numbers)
      : parameters_(grouping),
        numbers_(numbers),
        grouped_(problem, kGroupOptions, count_groups(problem, grouping)),
        positions_(beginning.positions),
        nodes_(static_cast<std::int64_t>(grouped_.num_nodes())),
        groups_(static_cast<std::int64_t>(grouped_.num_groups())),
        devices_(problem.costs.cluster().size()),
        inputs_(to_inputs(make_features(problem, FeatureOptions{}), numbers)),
        chooses_(asked_nodes().to(numbers)),
        grouper_(
            {.hidden = grouping.grouper_hidden, .type_width = placer.type_width, .groups = groups_},
            inputs_, seed, beginning.groups_of_nodes),
        placer_(placer, read(std::vector<std::int32_t>(grouped_.num_nodes(), 0)).inputs, seed,
                beginning.devices_of_groups) {
    for (const auto& [part, weights] : {std::pair("grouper.", &grouper_.parameters()),
                                        std::pair("placer.", &placer_.parameters())}) {
      for (const NamedTensor& tensor : *weights) all_.push_back({part + tensor.name, tensor.value});
    }
  }

  const std::vector<NamedTensor>& parameters() const override { return all_; }
  std::uint64_t ways_to_begin() const override { return placer_.ways_to_begin(); }
  void reset(std::uint64_t seed, std::uint64_t round) override {
    grouper_.reset(seed, round);
    placer_.reset(seed, round);
  }
  void encode() override { group_log_probability_ = grouper_.read(inputs_); }

  std::vector<Proposal> sample(std::span<Rng> rngs) const override {
    const at::NoGradGuard guard;
    const auto at_once = static_cast<std::size_t>(parameters_.placements);
    std::vector<Proposal> proposals;
    for (std::size_t first = 0; first < rngs.size(); first += at_once) {
      const auto streams = rngs.subspan(first, std::min(at_once, rngs.size() - first));
      const std::vector<std::int32_t> grouping = draw_grouping(streams.front());
      const Reading reading = read(grouping);
      const Samples samples = placer_.sample(placer_.encode(reading.inputs), streams);
      for (std::size_t k = 0; k < streams.size(); ++k) {
        proposals.push_back(to_proposal(grouping, reading, samples.actions, k));
      }
    }
    return proposals;
  }

  Evaluation evaluate(std::span<const Proposal> proposals) const override;

  bool takes(const Proposal& proposal) const override;
  // How much of the graph each group is likely to get: the placer reads after the draw.
  std::int64_t summary_width() const override { return groups_; }
  at::Tensor summary() const override { return group_log_probability_.exp().mean(0); }
  Details details(std::span<const Proposal> proposals) const override;

  // Which of the groupings that it can have come from does not matter: one is as good as another.
  std::optional<Proposal> proposal_of(const Placement& placement) const override {
    const auto grouping = grouping_of(grouped_, placement, positions_);
    if (!grouping) return std::nullopt;
    std::vector<std::int32_t> device_of(static_cast<std::size_t>(groups_), -1);
    for (std::size_t v = 0; v < grouping->size(); ++v) {
      device_of[static_cast<std::size_t>((*grouping)[v])] =
          static_cast<std::int32_t>(placement.device[v]);
    }
    return to_proposal(*grouping, device_of);
  }

 private:
  // A grouping as the placer reads it.
  struct Reading {
    std::vector<std::int32_t> groups;  // of each row
    Inputs inputs;
  };
  // How likely the placer makes its decisions of proposals of one grouping.
  struct Placed {
    at::Tensor log_probability;  // [groups, K]
    at::Tensor entropy;          // [K], summed over the rows
    std::int64_t rows = 0;
  };

  [[nodiscard]] bool leads(std::size_t node) const { return grouped_.leaders()[node] == node; }

  // [N, 1]
  [[nodiscard]] at::Tensor asked_nodes() const {
    const at::Tensor asked = at::empty({nodes_, 1}, at::kFloat);
    auto* data = asked.mutable_data_ptr<float>();
    for (std::size_t v = 0; v < grouped_.num_nodes(); ++v) data[v] = leads(v) ? 1 : 0;
    return asked;
  }

  [[nodiscard]] Reading read(std::span<const std::int32_t> grouping) const {
    GroupedNodes grouped = grouped_.read(grouping);
    Inputs inputs = to_inputs(grouped.features, numbers_);
    inputs.own_rows = at::tensor(grouped.groups, at::kInt).to(numbers_.device());
    return {std::move(grouped.groups), std::move(inputs)};
  }

  [[nodiscard]] std::vector<std::int32_t> draw_grouping(Rng& rng) const {
    const at::Tensor probability =
        group_log_probability_.exp().to(at::kCPU, at::kDouble).contiguous();
    const double* row = probability.const_data_ptr<double>();
    std::vector<std::int32_t> grouping;
    for (std::size_t v = 0; v < grouped_.num_nodes(); ++v, row += groups_) {
      const std::span weights(row, static_cast<std::size_t>(groups_));
      grouping.push_back(leads(v) ? static_cast<std::int32_t>(rng.weighted(weights))
                                  : grouping[grouped_.leaders()[v]]);
    }
    return grouping;
  }

  // Sample `k` of actions [rows, K].
  [[nodiscard]] Proposal to_proposal(const std::vector<std::int32_t>& grouping,
                                     const Reading& reading, const at::Tensor& actions,
                                     std::size_t k) const {
    std::vector<std::int32_t> device_of(static_cast<std::size_t>(groups_), -1);
    const auto batch = static_cast<std::size_t>(actions.size(1));
    const std::int64_t* data = actions.const_data_ptr<std::int64_t>();
    for (std::size_t row = 0; row < reading.groups.size(); ++row) {
      device_of[static_cast<std::size_t>(reading.groups[row])] =
          static_cast<std::int32_t>(data[row * batch + k]);
    }
    return to_proposal(grouping, device_of);
  }
  [[nodiscard]] Proposal to_proposal(const std::vector<std::int32_t>& grouping,
                                     const std::vector<std::int32_t>& device_of) const {
    Proposal proposal{.placement = grouped_.place(grouping, device_of), .latent = grouping};
    proposal.latent.insert(proposal.latent.end(), device_of.begin(), device_of.end());
    return proposal;
  }

  [[nodiscard]] std::span<const std::int32_t> drawn_grouping(const Proposal& proposal) const {
    return std::span(proposal.latent).first(grouped_.num_nodes());
  }

  // Proposals by their grouping, in the order of the first of each.
  [[nodiscard]] std::vector<std::vector<std::size_t>> by_grouping(
      std::span<const Proposal> proposals) const;
  [[nodiscard]] Placed evaluate_placer(std::span<const Proposal> proposals,
                                       std::span<const std::size_t> members) const;
  // [N, K]
  [[nodiscard]] at::Tensor to_groupings(std::span<const Proposal> proposals) const;
  // Of the nodes' probabilities, averaged; nats.
  [[nodiscard]] at::Tensor usage_entropy() const;

  GroupingParameters parameters_;
  at::TensorOptions numbers_;
  GroupedFeatures grouped_;
  std::vector<double> positions_;  // [N]
  std::int64_t nodes_;
  std::int64_t groups_;
  std::size_t devices_;
  Inputs inputs_;
  at::Tensor chooses_;  // [N, 1]: 1 for nodes that are asked, 0 for those that follow
  Grouper grouper_;
  Seq2Seq placer_;
  std::vector<NamedTensor> all_;
  at::Tensor group_log_probability_;  // [N, G]
};

std::vector<std::vector<std::size_t>> HierarchicalPolicy::by_grouping(
    std::span<const Proposal> proposals) const {
  std::vector<std::vector<std::size_t>> result;
  std::map<std::vector<std::int32_t>, std::size_t> known;
  for (std::size_t k = 0; k < proposals.size(); ++k) {
    const auto grouping = drawn_grouping(proposals[k]);
    const auto [place, added] =
        known.try_emplace({grouping.begin(), grouping.end()}, result.size());
    if (added) result.emplace_back();
    result[place->second].push_back(k);
  }
  return result;
}

HierarchicalPolicy::Placed HierarchicalPolicy::evaluate_placer(
    std::span<const Proposal> proposals, std::span<const std::size_t> members) const {
  const Reading reading = read(drawn_grouping(proposals[members.front()]));
  const auto rows = static_cast<std::int64_t>(reading.groups.size());
  const auto batch = static_cast<std::int64_t>(members.size());
  const at::Tensor actions = at::empty({rows, batch}, at::kLong);
  const at::Tensor where = at::empty({rows}, at::kLong);
  std::int64_t* action = actions.data_ptr<std::int64_t>();
  for (std::size_t row = 0; row < reading.groups.size(); ++row) {
    where.data_ptr<std::int64_t>()[row] = reading.groups[row];
    for (const std::size_t k : members) {
      const auto group = static_cast<std::size_t>(reading.groups[row]);
      *action++ = proposals[k].latent[grouped_.num_nodes() + group];
    }
  }
  const Evaluation placed = placer_.evaluate(placer_.encode(reading.inputs), actions);
  return {at::zeros({groups_, batch}, numbers_)
              .index_copy(0, where.to(numbers_.device()), placed.log_probability),
          placed.entropy * static_cast<double>(rows), rows};
}

at::Tensor HierarchicalPolicy::to_groupings(std::span<const Proposal> proposals) const {
  at::Tensor groupings =
      at::empty({nodes_, static_cast<std::int64_t>(proposals.size())}, at::kLong);
  std::int64_t* data = groupings.data_ptr<std::int64_t>();
  for (std::size_t v = 0; v < grouped_.num_nodes(); ++v) {
    for (const Proposal& proposal : proposals) *data++ = proposal.latent[v];
  }
  return groupings;
}

at::Tensor HierarchicalPolicy::usage_entropy() const {
  const at::Tensor used = (group_log_probability_.exp() * chooses_).sum(0) / chooses_.sum();
  return -(used * (used + 1e-12).log()).sum();
}

Evaluation HierarchicalPolicy::evaluate(std::span<const Proposal> proposals) const {
  std::vector<at::Tensor> log_probabilities;
  std::vector<at::Tensor> entropies;
  std::vector<std::int64_t> place(proposals.size());
  std::int64_t next = 0;
  const double asked = chooses_.sum().item<double>();
  const at::Tensor grouper_entropy =
      -(group_log_probability_.exp() * group_log_probability_ * chooses_).sum() *
      parameters_.grouper_entropy;
  for (const std::vector<std::size_t>& members : by_grouping(proposals)) {
    const Placed placed = evaluate_placer(proposals, members);
    log_probabilities.push_back(placed.log_probability);
    entropies.push_back((placed.entropy + grouper_entropy) /
                        (asked + static_cast<double>(placed.rows)));
    for (const std::size_t k : members) place[k] = next++;
  }
  const at::Tensor order = at::tensor(place, at::kLong).to(numbers_.device());
  const at::Tensor grouper =
      group_log_probability_.gather(1, to_groupings(proposals).to(numbers_.device())) * chooses_;
  Evaluation result;
  result.log_probability = at::cat({grouper, at::cat(log_probabilities, 1).index_select(1, order)});
  result.entropy = at::cat(entropies).index_select(0, order);
  if (parameters_.usage > 0 && groups_ > 1) {
    result.penalty =
        usage_entropy() * (-parameters_.usage / std::log(static_cast<double>(groups_)));
  }
  return result;
}

bool HierarchicalPolicy::takes(const Proposal& proposal) const {
  const std::size_t nodes = grouped_.num_nodes();
  if (proposal.latent.size() != nodes + grouped_.num_groups()) return false;
  std::set<std::int32_t> used;
  for (std::size_t v = 0; v < nodes; ++v) {
    const std::int32_t group = proposal.latent[v];
    if (group < 0 || group >= groups_ || group != proposal.latent[grouped_.leaders()[v]]) {
      return false;
    }
    used.insert(group);
  }
  return std::ranges::all_of(used, [&](std::int32_t group) {
    const std::int32_t device = proposal.latent[nodes + static_cast<std::size_t>(group)];
    return device >= 0 && static_cast<std::size_t>(device) < devices_;
  });
}

Details HierarchicalPolicy::details(std::span<const Proposal> proposals) const {
  double used = 0;
  for (const Proposal& proposal : proposals) {
    const auto grouping = drawn_grouping(proposal);
    used += static_cast<double>(std::set(grouping.begin(), grouping.end()).size());
  }
  const at::NoGradGuard guard;
  const at::Tensor own = -(group_log_probability_.exp() * group_log_probability_ * chooses_).sum();
  return {{"groups_used", used / static_cast<double>(proposals.size())},
          {"usage_entropy", usage_entropy().item<double>()},
          {"grouper_entropy", own.item<double>() / chooses_.sum().item<double>()}};
}

}  // namespace

void describe(Settings& settings, GroupingParameters& p) {
  settings.add("groups", p.groups, 1, 4096);
  settings.add("grouper_hidden", p.grouper_hidden, 1, 4096);
  settings.add("placements", p.placements, 1, 4096);
  settings.add("grouper_entropy", p.grouper_entropy, 0, 100);
  settings.add("usage", p.usage, 0, 100);
}

std::unique_ptr<PolicyNetwork> make_hierarchical_policy(const Problem& problem,
                                                        const GroupingParameters& grouping,
                                                        const SequenceParameters& placer,
                                                        std::uint64_t seed,
                                                        const at::TensorOptions& numbers) {
  const Beginning beginning = beginning_of(problem, count_groups(problem, grouping), placer.first);
  return std::make_unique<HierarchicalPolicy>(problem, grouping, placer, beginning, seed, numbers);
}

}  // namespace placer::policy
