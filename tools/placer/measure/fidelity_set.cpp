#include "tools/placer/measure/fidelity_set.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "placer/base/error.h"

namespace placer::cli {
namespace {

constexpr std::uint64_t kSearchEvaluations = 2000;

class SetBuilder {
 public:
  SetBuilder(SearchSpace& space, std::size_t count, std::uint64_t seed)
      : space_(space), count_(count), rng_(seed), seed_(seed) {}

  std::vector<NamedPlacement> run() {
    add_proposals();
    const std::size_t random = count_ > set_.size() ? (count_ - set_.size() + 1) / 2 : 0;
    // A small space may not hold as many distinct placements as are asked for.
    for (std::size_t tries = 0; tries < 20 * count_ && set_.size() + random < count_; ++tries) {
      add(fmt::format("contiguous-{}", tries), contiguous());
    }
    for (std::size_t tries = 0; tries < 20 * count_ && set_.size() < count_; ++tries) {
      add(fmt::format("random-{}", tries), drawn());
    }
    return std::move(set_);
  }

 private:
  void add_proposals() {
    AlgorithmRegistry registry;
    register_baselines(registry);
    const Cluster& cluster = space_.costs().cluster();
    for (std::size_t d = 0; d < cluster.size(); ++d) {
      const auto device = id_at<DeviceId>(d);
      propose_one("single:" + cluster.device(device).name, *single_device(device));
    }
    for (const AlgorithmEntry& entry : registry.entries()) {
      propose_one(entry.name, *entry.make());
    }
  }

  void propose_one(const std::string& name, Algorithm& algorithm) {
    SearchOptions options;
    options.budget.evaluations = kSearchEvaluations;
    options.seed = seed_;
    const Candidate candidate = run_algorithm(space_, algorithm, name, space_.searched(), options);
    if (candidate.found()) {
      add(name, candidate.placement);
    }
  }

  void add(const std::string& name, const Placement& placement) {
    const bool feasible = space_.judge().evaluate_one(placement).feasible();
    if (feasible && set_.size() < count_ && known_.insert(placement.device).second) {
      set_.push_back({name, placement});
    }
  }

  // Every unit of groups on a device that it may use, as `choose` says for its first group.
  template <typename Choose>
  Placement by_unit(Choose choose) {
    const Constraints& constraints = space_.searched_constraints();
    std::vector<std::optional<DeviceId>> of_unit(constraints.num_units);
    Placement coarse;
    for (std::size_t group = 0; group < constraints.unit_of.size(); ++group) {
      auto& device = of_unit[constraints.unit_of[group]];
      if (!device) {
        device = choose(group, constraints.allowed[group]);
      }
      coarse.device.push_back(*device);
    }
    return space_.to_ops(coarse);
  }

  DeviceId any_of(std::uint64_t allowed) {
    std::vector<DeviceId> devices;
    for (std::size_t d = 0; d < kMaxDevices; ++d) {
      if ((allowed >> d & 1) != 0) {
        devices.push_back(id_at<DeviceId>(d));
      }
    }
    return devices[rng_.below(devices.size())];
  }

  Placement drawn() {
    return by_unit([&](std::size_t, std::uint64_t allowed) { return any_of(allowed); });
  }

  // Runs of groups in their topological order, cut at random.
  Placement contiguous() {
    const std::size_t groups = space_.size();
    const std::size_t devices = space_.costs().cluster().size();
    std::vector<std::size_t> cuts;
    for (std::size_t i = 1; i < devices; ++i) {
      cuts.push_back(rng_.below(groups + 1));
    }
    std::sort(cuts.begin(), cuts.end());
    std::vector<DeviceId> order;
    for (std::size_t d = 0; d < devices; ++d) {
      order.push_back(id_at<DeviceId>(d));
    }
    rng_.shuffle(std::span(order));
    return by_unit([&](std::size_t group, std::uint64_t allowed) {
      const auto run = std::upper_bound(cuts.begin(), cuts.end(), group) - cuts.begin();
      const DeviceId device = order[static_cast<std::size_t>(run)];
      return (allowed >> index(device) & 1) != 0 ? device : any_of(allowed);
    });
  }

  SearchSpace& space_;
  std::size_t count_;
  Rng rng_;
  std::uint64_t seed_;
  std::vector<NamedPlacement> set_;
  std::set<std::vector<DeviceId>> known_;
};

}  // namespace

std::vector<NamedPlacement> fidelity_set(SearchSpace& space, std::size_t count,
                                         std::uint64_t seed) {
  return SetBuilder(space, count, seed).run();
}

FidelityReport compare_with_simulator(const std::vector<NamedPlacement>& placements,
                                      const std::vector<double>& simulated_seconds,
                                      const std::vector<std::vector<double>>& samples) {
  PLACER_CHECK(placements.size() == samples.size() && samples.size() == simulated_seconds.size(),
               "samples and a simulated time per placement");
  FidelityReport report;
  report.placements = placements.size();
  std::vector<double> measured;
  std::vector<double> even;
  std::vector<double> odd;
  for (std::size_t i = 0; i < placements.size(); ++i) {
    report.several_devices += num_devices_used(placements[i].placement) > 1 ? 1 : 0;
    measured.push_back(median(samples[i]));
    std::vector<double> halves[2];
    for (std::size_t round = 0; round < samples[i].size(); ++round) {
      halves[round % 2].push_back(samples[i][round]);
    }
    even.push_back(median(halves[0]));
    odd.push_back(median(halves[1]));
  }
  report.simulated = fidelity(simulated_seconds, measured);
  report.noise_floor = fidelity(even, odd);
  return report;
}

}  // namespace placer::cli
