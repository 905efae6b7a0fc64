#include "tools/placer/place/finalists.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "placer/base/error.h"
#include "placer/evaluate/interleave.h"

namespace placer::cli {
namespace {

constexpr int kFirstRounds = 3;  // of every placement
constexpr int kDecideRounds =
    6;  // fewest between the best few: the least with a 95 % interval of the median
constexpr std::size_t kFinalists = 3;
constexpr int kFewestFinalRounds = 6;
// Of the time, when the first and the second stage end at the latest; the last stage, whose figures
// are printed, gets the rest.
constexpr double kFirstShare = 0.25;
constexpr double kDecidedShare = 0.45;

bool is_single(const Candidate& candidate) {
  return candidate.algorithm.starts_with("single:");
}

class Timer {
 public:
  explicit Timer(double seconds) : seconds_(seconds), start_(std::chrono::steady_clock::now()) {}
  [[nodiscard]] bool used(double share) const {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
    return passed.count() > share * seconds_;
  }

 private:
  double seconds_;
  std::chrono::steady_clock::time_point start_;
};

class Contest {
 public:
  Contest(std::span<const Candidate> candidates, StepBench& bench, const FinalistOptions& options,
          const Shared& shared)
      : candidates_(candidates),
        bench_(bench),
        options_(options),
        shared_(shared),
        timer_(options.seconds),
        steps_(bench.evaluator(profile::one_step())) {
    choice_.of.resize(candidates.size());
  }

  Choice run() {
    measure_all();
    decide();
    verify();
    return std::move(choice_);
  }

 private:
  using Indices = std::vector<std::size_t>;
  static constexpr std::size_t kAllCores = static_cast<std::size_t>(-1);

  [[nodiscard]] bool stopped() const { return shared_.stop.stop_requested(); }

  // The first candidate with the same placement, which is measured in its stead.
  [[nodiscard]] std::size_t representative(std::size_t i) const {
    for (std::size_t j = 0; j < i; ++j) {
      if (candidates_[j].placement == candidates_[i].placement) {
        return j;
      }
    }
    return i;
  }

  // Distinct placements by simulated time; the best single devices always among them.
  [[nodiscard]] Indices distinct() const {
    Indices all(candidates_.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    std::erase_if(all, [&](std::size_t i) { return representative(i) != i; });
    std::stable_sort(all.begin(), all.end(), [&](std::size_t a, std::size_t b) {
      return better(candidates_[a].simulated, candidates_[b].simulated);
    });
    Indices chosen;
    for (const std::size_t i : all) {
      const bool first_single = is_single(candidates_[i]) &&
                                std::none_of(chosen.begin(), chosen.end(), [&](std::size_t j) {
                                  return is_single(candidates_[j]);
                                });
      if (chosen.size() < options_.most || first_single) {
        chosen.push_back(i);
      }
    }
    return chosen;
  }

  // Runs rounds over `contenders` and adds the samples to what is known of each. Returns this
  // stage's own samples.
  std::vector<Measurement> run_rounds(
      const Indices& contenders, const std::string& stage, int most_rounds,
      const std::function<bool(std::span<const Series>)>& keep_going) {
    std::vector<Contender> entries;
    for (const std::size_t i : contenders) {
      if (i == kAllCores) {
        if (!all_cores_) {
          all_cores_ = bench_.all_cores(profile::one_step());
        }
        const std::size_t nodes = candidates_[0].placement.device.size();
        entries.push_back({all_cores_.get(), {std::vector<DeviceId>(nodes, DeviceId{0}), {}}});
      } else {
        entries.push_back({steps_.get(), candidates_[i].placement});
      }
    }
    const ProgressSink progress = shared_.progress();
    int rounds = 0;
    const auto series = measure_interleaved(entries, [&](std::span<const Series> so_far) {
      ++rounds;
      if (progress) {
        progress({stage, static_cast<double>(rounds), static_cast<double>(most_rounds), {}});
      }
      return !stopped() && rounds < most_rounds && keep_going(so_far);
    });
    std::vector<Measurement> samples;
    for (std::size_t k = 0; k < contenders.size(); ++k) {
      Measurement own{series[k].seconds, series[k].infeasible};
      std::optional<Measurement>& total = of(contenders[k]);
      if (!total) {
        total.emplace();
      }
      total->seconds.insert(total->seconds.end(), own.seconds.begin(), own.seconds.end());
      total->infeasible = own.infeasible;
      samples.push_back(std::move(own));
    }
    return samples;
  }

  std::optional<Measurement>& of(std::size_t i) {
    return i == kAllCores ? choice_.all_cores : choice_.of[i];
  }

  // Those that ran, fastest first.
  [[nodiscard]] Indices ranked() {
    Indices ran;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (choice_.of[i] && choice_.of[i]->ran()) {
        ran.push_back(i);
      }
    }
    std::stable_sort(ran.begin(), ran.end(), [&](std::size_t a, std::size_t b) {
      return choice_.of[a]->median_seconds() < choice_.of[b]->median_seconds();
    });
    return ran;
  }

  void measure_all() {
    run_rounds(distinct(), "measuring every placement", kFirstRounds,
               [&](std::span<const Series>) { return !timer_.used(kFirstShare); });
    choose_fastest();
  }

  void choose_fastest() {
    const Indices ran = ranked();
    if (!ran.empty()) {
      choice_.winner = ran[0];
      return;
    }
    for (const auto& measured : choice_.of) {
      if (measured && measured->infeasible) {
        throw Error(failure_kind(measured->infeasible->reason),
                    "no proposed placement runs on this machine: " + measured->infeasible->text);
      }
    }
    throw Error(ErrorKind::kDevice, "stopped before the first step ended");
  }

