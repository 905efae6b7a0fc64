#include "policy/post.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "placer/algorithm/unit_table.h"
#include "placer/base/error.h"
#include "policy/blobs.h"
#include "policy/first_logits.h"
#include "policy/independent_policy.h"
#include "policy/trainer.h"

namespace placer::policy {
namespace {

constexpr const char* kName = "post";

// A sample that may become one of the elite.
struct Ranked {
  bool fits = false;
  double value = 0;  // what it costs; where it does not fit, the bytes that are missing
  std::vector<DeviceId> choice;

  [[nodiscard]] bool better_than(const Ranked& other) const {
    return std::tuple(!fits, value) < std::tuple(!other.fits, other.value);
  }
};

std::vector<std::uint64_t> masks_of(const UnitTable& units) {
  std::vector<std::uint64_t> masks;
  for (std::size_t u = 0; u < units.size(); ++u) masks.push_back(units.allowed(u));
  return masks;
}

class PostLearner : public Learner {
 public:
  PostLearner(const Problem& problem, const PostMethod& method)
      : training_(method.training),
        cross_entropy_(method.cross_entropy),
        units_(problem),
        ways_(first_logits(problem, units_, rows_of_units(problem, units_), method.first)),
        policy_(masks_of(units_), units_.num_devices()) {
    begin(0);
  }

  std::vector<Proposal> sample(std::span<Rng> rngs) override {
    sampled_.assign(rngs.size(), std::vector<DeviceId>(units_.size()));
    std::vector<Proposal> proposals;
    for (std::size_t k = 0; k < rngs.size(); ++k) {
      policy_.draw(rngs[k], sampled_[k]);
      proposals.push_back({.placement = units_.placement(sampled_[k]), .latent = {}});
    }
    return proposals;
  }

  LessonReport teach(const Lesson& lesson) override {
    LessonReport report = epochs(lesson);
    if (report.applied && cross_entropy_.every > 0) {
      rank(lesson.outcomes);
      if (++updates_ >= cross_entropy_.every) {
        learn_from_elite();
        report.settles = true;
      }
    }
    return report;
  }

  std::optional<Proposal> proposal_of(const Placement& placement) const override {
    return Proposal{.placement = units_.placement(units_.choice(placement)), .latent = {}};
  }

  LessonReport imitate(std::span<const Proposal> proposals, double enough) override {
    const Gradient gradient = imitation_gradient(policy_, shares_of(policy_, choices(proposals)));
    LessonReport report{.loss = gradient.loss, .entropy = policy_.entropy()};
    if (report.loss >= enough) step(gradient.by_logit, report);
    return report;
  }

  std::uint64_t ways_to_begin() const override { return ways_.size(); }
  // There are no weights to draw anew: rounds that begin alike differ by their samples.
  void reset(std::uint64_t /*seed*/, std::uint64_t round) override { begin(round); }

  std::vector<Blob> weights() const override {
    return {to_blob("logits", table_shape(), policy_.logits())};
  }

  std::vector<Blob> optimizer_state() const override {
    std::vector<double> ranks;
    std::vector<double> devices;
    for (const Ranked& ranked : elite_) {
      ranks.push_back(ranked.fits ? 1 : 0);
      ranks.push_back(ranked.value);
      for (const DeviceId device : ranked.choice)
        devices.push_back(static_cast<double>(index(device)));
    }
    const std::vector<double> counts = {static_cast<double>(updates_),
                                        static_cast<double>(elite_.size())};
    const std::int64_t rows = rows_for(elite_.size());
    ranks.resize(2 * static_cast<std::size_t>(rows));
    devices.resize(static_cast<std::size_t>(rows) * units_.size());
    return {to_blob("elite.counts", {2}, counts), to_blob("elite.ranks", {rows, 2}, ranks),
            to_blob("elite.devices", {rows, signed_units()}, devices)};
  }

  void load_weights(const std::filesystem::path& path, std::span<const Blob> blobs) override {
    policy_.set_logits(numbers_of(path, blobs, "logits", table_shape()));
  }

