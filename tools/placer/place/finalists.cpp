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
constexpr int kMostSwitches = 2;
// Of the time, when the first and the second stage end at the latest; the last stage, whose figures
// are printed, gets the rest.
constexpr double kFirstShare = 0.25;
constexpr double kDecidedShare = 0.45;

bool is_single(const Candidate& candidate) {
  // Pins and supported ops may have forced it on several.
  return candidate.algorithm.starts_with("single:") && num_devices_used(candidate.placement) == 1;
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
  static constexpr std::size_t kNone = static_cast<std::size_t>(-2);

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
      return better(candidates_[a].predicted, candidates_[b].predicted);
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
    choice_.best_single = single ? candidates_[*single].algorithm : "";
    choice_.best_baseline = baseline ? candidates_[*baseline].algorithm : "";
    // Those that change places again and again are equal but for the noise.
    for (int left = kMostSwitches; verify_once(single, baseline, left > 0); --left) {
    }
  }

  // The choice against the best single device, the best baseline and all cores. Returns whether
  // another candidate is the choice now, and has to be held against them too.
  bool verify_once(std::optional<std::size_t> single, std::optional<std::size_t> baseline,
                   bool may_switch) {
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
      return may_switch && !stopped();
    }
    if (samples[0].seconds.size() < kFewestFinalRounds) {
      return false;  // stopped: these say less than what chose
    }
    std::size_t fastest = 0;
    for (std::size_t k = 1; k + 1 < contenders.size(); ++k) {
      if (faster(samples[k], samples[fastest])) {
        fastest = k;
      }
    }
    choice_.winner = contenders[fastest];
    if (fastest != 0 && may_switch && !stopped()) {
      return true;
    }
    const auto over = [&](std::optional<std::size_t> other) {
      const auto at = std::find(contenders.begin(), contenders.end(), other.value_or(kNone));
      return at == contenders.end()
                 ? std::nullopt
                 : pairs(samples[static_cast<std::size_t>(at - contenders.begin())],
                         samples[fastest]);
    };
    choice_.after_choosing = samples[fastest];
    choice_.over_all_cores = over(kAllCores);
    choice_.over_best_single = over(single);
    choice_.over_best_baseline = over(baseline);
    return false;
  }

  static bool faster(const Measurement& a, const Measurement& b) {
    const auto comparison = pairs(b, a);
    return a.ran() && comparison && comparison->ratio > 1;
  }

  static std::optional<PairedComparison> pairs(const Measurement& slow, const Measurement& fast) {
    const std::size_t n = std::min(slow.seconds.size(), fast.seconds.size());
    return n == 0 ? std::nullopt
                  : std::optional(compare_paired(std::span(slow.seconds).first(n),
                                                 std::span(fast.seconds).first(n)));
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
    if (better(candidates[i].predicted, candidates[choice.winner].predicted)) {
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
