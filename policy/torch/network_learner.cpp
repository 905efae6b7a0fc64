#include "policy/torch/network_learner.h"

#include <optional>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "policy/torch/checkpoint.h"
#include "policy/torch/policy_device.h"
#include "policy/torch/policy_gradient.h"
#include "policy/torch/single_thread.h"
#include "policy/torch/value_head.h"

namespace placer::policy {
namespace {

// What is known of `count` proposals from `first` on.
Evaluation part(const Evaluation& all, std::int64_t first, std::int64_t count) {
  return {all.log_probability.narrow(1, first, count), all.entropy.narrow(0, first, count),
          all.penalty};
}

class NetworkLearner : public Learner {
 public:
  NetworkLearner(std::unique_ptr<PolicyNetwork> network, const TrainingParameters& parameters,
                 JointOptimizer::Seat* seat)
      : parameters_(parameters),
        network_(std::move(network)),
        optimizer_(network_->parameters(), parameters.lr, parameters.clip),
        seat_(seat) {
    if (seat_ != nullptr) seat_->load(network_->parameters());
    const std::int64_t width = network_->summary_width();
    if (parameters.baseline == BaselineKind::kValue && width > 0) {
      value_.emplace(width, network_->parameters().front().value.options().requires_grad(false));
    }
  }

  std::optional<double> value() const override {
    if (!value_) return std::nullopt;
    const at::NoGradGuard guard;
    return value_->value(network_->summary()).item<double>();
  }

  std::vector<Proposal> sample(std::span<Rng> rngs) override {
    network_->encode();
    sampled_ = network_->sample(rngs);
    return sampled_;
  }

  void rebase(const Placement& placement) override { network_->rebase(placement); }
  std::vector<Proposal> decode(std::optional<std::size_t> most) override {
    return network_->decode(most);
  }

  LessonReport teach(const Lesson& lesson) override {
    std::vector<Proposal> proposals = sampled_;
    proposals.insert(proposals.end(), lesson.elites.begin(), lesson.elites.end());
    proposals.insert(proposals.end(), lesson.refined.begin(), lesson.refined.end());
    // The reading that the samples were drawn from is still the present weights'.
    std::optional<double> value_loss;
    if (value_ && !lesson.rewards.empty()) {
      value_loss = value_->learn(network_->summary(), lesson.rewards);
    }
    LessonReport report = parameters_.loss == Loss::kReinforce ? one_step(lesson, proposals)
                                                               : epochs(lesson, proposals);
    report.details = network_->details(sampled_);
    if (value_loss) report.details.emplace_back("loss_value", *value_loss);
    return report;
  }

  std::optional<Proposal> proposal_of(const Placement& placement) const override {
    return network_->proposal_of(placement);
  }

  bool takes(const Proposal& proposal) const override { return network_->takes(proposal); }

  LessonReport imitate(std::span<const Proposal> proposals, double enough) override {
    network_->encode();
    const at::Tensor loss = imitation_loss(network_->evaluate(proposals));
    LessonReport report{.loss = loss.item<double>()};
    if (report.loss < enough) return report;
    step(loss, report);
    return report;
  }

  std::uint64_t ways_to_begin() const override { return network_->ways_to_begin(); }
  void reset(std::uint64_t seed, std::uint64_t round) override {
    network_->reset(seed, round);
    optimizer_.reset();
    if (value_) value_->reset(seed, round);
  }

  std::vector<Blob> weights() const override { return to_blobs(all_weights()); }
  std::vector<Blob> optimizer_state() const override { return to_blobs(all_of_optimizers()); }
  void load_weights(const std::filesystem::path& path, std::span<const Blob> blobs) override {
    load_blobs(path, blobs, all_weights());
  }
  void load_optimizer_state(const std::filesystem::path& path,
                            std::span<const Blob> blobs) override {
    load_blobs(path, blobs, all_of_optimizers());
  }