  void load_optimizer_state(const std::filesystem::path& path,
                            std::span<const Blob> blobs) override {
    const std::vector<double> counts = numbers_of(path, blobs, "elite.counts", {2});
    const double most = static_cast<double>(capacity());
    if (counts[0] < 0 || counts[0] > 1e9 || counts[1] < 0 || counts[1] > most) {
      throw Error(ErrorKind::kBadInput, path.string(), "tensors",
                  "\"elite.counts\" is out of range");
    }
    const auto size = static_cast<std::size_t>(counts[1]);
    const std::int64_t rows = rows_for(size);
    const std::vector<double> ranks = numbers_of(path, blobs, "elite.ranks", {rows, 2});
    const std::vector<double> devices =
        numbers_of(path, blobs, "elite.devices", {rows, signed_units()});
    std::vector<Ranked> elite;
    for (std::size_t e = 0; e < size; ++e) {
      elite.push_back({.fits = ranks[2 * e] != 0, .value = ranks[2 * e + 1], .choice = {}});
      for (std::size_t u = 0; u < units_.size(); ++u) {
        elite.back().choice.push_back(device_from(path, u, devices[e * units_.size() + u]));
      }
    }
    updates_ = static_cast<std::int64_t>(counts[0]);
    elite_ = std::move(elite);
  }

 private:
  [[nodiscard]] std::int64_t signed_units() const {
    return static_cast<std::int64_t>(units_.size());
  }
  [[nodiscard]] std::vector<std::int64_t> table_shape() const {
    return {signed_units(), static_cast<std::int64_t>(units_.num_devices())};
  }

  // Of the elite: at least one.
  [[nodiscard]] std::size_t capacity() const {
    const auto samples = static_cast<double>(training_.k * cross_entropy_.every);
    return static_cast<std::size_t>(std::max(1.0, std::round(cross_entropy_.elite * samples)));
  }
  // Of a blob, which cannot be empty.
  [[nodiscard]] static std::int64_t rows_for(std::size_t size) {
    return static_cast<std::int64_t>(std::max<std::size_t>(size, 1));
  }

  [[nodiscard]] DeviceId device_from(const std::filesystem::path& path, std::size_t unit,
                                     double number) const {
    for (const DeviceId device : units_.devices(unit)) {
      if (static_cast<double>(index(device)) == number) return device;
    }
    throw Error(ErrorKind::kBadInput, path.string(), "tensors",
                "\"elite.devices\" has a device that is none or forbidden");
  }

  [[nodiscard]] Choices choices(std::span<const Proposal> proposals) const {
    Choices result;
    for (const Proposal& proposal : proposals) result.push_back(units_.choice(proposal.placement));
    return result;
  }

  void begin(std::uint64_t round) {
    std::vector<double> logits = ways_[round % ways_.size()];
    logits.resize(units_.size() * units_.num_devices());
    for (std::size_t u = 0; u < units_.size(); ++u) {
      for (std::size_t d = 0; d < units_.num_devices(); ++d) {
        if (!policy_.may_use(u, d)) logits[u * units_.num_devices() + d] = 0;
      }
    }
    policy_.set_logits(std::move(logits));
    elite_.clear();
    updates_ = 0;
  }

  // Steps on the same samples until the policy has moved far enough from the one that drew them.
  // The first is that of REINFORCE, which takes no other.
  LessonReport epochs(const Lesson& lesson) {
    const std::vector<double> before(policy_.probabilities().begin(),
                                     policy_.probabilities().end());
    const Credit credit = credit_of(policy_, sampled_, lesson.advantages);
    std::vector<double> elites;
    if (!lesson.elites.empty()) elites = shares_of(policy_, choices(lesson.elites));
    const std::int64_t count = training_.loss == Loss::kPpo ? training_.epochs : 1;
    LessonReport report;
    for (std::int64_t epoch = 0; epoch < count; ++epoch) {
      if (divergence(before, policy_) > training_.kl) break;
      Gradient gradient =
          surrogate_gradient(policy_, before, credit, training_.ratio_clip, lesson.entropy_weight);
      if (epoch == 0) report = {.loss = gradient.loss, .entropy = policy_.entropy()};
      if (!elites.empty()) {
        const Gradient more = imitation_gradient(policy_, elites);
        for (std::size_t i = 0; i < more.by_logit.size(); ++i) {
          gradient.by_logit[i] += lesson.elite_weight * more.by_logit[i];
        }
      }
      step(gradient.by_logit, report);
      if (!report.applied) break;
    }
    return report;
  }

