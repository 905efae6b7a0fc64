#include "placer/bound/load_balance.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace placer {
namespace {

constexpr int kSections = 80;     // of the interval of weights of two classes
constexpr int kWeightings = 100;  // tried for more classes

std::uint64_t mask_of(const std::vector<DeviceId>& devices) {
  std::uint64_t mask = 0;
  for (const DeviceId device : devices) {
    mask |= std::uint64_t{1} << index(device);
  }
  return mask;
}

// The loads that belong to the weights `y`, and the dual's value there.
class Dual {
 public:
  explicit Dual(const UnitLoads& loads) : loads_(loads), assigned_(loads.num_classes()) {}

  double value(const std::vector<double>& y) {
    std::fill(assigned_.begin(), assigned_.end(), 0);
    const std::size_t classes = loads_.num_classes();
    double sum = 0;
    for (std::size_t u = 0; u < loads_.num_units; ++u) {
      double least = std::numeric_limits<double>::infinity();
      std::size_t where = 0;
      for (std::size_t c = 0; c < classes; ++c) {
        const double load = loads_.shared[u * classes + c];
        if (load != UnitLoads::kNever && y[c] * load < least) {
          least = y[c] * load;
          where = c;
        }
      }
      if (least != std::numeric_limits<double>::infinity()) {
        sum += least;
        assigned_[where] += loads_.shared[u * classes + where];
      }
    }
    return sum;
  }
  // Of the last value(): load per device of the class.
  [[nodiscard]] double load(std::size_t c) const {
    return assigned_[c] / static_cast<double>(loads_.devices[c]);
  }

 private:
  const UnitLoads& loads_;
  std::vector<double> assigned_;
};

// Ternary search: the dual is concave.
double balance_two(const UnitLoads& loads) {
  Dual dual(loads);
  const auto at = [&](double share) {
    return dual.value({share / static_cast<double>(loads.devices[0]),
                       (1 - share) / static_cast<double>(loads.devices[1])});
  };
  double low = 0;
  double high = 1;
  double best = std::max(at(0), at(1));
  for (int i = 0; i < kSections; ++i) {
    const double left = low + (high - low) / 3;
    const double right = high - (high - low) / 3;
    const double at_left = at(left);
    const double at_right = at(right);
    best = std::max({best, at_left, at_right});
    (at_left < at_right ? low : high) = at_left < at_right ? left : right;
  }
  return best;
}

// Multiplicative weights: classes with more than the mean load get more weight.
double balance_many(const UnitLoads& loads) {
  Dual dual(loads);
  const std::size_t classes = loads.num_classes();
  std::vector<double> y(classes, 1);
  double best = 0;
  for (int round = 0; round < kWeightings; ++round) {
    double total = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      total += y[c] * static_cast<double>(loads.devices[c]);
    }
    for (double& weight : y) {
      weight /= total;
    }
    best = std::max(best, dual.value(y));
    double most = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      most = std::max(most, dual.load(c));
    }
    const double step = most > 0 ? 1 / (std::sqrt(1.0 + round) * most) : 0;
    for (std::size_t c = 0; c < classes; ++c) {
      y[c] *= std::exp(step * dual.load(c));
    }
  }
  return best;
}

class UnitLoadsMaker {
 public:
  //   beside_others  ops may run beside others of their memory pool
  UnitLoadsMaker(const LoadModel& model, const Constraints& constraints,
                 const std::vector<std::vector<DeviceId>>& classes, bool beside_others)
      : model_(model), constraints_(constraints), classes_(classes), beside_others_(beside_others) {
    loads_.num_units = constraints.num_units;
    for (const auto& devices : classes) {
      loads_.devices.push_back(devices.size());
      masks_.push_back(mask_of(devices));
    }
    loads_.alone.assign(constraints.num_units * classes.size(), 0);
    loads_.memory.resize(constraints.num_units);
    for (std::size_t v = 0; v < constraints.allowed.size(); ++v) {
      loads_.memory[constraints.unit_of[v]] += model.memory(id_at<NodeId>(v));
      for (std::size_t c = 0; c < classes.size(); ++c) {
        add_time(id_at<NodeId>(v), c);
      }
    }
    loads_.shared = loads_.alone;
  }

