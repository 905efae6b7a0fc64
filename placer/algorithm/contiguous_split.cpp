#include "placer/algorithm/contiguous_split.h"

#include <algorithm>
#include <utility>

#include "placer/algorithm/incumbent.h"
#include "placer/bound/device_classes.h"

namespace placer {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr std::size_t kMostStates = 512;
// Sums in another order differ by less than this share.
constexpr double kRounding = 1e-11;

// PipeDream counts an activation, and its gradient as as much again where there is a backward pass;
// gradients are not counted for themselves.
double round_trips(const Problem& problem, const BlockGraph& graph, const CrossingTensor& tensor) {
  const Graph& nodes = problem.costs.graph();
  if (nodes.node(tensor.ref.node).pass != Pass::kForward) {
    return 0;
  }
  const auto& block = graph.nodes[tensor.owner];
  return std::any_of(block.begin(), block.end(),
                     [&](NodeId node) { return nodes.node(node).pass == Pass::kBackward; })
             ? 2
             : 1;
}

}  // namespace

Placement placement_of(const Split& split, const BlockGraph& graph,
                       const Constraints& constraints) {
  Placement placement;
  for (const std::uint32_t block : graph.block_of) {
    placement.device.push_back(split.device[block]);
  }
  return conforming(constraints, std::move(placement));
}

SplitSolver::SplitSolver(const Problem& problem, const BlockGraph& graph, SplitCost cost)
    : graph_(graph),
      cost_(cost),
      classes_(device_classes(problem.costs, problem.constraints)),
      piece_time_(classes_.size()),
      piece_transfer_(classes_.size()),
      piece_forbidden_(classes_.size()),
      readers_in_(graph.tensors.size()),
      owner_in_(graph.tensors.size()),
      piece_costs_(classes_.size()) {
  const LoadModel model(problem.costs);
  for (std::size_t block = 0; block < graph.size(); ++block) {
    for (const auto& devices : classes_) {
      const bool may = (graph.allowed[block] >> index(devices.front()) & 1) != 0;
      double time = 0;
      for (const NodeId node : graph.nodes[block]) {
        time += may ? model.time_us(node, devices.front()) : 0;
      }
      forbidden_.push_back(may ? 0 : 1);
      times_.push_back(time);
      penalty_ += time;
    }
  }
  for (const CrossingTensor& tensor : graph.tensors) {
    const double times = cost == SplitCost::kLoad ? 1 : round_trips(problem, graph, tensor);
    for (const auto& devices : classes_) {
      charges_.push_back(times * model.transfer_us(tensor.ref, devices.front()));
      penalty_ += charges_.back() * static_cast<double>(tensor.readers.size() + 1);
    }
  }
  penalty_ = 2 * penalty_ + 1;
  for (const auto& devices : classes_) {
    memory_limit_.push_back(problem.constraints.memory_limit[index(devices.front())]);
  }
  make_states();
}

// A state is a count for each class, in mixed radix.
void SplitSolver::make_states() {
  std::size_t count = 1;
  for (const auto& devices : classes_) {
    count *= devices.size() + 1;
    if (count > kMostStates) {
      make_ordered_states();
      return;
    }
  }
  states_.resize(count);
  for (std::size_t state = 0; state < count; ++state) {
    std::size_t weight = 1;
    for (std::uint32_t c = 0; c < classes_.size(); ++c) {
      const std::size_t radix = classes_[c].size() + 1;
      const std::size_t used = state / weight % radix;
      if (used > 0) {
        states_[state].push_back({.from = static_cast<std::uint32_t>(state - weight),
                                  .device_class = c,
                                  .device = classes_[c][used - 1]});
      }
      weight *= radix;
    }
  }
}

void SplitSolver::make_ordered_states() {
  any_order_ = false;
  std::vector<std::pair<DeviceId, std::uint32_t>> devices;
  for (std::uint32_t c = 0; c < classes_.size(); ++c) {
    for (const DeviceId device : classes_[c]) {
      devices.emplace_back(device, c);
    }
  }
  std::sort(devices.begin(), devices.end());
  states_.resize(devices.size() + 1);
  for (std::uint32_t i = 0; i < devices.size(); ++i) {
    states_[i + 1].push_back(
        {.from = i, .device_class = devices[i].second, .device = devices[i].first});
  }
}

void SplitSolver::change_transfers(std::uint32_t tensor, double sign) {
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    piece_transfer_[c] += sign * charges_[tensor * classes_.size() + c];
  }
}

