#include "placer/algorithm/schedule_search.h"

#include <algorithm>
#include <tuple>

namespace placer {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

}  // namespace

ScheduleSearch::ScheduleSearch(const Problem& problem, Incumbent& incumbent)
    : problem_(problem),
      costs_(problem.costs),
      graph_(costs_.graph()),
      incumbent_(incumbent),
      devices_(costs_.cluster().size()),
      settled_(graph_.size(), false),
      edges_(graph_.size()),
      times_(graph_.size() * devices_, 0),
      tail_(graph_.size(), 0),
      least_(graph_.size(), 0),
      end_(graph_.size(), 0),
      earliest_(graph_.size(), 0),
      device_of_(problem.constraints.num_units, kUnplaced),
      placed_in_unit_(problem.constraints.num_units, 0),
      done_(graph_.size(), false),
      free_(devices_, 0) {
  // What is there before the step first: it holds no device, so that its order does not matter.
  for (const bool settled : {true, false}) {
    for (std::uint32_t v = 0; v < graph_.size(); ++v) {
      const NodeKind kind = graph_.nodes()[v].kind;
      if (kind != NodeKind::kOutput && (kind != NodeKind::kOp) == settled) {
        settled_[v] = settled;
        steps_.push_back(v);
        add_node(id_at<NodeId>(v));
      }
    }
  }
  for (std::size_t v = graph_.size(); v-- > 0;) {
    tail_[v] += least_[v];
    for (const Edge& edge : edges_[v]) {
      std::int64_t& before = tail_[index(edge.tensor.node)];
      before = std::max(before, tail_[v]);
    }
  }
}

void ScheduleSearch::add_node(NodeId node) {
  const auto v = static_cast<std::uint32_t>(index(node));
  for (const TensorRef input : graph_.node(node).inputs) {
    edges_[v].push_back({.tensor = input, .control = false});
  }
  for (const NodeId before : graph_.controls(node)) {
    edges_[v].push_back({.tensor = {before, 0}, .control = true});
  }
  std::int64_t least = kNever;
  for (std::size_t d = 0; d < devices_; ++d) {
    const auto device = id_at<DeviceId>(d);
    if ((problem_.constraints.allowed[v] >> d & 1) != 0) {
      times_[v * devices_ + d] =
          std::min(costs_.op_time(node, device), costs_.busy_time(node, device)).ps;
      least = std::min(least, times_[v * devices_ + d]);
    }
  }
  least_[v] = least;
  remaining_work_ += least;
}

bool ScheduleSearch::may_use(std::uint32_t node, DeviceId device) const {
  const std::uint8_t fixed = device_of_[problem_.constraints.unit_of[node]];
  return fixed == kUnplaced ? (problem_.constraints.allowed[node] >> index(device) & 1) != 0
                            : fixed == index(device);
}

std::int64_t ScheduleSearch::travel(const Edge& edge, DeviceId from, DeviceId to) const {
  if (from == to) {
    return 0;
  }
  if (settled_[index(edge.tensor.node)]) {
    // Over hand-offs everywhere from the start.
    const Link& link = costs_.cluster().link(costs_.cluster().link_between(from, to));
    if (edge.control || !link.bytes_per_second) {
      return 0;
    }
  }
  return edge.control ? costs_.signal_time(from, to).ps
                      : costs_.transfer_time(graph_.tensor(edge.tensor), from, to).ps;
}

// Of a node all of whose inputs are scheduled.
std::int64_t ScheduleSearch::start(std::uint32_t node, DeviceId device) const {
  std::int64_t latest = settled_[node] ? 0 : free_[index(device)];
  for (const Edge& edge : edges_[node]) {
    const std::size_t from = index(edge.tensor.node);
    const auto sender = id_at<DeviceId>(device_of_[problem_.constraints.unit_of[from]]);
    latest = std::max(latest, end_[from] + travel(edge, sender, device));
  }
  return latest;
}

std::int64_t ScheduleSearch::incumbent_cost() const {
  return incumbent_.best() ? incumbent_.best_outcome().cost() : kNever;
}

void ScheduleSearch::place(const Candidate& candidate) {
  const std::uint32_t unit = problem_.constraints.unit_of[candidate.node];
  device_of_[unit] = static_cast<std::uint8_t>(index(candidate.device));
  ++placed_in_unit_[unit];
  done_[candidate.node] = true;
  end_[candidate.node] = candidate.start + time(candidate.node, candidate.device);
  if (!settled_[candidate.node]) {
    free_[index(candidate.device)] = end_[candidate.node];
  }
  remaining_work_ -= least_[candidate.node];
  order_.push_back(candidate.node);
}

void ScheduleSearch::take_back(const Candidate& candidate, std::int64_t free_before) {
  const std::uint32_t unit = problem_.constraints.unit_of[candidate.node];
  if (--placed_in_unit_[unit] == 0) {
    device_of_[unit] = kUnplaced;
  }
  done_[candidate.node] = false;
  free_[index(candidate.device)] = free_before;
  remaining_work_ += least_[candidate.node];
  order_.pop_back();
}

