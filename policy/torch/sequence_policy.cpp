#include "policy/torch/sequence_policy.h"

#include "placer/algorithm/unit_table.h"
#include "policy/features.h"
#include "policy/first_logits.h"
#include "policy/torch/actions.h"
#include "policy/torch/seq2seq.h"

namespace placer::policy {
namespace {

// Of each way to begin [nodes, devices]; empty: there are none.
std::vector<std::vector<double>> logits_of_nodes(const Problem& problem, const FirstLogits& first) {
  if (first == FirstLogits{}) return {};
  const UnitTable units(problem);
  return first_logits(problem, units, rows_of_nodes(problem, units), first);
}

class SequencePolicy : public PolicyNetwork {
 public:
  SequencePolicy(const Problem& problem, const SequenceParameters& parameters, std::uint64_t seed,
                 const at::TensorOptions& numbers)
      : inputs_(to_inputs(make_features(problem, FeatureOptions{}), numbers)),
        network_(parameters, inputs_, seed, logits_of_nodes(problem, parameters.first)) {}

  const std::vector<NamedTensor>& parameters() const override { return network_.parameters(); }
  void reset(std::uint64_t seed, std::uint64_t round) override { network_.reset(seed, round); }
  std::uint64_t ways_to_begin() const override { return network_.ways_to_begin(); }
  void encode() override { encoding_ = network_.encode(inputs_); }

  std::vector<Proposal> sample(std::span<Rng> rngs) const override {
    return to_proposals(network_.sample(encoding_, rngs).actions);
  }
  Evaluation evaluate(std::span<const Proposal> proposals) const override {
    return network_.evaluate(encoding_, to_actions(proposals));
  }
  std::int64_t summary_width() const override { return network_.summary_width(); }
  at::Tensor summary() const override { return encoding_.summary; }
  std::optional<Proposal> proposal_of(const Placement& placement) const override {
    return Proposal{.placement = {.device = placement.device, .priority = {}}, .latent = {}};
  }

 private:
  Inputs inputs_;
  Seq2Seq network_;
  Encoding encoding_;
};

}  // namespace

std::unique_ptr<PolicyNetwork> make_sequence_policy(const Problem& problem,
                                                    const SequenceParameters& parameters,
                                                    std::uint64_t seed,
                                                    const at::TensorOptions& numbers) {
  return std::make_unique<SequencePolicy>(problem, parameters, seed, numbers);
}

}  // namespace placer::policy