// A tensor is charged when its owner is in the piece and a reader is not, or the other way round.
void SplitSolver::take(std::span<const std::uint32_t> blocks) {
  const std::size_t classes = classes_.size();
  for (const std::uint32_t block : blocks) {
    for (std::size_t c = 0; c < classes; ++c) {
      piece_time_[c] += times_[block * classes + c];
      piece_forbidden_[c] += forbidden_[block * classes + c];
    }
    piece_memory_ += graph_.memory[block];
    for (const std::uint32_t tensor : graph_.owned[block]) {
      const std::uint32_t in = readers_in_[tensor];
      const bool was = in > 0;
      const bool is = in < graph_.tensors[tensor].readers.size();
      owner_in_[tensor] = 1;
      if (was != is) {
        change_transfers(tensor, is ? 1 : -1);
      }
    }
    for (const std::uint32_t tensor : graph_.received[block]) {
      const std::uint32_t in = ++readers_in_[tensor];
      if (owner_in_[tensor] != 0 && in == graph_.tensors[tensor].readers.size()) {
        change_transfers(tensor, -1);
      } else if (owner_in_[tensor] == 0 && in == 1) {
        change_transfers(tensor, 1);
      }
    }
  }
}

// Membership only: sums are restored from what was saved, so that nothing drifts.
void SplitSolver::give_back(std::span<const std::uint32_t> blocks) {
  for (const std::uint32_t block : blocks) {
    piece_memory_ -= graph_.memory[block];
    for (std::size_t c = 0; c < classes_.size(); ++c) {
      piece_forbidden_[c] -= forbidden_[block * classes_.size() + c];
    }
    for (const std::uint32_t tensor : graph_.owned[block]) {
      owner_in_[tensor] = 0;
    }
    for (const std::uint32_t tensor : graph_.received[block]) {
      --readers_in_[tensor];
    }
  }
}

// The piece between an ideal and nothing is the ideal: what it exchanges crosses the cut above it.
void SplitSolver::fill_crossings(const IdealLattice& lattice) {
  const std::size_t classes = classes_.size();
  crossing_.assign(lattice.size() * classes, 0);
  if (cost_ != SplitCost::kPipeline) {
    return;
  }
  for (std::size_t ideal = 1; ideal < lattice.size(); ++ideal) {
    for (std::size_t at = ideal; at != 0; at = lattice.removals(at).front().ideal) {
      take(lattice.blocks(lattice.removals(at).front()));
    }
    std::copy(piece_transfer_.begin(), piece_transfer_.end(),
              crossing_.begin() + static_cast<std::ptrdiff_t>(ideal * classes));
    for (std::size_t at = ideal; at != 0; at = lattice.removals(at).front().ideal) {
      give_back(lattice.blocks(lattice.removals(at).front()));
    }
    std::fill(piece_time_.begin(), piece_time_.end(), 0);
    std::fill(piece_transfer_.begin(), piece_transfer_.end(), 0);
  }
}

// Whether this piece and all larger ones are beyond every device.
bool SplitSolver::hopeless(const Limits& limits) const {
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    const bool breaks = piece_memory_ > memory_limit_[c] || piece_forbidden_[c] > 0;
    if (piece_time_[c] <= limits.at_most && (limits.relaxed || !breaks)) {
      return false;
    }
  }
  return true;
}

double SplitSolver::piece_cost(std::uint32_t below, std::size_t c, bool relaxed) const {
  const double load = cost_ == SplitCost::kLoad
                          ? piece_time_[c] + piece_transfer_[c]
                          : std::max(piece_time_[c], crossing_[below * classes_.size() + c]);
  double violations = piece_forbidden_[c];
  if (piece_memory_ > memory_limit_[c]) {
    const auto limit = static_cast<double>(std::max(memory_limit_[c].count, std::int64_t{1}));
    violations += static_cast<double>((piece_memory_ - memory_limit_[c]).count) / limit;
  }
  if (violations == 0) {
    return load;
  }
  return relaxed ? load + penalty_ * violations : kNever;
}