// What every completion of the schedule with the candidate costs at least. Nothing that is still to
// come starts before the candidate does.
std::int64_t ScheduleSearch::bound_with(const Candidate& candidate) {
  const std::int64_t free_before = free_[index(candidate.device)];
  place(candidate);
  std::int64_t bound = 0;
  std::int64_t work = remaining_work_;
  for (const std::int64_t free : free_) {
    bound = std::max(bound, free);
    work += std::max(free, candidate.start);
  }
  bound = std::max(bound, (work + static_cast<std::int64_t>(devices_) - 1) /
                              static_cast<std::int64_t>(devices_));
  for (const std::uint32_t v : steps_) {
    if (done_[v]) {
      continue;
    }
    std::int64_t first = kNever;
    for (std::size_t d = 0; d < devices_; ++d) {
      const auto device = id_at<DeviceId>(d);
      if (!may_use(v, device)) {
        continue;
      }
      std::int64_t ready = settled_[v] ? 0 : std::max(free_[d], candidate.start);
      for (const Edge& edge : edges_[v]) {
        const std::size_t from = index(edge.tensor.node);
        const std::uint8_t sender = device_of_[problem_.constraints.unit_of[from]];
        const std::int64_t end = done_[from] ? end_[from] : earliest_[from];
        ready = std::max(
            ready, sender == kUnplaced ? end : end + travel(edge, id_at<DeviceId>(sender), device));
      }
      first = std::min(first, ready + time(v, device));
    }
    earliest_[v] = first;  // its end
    bound = std::max(bound, first + tail_[v] - least_[v]);
  }
  take_back(candidate, free_before);
  return bound;
}

// By start; of those that start together on different devices the lower node first, so that few
// schedules are met twice.
bool ScheduleSearch::follows(const Candidate& candidate) const {
  if (settled_[candidate.node] || order_.empty() || settled_[order_.back()]) {
    return true;
  }
  if (candidate.start != now_) {
    return candidate.start > now_;
  }
  const std::uint8_t last = device_of_[problem_.constraints.unit_of[order_.back()]];
  return candidate.node > order_.back() || index(candidate.device) == last;
}

std::vector<ScheduleSearch::Candidate> ScheduleSearch::candidates(std::size_t scheduled) {
  std::vector<Candidate> found;
  const auto consider = [&](std::uint32_t v) {
    for (std::size_t d = 0; d < devices_; ++d) {
      const auto device = id_at<DeviceId>(d);
      if (!may_use(v, device)) {
        continue;
      }
      Candidate candidate{.bound = 0, .start = start(v, device), .node = v, .device = device};
      if (!follows(candidate)) {
        continue;
      }
      candidate.bound = bound_with(candidate);
      if (candidate.bound < incumbent_cost()) {
        found.push_back(candidate);
      }
    }
  };
  if (settled_[steps_[scheduled]]) {
    consider(steps_[scheduled]);
  } else {
    for (const std::uint32_t v : steps_) {
      if (!done_[v] && std::all_of(edges_[v].begin(), edges_[v].end(), [&](const Edge& edge) {
            return done_[index(edge.tensor.node)];
          })) {
        consider(v);
      }
    }
  }
  std::sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
    return std::tuple(a.bound, a.start, a.node, a.device) <
           std::tuple(b.bound, b.start, b.node, b.device);
  });
  return found;
}

// With priorities in the order of the starts; outputs are where their producers are.
bool ScheduleSearch::judge() {
  Placement placement;
  placement.priority.assign(graph_.size(), 0);
  for (std::size_t i = 0; i < order_.size(); ++i) {
    placement.priority[order_[i]] = static_cast<std::int64_t>(order_.size() - i);
  }
  for (std::size_t v = 0; v < graph_.size(); ++v) {
    std::uint8_t device = device_of_[problem_.constraints.unit_of[v]];
    if (device == kUnplaced) {
      device = device_of_[problem_.constraints.unit_of[index(graph_.nodes()[v].inputs[0].node)]];
    }
    placement.device.push_back(id_at<DeviceId>(device));
  }
  return incumbent_.evaluate({&placement, 1}) == 1;
}

bool ScheduleSearch::explore(std::size_t scheduled) {
  // A look at a partial placement counts as an evaluation, as a move of a local search does.
  if (incumbent_.exhausted()) return false;
  incumbent_.spend(1);
  incumbent_.report_if_due();
  if (scheduled == steps_.size()) {
    return judge();
  }
  for (const Candidate& candidate : candidates(scheduled)) {
    if (candidate.bound >= incumbent_cost()) {
      continue;
    }
    const std::int64_t free_before = free_[index(candidate.device)];
    const std::int64_t now_before = now_;
    place(candidate);
    now_ = candidate.start;
    const bool finished = explore(scheduled + 1);
    now_ = now_before;
    take_back(candidate, free_before);
    if (!finished) {
      return false;
    }
  }
  return true;
}

bool ScheduleSearch::run() {
  return explore(0);
}

}  // namespace placer