  // Along the plain gradient: Adam would move a unit that does not matter as far as one that does.
  void step(const std::vector<double>& gradient, LessonReport& report) {
    double square = 0;
    for (const double g : gradient) square += g * g;
    report.grad_norm = std::sqrt(square);
    report.applied = std::isfinite(report.grad_norm);
    if (!report.applied) return;
    // The gradient is of a mean over units; a unit's step does not depend on how many there are.
    const double scale = training_.lr * static_cast<double>(units_.size()) * training_.clip /
                         std::max(report.grad_norm, training_.clip);
    std::vector<double> logits(policy_.logits().begin(), policy_.logits().end());
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] -= scale * gradient[i];
    policy_.set_logits(std::move(logits));
  }

  // The best of what was sampled last join the elite. What fails other than by memory says nothing
  // of how far it is from running.
  void rank(std::span<const Outcome> outcomes) {
    for (std::size_t k = 0; k < outcomes.size(); ++k) {
      const Outcome& outcome = outcomes[k];
      if (!outcome.fresh) continue;  // has been ranked
      const bool fits = outcome.feasible();
      if (!fits && outcome.infeasible->reason != InfeasibleReason::kOutOfMemory) continue;
      Ranked ranked{
          .fits = fits,
          .value = static_cast<double>(fits ? outcome.cost() : outcome.infeasible->missing.count),
          .choice = sampled_[k]};
      const auto place =
          std::upper_bound(elite_.begin(), elite_.end(), ranked,
                           [](const Ranked& a, const Ranked& b) { return a.better_than(b); });
      elite_.insert(place, std::move(ranked));
      if (elite_.size() > capacity()) elite_.pop_back();
    }
  }

  void learn_from_elite() {
    if (!elite_.empty()) {
      Choices choices;
      for (Ranked& ranked : elite_) choices.push_back(std::move(ranked.choice));
      const double floor = std::min(1.0, cross_entropy_.moves / static_cast<double>(units_.size()));
      cross_entropy_step(policy_, shares_of(policy_, choices), cross_entropy_.keep, floor);
    }
    elite_.clear();
    updates_ = 0;
  }

  TrainingParameters training_;
  CrossEntropyParameters cross_entropy_;
  UnitTable units_;
  std::vector<std::vector<double>> ways_;  // first_logits.h; at least one
  IndependentPolicy policy_;
  std::vector<Ranked> elite_;  // of the samples since the last cross-entropy step, best first
  std::int64_t updates_ = 0;   // since then
  Choices sampled_;
};

class Post : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    PostMethod method = post_defaults();
    Settings settings(kName);
    describe(settings, method);
    settings.read(options.parameters);
    return train(problem, options,
                 {.name = kName,
                  .training = method.training,
                  .settings = settings.list(),
                  .make = [&](const Problem& of, std::uint64_t /*seed*/) {
                    return make_post_learner(of, method);
                  }});
  }
};

}  // namespace

PostMethod post_defaults() {
  PostMethod method;
  method.training.loss = Loss::kPpo;
  method.training.k = 16;
  method.training.lr = 0.3;
  method.training.entropy = 0.01;
  method.training.entropy_end = 0.01;
  method.training.elite_weight = 1;
  method.training.restart_after = 40;
  return method;
}

void describe(Settings& settings, PostMethod& method) {
  CrossEntropyParameters& p = method.cross_entropy;
  settings.add("ce_every", p.every, 0, 1'000'000);
  settings.add("ce_elite", p.elite, 1e-4, 1);
  settings.add("ce_keep", p.keep, 0, 1);
  settings.add("ce_moves", p.moves, 0, 1e6);
  describe(settings, method.first);
  describe(settings, method.training);
}

std::unique_ptr<Learner> make_post_learner(const Problem& problem, const PostMethod& method) {
  return std::make_unique<PostLearner>(problem, method);
}

void register_post(AlgorithmRegistry& registry) {
  registry.add(
      {.name = kName,
       .description = "a distribution per group, trained with PPO and cross-entropy (NeurIPS 2018)",
       .searches = true,
       .make = [] { return std::make_unique<Post>(); },
       .check_parameters =
           [](ParameterList given) {
             PostMethod method = post_defaults();
             Settings settings(kName);
             describe(settings, method);
             settings.read(given);
           },
       .learns = true,
       .small_graphs_only = true});
}

}  // namespace placer::policy