// The piece as what one more device gets on top of `below`.
void SplitSolver::offer(std::uint32_t ideal, std::uint32_t below, const Limits& limits) {
  const std::size_t states = states_.size();
  const double* lower = &table_[below * states];
  double* upper = &table_[ideal * states];
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    piece_costs_[c] = piece_cost(below, c, limits.relaxed);
  }
  for (std::size_t state = 1; state < states; ++state) {
    const auto& arrivals = states_[state];
    for (std::uint32_t i = 0; i < arrivals.size(); ++i) {
      const double value =
          std::max(lower[arrivals[i].from], piece_costs_[arrivals[i].device_class]);
      if (value < upper[state] && value <= limits.at_most) {
        upper[state] = value;
        steps_[ideal * states + state] = {.ideal = below, .arrival = i};
      }
    }
  }
}

// A device may stay empty.
void SplitSolver::use_fewer(std::uint32_t ideal) {
  const std::size_t states = states_.size();
  for (std::size_t state = 1; state < states; ++state) {
    for (std::uint32_t i = 0; i < states_[state].size(); ++i) {
      const double value = table_[ideal * states + states_[state][i].from];
      if (value < table_[ideal * states + state]) {
        table_[ideal * states + state] = value;
        steps_[ideal * states + state] = {.ideal = ideal, .arrival = i};
      }
    }
  }
}

// Depth first from the ideal down to those inside it, each once; the piece grows on the way.
void SplitSolver::fill(const IdealLattice& lattice, std::uint32_t ideal, const Limits& limits) {
  const std::size_t classes = classes_.size();
  path_.assign(1, {.ideal = ideal, .next = 0});
  saved_.clear();
  while (!path_.empty()) {
    Frame& frame = path_.back();
    const auto removals = lattice.removals(frame.ideal);
    if (frame.next < removals.size()) {
      const IdealLattice::Removal& removal = removals[frame.next++];
      if (visited_[removal.ideal] == ideal) {
        continue;
      }
      visited_[removal.ideal] = ideal;
      ++pairs_;
      saved_.insert(saved_.end(), piece_time_.begin(), piece_time_.end());
      saved_.insert(saved_.end(), piece_transfer_.begin(), piece_transfer_.end());
      take(lattice.blocks(removal));
      path_.push_back({.ideal = removal.ideal, .next = 0});
      if (hopeless(limits)) {
        path_.back().next = static_cast<std::uint32_t>(lattice.removals(removal.ideal).size());
      } else {
        offer(ideal, removal.ideal, limits);
      }
      continue;
    }
    path_.pop_back();
    if (!path_.empty()) {
      const Frame& larger = path_.back();
      give_back(lattice.blocks(lattice.removals(larger.ideal)[larger.next - 1]));
      const auto from = saved_.end() - static_cast<std::ptrdiff_t>(2 * classes);
      std::copy_n(from, classes, piece_time_.begin());
      std::copy_n(from + static_cast<std::ptrdiff_t>(classes), classes, piece_transfer_.begin());
      saved_.erase(from, saved_.end());
    }
  }
  use_fewer(ideal);
}

std::optional<Split> SplitSolver::solve(const IdealLattice& lattice, const Limits& limits) {
  Limits rounded = limits;
  rounded.at_most *= 1 + kRounding;
  table_.assign(lattice.size() * states_.size(), kNever);
  std::fill_n(table_.begin(), states_.size(), 0);
  steps_.assign(table_.size(), {});
  visited_.assign(lattice.size(), 0);
  pairs_ = 0;
  complete_ = false;
  fill_crossings(lattice);
  for (std::uint32_t ideal = 1; ideal < lattice.size(); ++ideal) {
    if (limits.stop.stop_requested() || pairs_ > limits.pairs) {
      return std::nullopt;
    }
    fill(lattice, ideal, rounded);
  }
  complete_ = true;
  const auto last = static_cast<std::uint32_t>(states_.size() - 1);
  if (table_.back() == kNever) {
    return std::nullopt;
  }
  return trace(lattice, last);
}

Split SplitSolver::trace(const IdealLattice& lattice, std::uint32_t state) const {
  Split split{.value = table_.back(), .device = std::vector<DeviceId>(graph_.size())};
  auto ideal = static_cast<std::uint32_t>(lattice.size() - 1);
  while (ideal != 0) {
    const Step& step = steps_[ideal * states_.size() + state];
    const Arrival& arrival = states_[state][step.arrival];
    // The whole ideal: the devices below take theirs afterwards.
    for (std::size_t at = ideal; at != 0; at = lattice.removals(at).front().ideal) {
      for (const std::uint32_t block : lattice.blocks(lattice.removals(at).front())) {
        split.device[block] = arrival.device;
      }
    }
    ideal = step.ideal;
    state = arrival.from;
  }
  return split;
}

}  // namespace placer