 private:
  [[nodiscard]] std::vector<NamedTensor> all_weights() const {
    std::vector<NamedTensor> all = network_->parameters();
    if (value_) all.insert(all.end(), value_->parameters().begin(), value_->parameters().end());
    return all;
  }
  [[nodiscard]] std::vector<NamedTensor> all_of_optimizers() const {
    std::vector<NamedTensor> all = optimizer_.state();
    if (!value_) return all;
    for (NamedTensor& tensor : value_->optimizer_state()) all.push_back(std::move(tensor));
    return all;
  }

  [[nodiscard]] std::int64_t sampled() const { return static_cast<std::int64_t>(sampled_.size()); }

  LessonReport one_step(const Lesson& lesson, std::span<const Proposal> proposals) {
    const Evaluation all = network_->evaluate(proposals);
    const Evaluation samples = part(all, 0, sampled());
    const at::Tensor loss = reinforce_loss(samples, lesson.advantages, lesson.entropy_weight);
    LessonReport report = describe(loss, samples);
    step(with_additions(loss, all, lesson), report);
    return report;
  }

  // Steps on the same samples until the policy has moved far enough from the one that drew them.
  LessonReport epochs(const Lesson& lesson, std::span<const Proposal> proposals) {
    LessonReport report;
    at::Tensor before;
    for (std::int64_t epoch = 0; epoch < parameters_.epochs; ++epoch) {
      if (epoch > 0) network_->encode();
      const Evaluation all = network_->evaluate(proposals);
      const Evaluation samples = part(all, 0, sampled());
      if (epoch == 0) before = samples.log_probability.detach();
      if (mean_divergence(before, samples.log_probability) > parameters_.kl) break;
      const at::Tensor loss = ppo_loss(samples, before, lesson.advantages, parameters_.ratio_clip,
                                       lesson.entropy_weight);
      if (epoch == 0) report = describe(loss, samples);
      step(with_additions(loss, all, lesson), report);
      if (!report.applied) break;
    }
    return report;
  }

  static LessonReport describe(const at::Tensor& loss, const Evaluation& samples) {
    return {.loss = loss.item<double>(), .entropy = samples.entropy.mean().item<double>()};
  }

  [[nodiscard]] at::Tensor with_additions(const at::Tensor& loss, const Evaluation& all,
                                          const Lesson& lesson) const {
    at::Tensor total = all.penalty.defined() ? loss + all.penalty : loss;
    const auto elites = static_cast<std::int64_t>(lesson.elites.size());
    if (elites > 0) {
      total = total + imitation_loss(part(all, sampled(), elites)) * lesson.elite_weight;
    }
    const auto refined = static_cast<std::int64_t>(lesson.refined.size());
    if (refined > 0) {
      total = total + reinforce_loss(part(all, sampled() + elites, refined), lesson.refined_weights,
                                     /*entropy_weight=*/0);
    }
    return total;
  }

  void step(const at::Tensor& loss, LessonReport& report) {
    const AdamOptimizer::Step step = seat_ != nullptr
                                         ? seat_->minimize(loss, network_->parameters())
                                         : optimizer_.minimize(loss);
    report.applied = step.applied;
    report.grad_norm = step.grad_norm;
  }

  TrainingParameters parameters_;
  std::unique_ptr<PolicyNetwork> network_;
  AdamOptimizer optimizer_;
  JointOptimizer::Seat* seat_;      // may be null
  std::optional<ValueHead> value_;  // of BaselineKind::kValue
  std::vector<Proposal> sampled_;
};

}  // namespace

std::unique_ptr<Learner> make_network_learner(std::unique_ptr<PolicyNetwork> network,
                                              const TrainingParameters& parameters,
                                              JointOptimizer::Seat* seat) {
  return std::make_unique<NetworkLearner>(std::move(network), parameters, seat);
}

SearchResult train_network(const Problem& problem, const SearchOptions& options, std::string name,
                           const TrainingParameters& training, const Settings& settings,
                           const MakeNetwork& make) {
  const at::TensorOptions numbers =
      at::TensorOptions(at::kFloat).device(open_policy_device(training.device));
  const SingleThread guard;
  return train(problem, options,
               {.name = std::move(name),
                .training = training,
                .settings = settings.list(),
                .make = [&](const Problem& of, std::uint64_t seed) {
                  return make_network_learner(make(of, seed, numbers), training);
                }});
}

}  // namespace placer::policy