  // Transfers to and from units that cannot be on a device of the class.
  void add_forced_transfers() {
    const Graph& graph = model_.costs().graph();
    for (std::size_t v = 0; v < graph.size(); ++v) {
      const auto uses = graph.uses(id_at<NodeId>(v));
      for (std::uint32_t output = 0; output < graph.nodes()[v].outputs.size(); ++output) {
        consumers_.clear();
        for (const Use& use : uses) {
          if (use.output == output) {
            consumers_.push_back(constraints_.unit_of[index(use.consumer)]);
          }
        }
        std::sort(consumers_.begin(), consumers_.end());
        consumers_.erase(std::unique(consumers_.begin(), consumers_.end()), consumers_.end());
        for (std::size_t c = 0; c < classes_.size(); ++c) {
          add_forced(TensorRef{id_at<NodeId>(v), output}, c);
        }
      }
    }
  }

  UnitLoads take() { return std::move(loads_); }

 private:
  [[nodiscard]] double& alone(std::uint32_t unit, std::size_t c) {
    return loads_.alone[unit * classes_.size() + c];
  }
  [[nodiscard]] double& shared(std::uint32_t unit, std::size_t c) {
    return loads_.shared[unit * classes_.size() + c];
  }

  void add_time(NodeId node, std::size_t c) {
    double& load = alone(constraints_.unit_of[index(node)], c);
    if ((constraints_.allowed[index(node)] & masks_[c]) == 0) {
      load = UnitLoads::kNever;
    } else if (load != UnitLoads::kNever) {
      const double alone = model_.time_us(node, classes_[c].front());
      const double busy = model_.costs().busy_time(node, classes_[c].front()).microseconds();
      load += beside_others_ ? std::min(alone, busy) : alone;
    }
  }

  void add_forced(TensorRef tensor, std::size_t c) {
    const double charge = model_.transfer_us(tensor, classes_[c].front());
    const std::uint32_t owner = constraints_.unit_of[index(tensor.node)];
    if (charge == 0) {
      return;
    }
    const bool owner_may = alone(owner, c) != UnitLoads::kNever;
    bool leaves = false;
    for (const std::uint32_t unit : consumers_) {
      const bool reader_may = alone(unit, c) != UnitLoads::kNever;
      leaves = leaves || !reader_may;
      if (reader_may && !owner_may) {
        alone(unit, c) += charge;
        shared(unit, c) += charge / static_cast<double>(consumers_.size());
      }
    }
    if (owner_may && leaves) {
      alone(owner, c) += charge;
      shared(owner, c) += charge;
    }
  }

  const LoadModel& model_;
  const Constraints& constraints_;
  const std::vector<std::vector<DeviceId>>& classes_;
  bool beside_others_;
  std::vector<std::uint64_t> masks_;      // [classes]
  std::vector<std::uint32_t> consumers_;  // of the tensor at hand: units, each once
  UnitLoads loads_;
};

}  // namespace

UnitLoads unit_times(const CostModel& costs, const Constraints& constraints,
                     const std::vector<std::vector<DeviceId>>& classes) {
  return UnitLoadsMaker(LoadModel(costs), constraints, classes, true).take();
}

UnitLoads unit_loads(const LoadModel& model, const Constraints& constraints,
                     const std::vector<std::vector<DeviceId>>& classes) {
  UnitLoadsMaker maker(model, constraints, classes, false);
  maker.add_forced_transfers();
  return maker.take();
}

double balance_bound(const UnitLoads& loads) {
  if (loads.num_classes() == 1) {
    return Dual(loads).value({1 / static_cast<double>(loads.devices[0])});
  }
  return loads.num_classes() == 2 ? balance_two(loads) : balance_many(loads);
}

double heaviest_units_bound(const UnitLoads& loads) {
  const std::size_t classes = loads.num_classes();
  const auto cheapest = [&](const std::vector<double>& table, std::size_t unit) {
    double least = UnitLoads::kNever;
    for (std::size_t c = 0; c < classes; ++c) {
      const double load = table[unit * classes + c];
      if (load != UnitLoads::kNever && (least == UnitLoads::kNever || load < least)) {
        least = load;
      }
    }
    return std::max(least, 0.0);
  };
  double bound = 0;
  std::vector<double> least;
  for (std::size_t u = 0; u < loads.num_units; ++u) {
    bound = std::max(bound, cheapest(loads.alone, u));
    least.push_back(cheapest(loads.shared, u));
  }
  const std::size_t devices =
      std::accumulate(loads.devices.begin(), loads.devices.end(), std::size_t{0});
  if (least.size() <= devices) {
    return bound;
  }
  std::sort(least.begin(), least.end(), std::greater<>());
  return std::max(bound, least[devices - 1] + least[devices]);
}

}  // namespace placer