  void decide() {
    Indices finalists = ranked();
    finalists.resize(std::min(finalists.size(), kFinalists));
    if (finalists.size() < 2 || stopped()) {
      return;
    }
    run_rounds(finalists, "measuring finalists", options_.rounds,
               [&](std::span<const Series> so_far) {
                 return !timer_.used(kDecidedShare) && !clear_winner(so_far);
               });
    choose_fastest();
  }

  // Whether the fastest differs from the second by more than the noise.
  static bool clear_winner(std::span<const Series> series) {
    std::vector<const Series*> order;
    for (const Series& one : series) {
      if (!one.infeasible) {
        order.push_back(&one);
      }
    }
    std::sort(order.begin(), order.end(), [](const Series* a, const Series* b) {
      return median(a->seconds) < median(b->seconds);
    });
    return order.size() < 2 || (order[0]->seconds.size() >= kDecideRounds &&
                                compare_paired(order[0]->seconds, order[1]->seconds).decided);
  }

  // The fastest measured candidate that `accept` takes.
  template <typename Accept>
  [[nodiscard]] std::optional<std::size_t> fastest(Accept accept) {
    for (const std::size_t i : ranked()) {
      if (accept(candidates_[i])) {
        return i;
      }
    }
    return std::nullopt;
  }

  void verify() {
    const auto single = fastest(is_single);
    const auto baseline = fastest([](const Candidate& c) { return !c.searched; });
    // Ends: a placement that fails is out, and a baseline that was chosen cannot lose to itself.
    while (verify_once(single, baseline) && !stopped()) {
    }
  }

  // Returns whether another candidate is the choice now.
  bool verify_once(std::optional<std::size_t> single, std::optional<std::size_t> baseline) {
    Indices contenders{choice_.winner};
    for (const auto& other : {single, baseline}) {
      if (other && std::find(contenders.begin(), contenders.end(), *other) == contenders.end()) {
        contenders.push_back(*other);
      }
    }
    contenders.push_back(kAllCores);
    const auto samples = run_rounds(
        contenders, "measuring the choice", options_.rounds, [&](std::span<const Series> so_far) {
          const bool few = so_far[0].seconds.size() < kFewestFinalRounds;
          return !so_far[0].infeasible && (few || !timer_.used(1));
        });
    if (samples[0].infeasible) {
      choose_fastest();
      return true;
    }
    const auto position = [&](std::size_t i) {
      const auto at = std::find(contenders.begin(), contenders.end(), i);
      return static_cast<std::size_t>(at - contenders.begin());
    };
    const auto compared = [&](std::size_t other) -> std::optional<PairedComparison> {
      const std::size_t k = position(other);
      const std::size_t n = std::min(samples[0].seconds.size(), samples[k].seconds.size());
      if (n == 0) {
        return std::nullopt;
      }
      return compare_paired(std::span(samples[k].seconds).first(n),
                            std::span(samples[0].seconds).first(n));
    };
    // What is printed of the chosen placement comes from these runs alone.
    choice_.of[choice_.winner] = samples[0];
    choice_.over_all_cores = compared(kAllCores);
    if (single) {
      choice_.best_single = candidates_[*single].algorithm;
      choice_.over_best_single = compared(*single);
    }
    if (baseline) {
      choice_.best_baseline = candidates_[*baseline].algorithm;
      choice_.over_best_baseline = compared(*baseline);
    }
    const bool enough = samples[0].seconds.size() >= kFewestFinalRounds;
    if (baseline && enough && choice_.over_best_baseline && choice_.over_best_baseline->ratio < 1) {
      choose_baseline(*baseline, samples[position(*baseline)]);
      return true;
    }
    return false;
  }

  // Nothing that was said of the former choice holds.
  void choose_baseline(std::size_t baseline, const Measurement& samples) {
    choice_.winner = baseline;
    choice_.of[baseline] = samples;
    choice_.over_best_single.reset();
    choice_.over_best_baseline.reset();
    choice_.over_all_cores.reset();
  }

  std::span<const Candidate> candidates_;
  StepBench& bench_;
  const FinalistOptions& options_;
  const Shared& shared_;
  Timer timer_;
  std::unique_ptr<Evaluator> steps_;      // a step of a candidate
  std::unique_ptr<Evaluator> all_cores_;  // made when needed
  Choice choice_;
};

}  // namespace

MeasuredTime Measurement::summary() const {
  const Interval interval = median_interval(seconds);
  return {.median_us = median_seconds() * 1e6,
          .low_us = interval.low * 1e6,
          .high_us = interval.high * 1e6,
          .samples = static_cast<int>(seconds.size()),
          .method = "wall time of whole steps, interleaved, one step discarded after every switch"};
}

Choice choose_by_simulation(std::span<const Candidate> candidates) {
  Choice choice;
  choice.of.resize(candidates.size());
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    if (better(candidates[i].simulated, candidates[choice.winner].simulated)) {
      choice.winner = i;
    }
  }
  return choice;
}

Choice choose_by_measurement(std::span<const Candidate> candidates, StepBench& bench,
                             const FinalistOptions& options, const Shared& shared) {
  PLACER_CHECK(!candidates.empty(), "candidates to choose from");
  return Contest(candidates, bench, options, shared).run();
}

}  // namespace placer::cli
