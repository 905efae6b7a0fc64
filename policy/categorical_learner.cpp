#include "policy/categorical_learner.h"

#include <cmath>

#include "placer/algorithm/unit_table.h"
#include "placer/base/error.h"
#include "policy/blobs.h"

namespace placer::policy {
namespace {

constexpr const char* kBlob = "probabilities";

class CategoricalLearner final : public Learner {
 public:
  CategoricalLearner(const Problem& problem, const CategoricalParameters& parameters)
      : parameters_(parameters), units_(problem), devices_(units_.num_devices()) {
    reset(0, 0);
  }

  std::vector<Proposal> sample(std::span<Rng> rngs) override {
    std::vector<Proposal> proposals;
    std::vector<DeviceId> choice(units_.size());
    std::vector<double> weights(devices_);
    for (Rng& rng : rngs) {
      for (std::size_t unit = 0; unit < units_.size(); ++unit) {
        for (std::size_t d = 0; d < devices_; ++d) weights[d] = probability(unit, d);
        choice[unit] = id_at<DeviceId>(rng.weighted(weights));
      }
      proposals.push_back({.placement = units_.placement(choice), .latent = {}});
    }
    return proposals;
  }

  LessonReport teach(const Lesson& lesson) override {
    LessonReport report{.applied = true, .loss = 0, .entropy = entropy(), .settles = true};
    for (std::size_t k = 0; k < lesson.refined.size(); ++k) {
      report.loss += lesson.refined_weights[k] * cross_entropy(lesson.refined[k]) /
                     static_cast<double>(lesson.refined.size());
      approach(lesson.refined[k], parameters_.rate * lesson.refined_weights[k]);
    }
    for (const Proposal& elite : lesson.elites) {
      approach(elite, parameters_.rate * std::min(lesson.elite_weight, 1.0));
    }
    return report;
  }

  std::optional<Proposal> proposal_of(const Placement& placement) const override {
    return Proposal{.placement = {.device = placement.device, .priority = {}}, .latent = {}};
  }

  LessonReport imitate(std::span<const Proposal> proposals, double enough) override {
    LessonReport report{.applied = true, .settles = true};
    for (const Proposal& proposal : proposals) {
      report.loss += cross_entropy(proposal) / static_cast<double>(proposals.size());
    }
    if (report.loss < enough) return report;
    for (const Proposal& proposal : proposals) approach(proposal, parameters_.rate);
    return report;
  }

  // All policies begin alike, whatever the seed.
  void reset(std::uint64_t /*seed*/, std::uint64_t /*round*/) override {
    q_.assign(units_.size() * devices_, 0.0);
    for (std::size_t unit = 0; unit < units_.size(); ++unit) {
      const std::span<const DeviceId> allowed = units_.devices(unit);
      for (const DeviceId device : allowed) {
        at(unit, index(device)) = 1 / static_cast<double>(allowed.size());
      }
    }
  }

  std::vector<Blob> weights() const override { return {to_blob(kBlob, shape(), q_)}; }
  std::vector<Blob> optimizer_state() const override { return {}; }
  void load_weights(const std::filesystem::path& path, std::span<const Blob> blobs) override;
  void load_optimizer_state(const std::filesystem::path& /*path*/,
                            std::span<const Blob> /*blobs*/) override {}

 private:
  [[nodiscard]] std::vector<std::int64_t> shape() const {
    return {static_cast<std::int64_t>(units_.size()), static_cast<std::int64_t>(devices_)};
  }
  [[nodiscard]] double& at(std::size_t unit, std::size_t device) {
    return q_[unit * devices_ + device];
  }
  [[nodiscard]] double probability(std::size_t unit, std::size_t device) const {
    if (!units_.may_use(unit, id_at<DeviceId>(device))) return 0;
    return (1 - parameters_.floor) * q_[unit * devices_ + device] +
           parameters_.floor / static_cast<double>(units_.devices(unit).size());
  }
  [[nodiscard]] double cross_entropy(const Proposal& proposal) const {
    const std::vector<DeviceId> choice = units_.choice(proposal.placement);
    double sum = 0;
    for (std::size_t unit = 0; unit < choice.size(); ++unit) {
      sum -= std::log(probability(unit, index(choice[unit])) + 1e-12);
    }
    return sum / static_cast<double>(choice.size());
  }
  [[nodiscard]] double entropy() const {
    double sum = 0;
    for (std::size_t unit = 0; unit < units_.size(); ++unit) {
      for (const DeviceId device : units_.devices(unit)) {
        const double p = probability(unit, index(device));
        if (p > 0) sum -= p * std::log(p);
      }
    }
    return sum / static_cast<double>(units_.size());
  }
  void approach(const Proposal& proposal, double rate) {
    const std::vector<DeviceId> choice = units_.choice(proposal.placement);
    for (std::size_t unit = 0; unit < choice.size(); ++unit) {
      for (std::size_t d = 0; d < devices_; ++d) at(unit, d) *= 1 - rate;
      at(unit, index(choice[unit])) += rate;
    }
  }

  CategoricalParameters parameters_;
  UnitTable units_;
  std::size_t devices_;
  std::vector<double> q_;  // [units, devices]
};

void CategoricalLearner::load_weights(const std::filesystem::path& path,
                                      std::span<const Blob> blobs) {
  std::vector<double> read = numbers_of(path, blobs, kBlob, shape());
  for (const double value : read) {
    if (value < 0 || value > 1) {
      throw Error(ErrorKind::kBadInput, path.string(), kBlob, "no probability");
    }
  }
  q_ = std::move(read);
}

}  // namespace

std::unique_ptr<Learner> make_categorical_learner(const Problem& problem,
                                                  const CategoricalParameters& parameters) {
  return std::make_unique<CategoricalLearner>(problem, parameters);
}

}  // namespace placer::policy
