#include "placer/group/grouper.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "placer/group/grouping.h"

namespace placer {
namespace {

constexpr std::uint32_t kNone = MergingDag::kNone;

}  // namespace

Grouper::Grouper(const CostModel& costs, const Constraints& constraints, const Atoms& atoms,
                 std::size_t max_groups)
    : costs_(costs),
      graph_(costs.graph()),
      atoms_(atoms),
      max_groups_(std::max<std::size_t>(max_groups, 1)),
      dag_(atoms.size(), atoms.edges),
      data_(atoms.size()),
      tied_(atoms.size()),
      ties_(atoms.size()) {
  for (std::size_t v = 0; v < graph_.size(); ++v) {
    if (atoms.atom_of[v] != Atoms::kNone) {
      data_[atoms.atom_of[v]].mask &= constraints.allowed[v];
      add_member(id_at<NodeId>(v), atoms.atom_of[v]);
    }
  }
  std::map<std::uint32_t, std::uint32_t> first_of_unit;
  std::int64_t total = 0;
  for (std::uint32_t a = 0; a < atoms.size(); ++a) {
    ties_[a] = {data_[a].time, 1, data_[a].mask};
    unite_ties(first_of_unit.try_emplace(atoms.unit_of[a], a).first->second, a);
    total += data_[a].time;
  }
  const std::vector<bool> settled = settled_nodes(graph_);
  for_each_ordering_edge(graph_, settled, [&](NodeId from, const Use& use) {
    const std::uint32_t a = atoms.atom_of[index(from)];
    const std::uint32_t b = atoms.atom_of[index(use.consumer)];
    if (use.output != Use::kControl && a != b) {
      data_edges_.emplace_back(a, b);
    }
  });
  std::sort(data_edges_.begin(), data_edges_.end());
  data_edges_.erase(std::unique(data_edges_.begin(), data_edges_.end()), data_edges_.end());
  cap_ = total / static_cast<std::int64_t>(max_groups_);
  tiny_ = costs.mean_signal_time().ps;
}

void Grouper::add_member(NodeId id, std::uint32_t atom) {
  const Node& node = graph_.node(id);
  Group& group = data_[atom];
  group.members.push_back(id);
  if (node.kind != NodeKind::kOp) {
    return;
  }
  const std::int64_t time = costs_.mean_time(id).ps;
  group.time += time;
  if (time > group.longest) {
    group.longest = time;
    group.pass = node.pass;
  }
  if (!node.module.empty()) {
    const std::uint32_t module = modules_.add(node.module);
    group.module = group.module ? modules_.common(*group.module, module) : module;
    max_depth_ = std::max(max_depth_, modules_.depth(module));
  }
}

void Grouper::unite_ties(std::uint32_t a, std::uint32_t b) {
  a = tie_of(a);
  b = tie_of(b);
  if (a == b) {
    return;
  }
  if (a > b) {
    std::swap(a, b);
  }
  tied_.unite(a, b);
  ties_[a].time += ties_[b].time;
  ties_[a].count += ties_[b].count;
  ties_[a].mask &= ties_[b].mask;
}

std::uint32_t Grouper::merge(std::uint32_t a, std::uint32_t b) {
  const std::uint32_t stays = dag_.merge(a, b);
  if (stays == kNone) {
    return kNone;
  }
  unite_ties(a, b);
  --ties_[tie_of(a)].count;
  const std::uint32_t goes = stays == a ? b : a;
  Group& into = data_[stays];
  Group& from = data_[goes];
  if (from.longest > into.longest) {
    into.longest = from.longest;
    into.pass = from.pass;
  }
  if (from.module) {
    into.module = into.module ? modules_.common(*into.module, *from.module) : from.module;
  }
  into.time += from.time;
  into.mask &= from.mask;
  into.top = std::min(into.top, from.top);
  into.bottom = std::max(into.bottom, from.bottom);
  const auto append = [](auto& to, auto& list) {
    to.insert(to.end(), list.begin(), list.end());
    list = {};
  };
  append(into.members, from.members);
  append(into.readers, from.readers);
  append(into.sources, from.sources);
  return stays;
}

std::uint32_t Grouper::common_depth(std::uint32_t a, std::uint32_t b) const {
  if (!data_[a].module || !data_[b].module) {
    return 0;
  }
  return modules_.depth(modules_.common(*data_[a].module, *data_[b].module));
}

// Brings `top`, `bottom`, `readers` and `sources` up to date.
void Grouper::survey() {
  const std::vector<std::uint32_t> order = dag_.order();
  for (const std::uint32_t x : order) {
    data_[x].readers.clear();
    data_[x].sources.clear();
  }
  for (const auto& [from, to] : data_edges_) {
    const std::uint32_t a = dag_.find(from);
    const std::uint32_t b = dag_.find(to);
    if (a != b) {
      data_[a].readers.push_back(b);
      data_[b].sources.push_back(a);
    }
  }
  critical_ = 1;
  for (const std::uint32_t x : order) {
    data_[x].top = 0;
    for (const std::uint32_t before : dag_.predecessors(x)) {
      data_[x].top = std::max(data_[x].top, data_[before].top + data_[before].time);
    }
  }
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    const std::uint32_t x = *it;
    std::int64_t below = 0;
    for (const std::uint32_t next : dag_.successors(x)) {
      below = std::max(below, data_[next].bottom);
    }
    data_[x].bottom = data_[x].time + below;
    critical_ = std::max(critical_, data_[x].top + data_[x].bottom);
  }
}

// Of the readers of one pass whose common module is at least that deep: the one with the longest
// way to the end.
std::uint32_t Grouper::urgent_reader(std::uint32_t group, std::uint32_t depth) {
  std::uint32_t best = kNone;
  for (const std::uint32_t reader : data_[group].readers) {
    const std::uint32_t next = dag_.find(reader);
    if (next != group && is_akin(group, next, depth) &&
        (best == kNone || data_[next].bottom > data_[best].bottom)) {
      best = next;
    }
  }
  return best;
}

// Of such groups that it reads from, the one that ends last when nothing waits for a device.
std::uint32_t Grouper::urgent_source(std::uint32_t group, std::uint32_t depth) {
  std::uint32_t best = kNone;
  for (const std::uint32_t source : data_[group].sources) {
    const std::uint32_t before = dag_.find(source);
    if (before != group && is_akin(group, before, depth) &&
        (best == kNone ||
         data_[before].top + data_[before].time > data_[best].top + data_[best].time)) {
      best = before;
    }
  }
  return best;
}

// Rule 1: the parts of a divided unit come together again where nothing lies between them.
void Grouper::reunite_units() {
  std::map<std::uint32_t, std::vector<std::uint32_t>> parts;
  for (std::uint32_t a = 0; a < atoms_.size(); ++a) {
    parts[atoms_.unit_of[a]].push_back(a);
  }
  for (const auto& [unit, atoms] : parts) {
    std::uint32_t group = atoms.front();
    for (std::size_t i = 1; i < atoms.size(); ++i) {
      const std::uint32_t merged = merge(group, atoms[i]);
      group = merged == kNone ? atoms[i] : merged;
    }
  }
}

// The group that reads all outputs, or kNone.
std::uint32_t Grouper::only_reader(std::uint32_t group) const {
  std::uint32_t only = kNone;
  for (const std::uint32_t raw : data_[group].readers) {
    const std::uint32_t reader = dag_.find(raw);
    if (reader != group && only != kNone && reader != only) {
      return kNone;
    }
    only = reader == group ? only : reader;
  }
  return only;
}

// Rule 2.
void Grouper::follow_single_readers() {
  bool changed = true;
  while (changed) {
    changed = false;
    survey();
    const std::vector<std::uint32_t> order = dag_.order();
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      const std::uint32_t x = *it;
      const std::uint32_t reader = dag_.find(x) == x ? only_reader(x) : kNone;
      if (reader != kNone && same_choice(x, reader) && within_cap(x, reader)) {
        changed = merge(x, reader) != kNone || changed;
      }
    }
  }
}

bool Grouper::follow_modules_once(std::uint32_t depth) {
  survey();
  bool changed = false;
  for (const std::uint32_t start : dag_.order()) {
    if (dag_.find(start) != start) {
      continue;
    }
    const std::uint32_t next = urgent_reader(start, depth);
    if (next == kNone || !same_choice(start, next) || !within_cap(start, next)) {
      continue;
    }
    const bool tiny = std::min(data_[start].time, data_[next].time) < tiny_;
    if (tiny || urgent_source(next, depth) == start) {
      changed = merge(start, next) != kNone || changed;
    }
  }
  return changed;
}

// Rule 3.
void Grouper::follow_modules() {
  for (std::uint32_t depth = max_depth_ + 1; depth-- > 0;) {
    while (follow_modules_once(depth)) {
    }
  }
}

// Groups that could take `group` in: neighbours, those that share a neighbour with it, and the next
// ones in topological order, with which a merge is always possible.
std::vector<std::uint32_t> Grouper::partners(std::uint32_t group) {
  constexpr std::size_t kMostNeighbours = 32;  // of one node: bounds the work at hubs
  std::set<std::uint32_t> found;
  const auto add = [&](const std::vector<std::uint32_t>& list) {
    found.insert(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(
                                                  std::min(list.size(), kMostNeighbours)));
  };
  const std::vector<std::uint32_t> before = dag_.predecessors(group);
  const std::vector<std::uint32_t> after = dag_.successors(group);
  add(before);
  add(after);
  for (std::size_t i = 0; i < std::min(before.size(), kMostNeighbours); ++i) {
    add(dag_.successors(before[i]));
  }
  for (std::size_t i = 0; i < std::min(after.size(), kMostNeighbours); ++i) {
    add(dag_.predecessors(after[i]));
  }
  for (const std::uint32_t neighbour : {dag_.before(group), dag_.after(group)}) {
    if (neighbour != kNone) {
      found.insert(neighbour);
    }
  }
  found.erase(group);
  return {found.begin(), found.end()};
}

// For each group that exchanges tensors with this one: the share of transfer in transfer and work,
// were they on two devices.
std::map<std::uint32_t, double> Grouper::transfer_shares(std::uint32_t group) {
  std::map<std::uint32_t, double> transfer;
  const auto add = [&](NodeId other, const TensorSpec& tensor) {
    const std::uint32_t atom = atoms_.atom_of[index(other)];
    if (atom != Atoms::kNone && dag_.find(atom) != group) {
      transfer[dag_.find(atom)] += static_cast<double>(costs_.mean_transfer_time(tensor).ps);
    }
  };
  for (const NodeId member : data_[group].members) {
    for (const TensorRef input : graph_.node(member).inputs) {
      add(input.node, graph_.tensor(input));
    }
    for (const Use& use : graph_.uses(member)) {
      if (use.output != Use::kControl) {
        add(use.consumer, graph_.tensor({member, use.output}));
      }
    }
  }
  for (auto& [other, time] : transfer) {
    time /= time + static_cast<double>(data_[group].time) + 1;
  }
  return transfer;
}

// What is lost when the two can no longer be on two devices; the weights are ordered by what hurts
// on the bundled graphs: groups that are not urgent glued to groups that are, groups far apart in
// time, a group that outgrows the others.
double Grouper::loss(std::uint32_t group, std::uint32_t partner, double transfer_share) {
  const Group& a = data_[group];
  const Group& b = data_[partner];
  const auto critical = static_cast<double>(critical_);
  const auto share = [&](std::int64_t x, std::int64_t y) {
    return std::abs(static_cast<double>(x) - static_cast<double>(y)) / critical;
  };
  const double slack = share(a.top + a.bottom, b.top + b.bottom);
  const double distance = share(a.top + a.time / 2, b.top + b.time / 2);
  const auto depth = static_cast<double>(max_depth_ + 1);
  const double strange = 1 - static_cast<double>(common_depth(group, partner)) / depth;
  const double size = static_cast<double>(a.time + b.time) / static_cast<double>(cap_ + 1);
  double result = 2 * slack + 2 * distance + 1.5 * strange + 0.25 * size - 0.5 * transfer_share;
  result += size > 1 ? size - 1 : 0;
  result += a.pass != b.pass ? 0.25 : 0;
  if (tie_of(group) == tie_of(partner)) {
    return result;
  }
  const std::int64_t tied = ties_[tie_of(group)].time + ties_[tie_of(partner)].time;
  result += 8 * static_cast<double>(tied - a.time - b.time) / critical;
  result += same_choice(group, partner) ? 0 : 2;
  return result;
}

std::uint32_t Grouper::merge_with_best_partner(std::uint32_t group) {
  const auto shares = transfer_shares(group);
  std::vector<std::pair<double, std::uint32_t>> ranked;
  const auto consider = [&](std::uint32_t partner) {
    if ((ties_[tie_of(group)].mask & ties_[tie_of(partner)].mask) != 0) {
      const auto share = shares.find(partner);
      ranked.emplace_back(loss(group, partner, share == shares.end() ? 0 : share->second), partner);
    }
  };
  const auto try_all = [&] {
    std::sort(ranked.begin(), ranked.end());
    for (const auto& [lost, partner] : ranked) {
      const std::uint32_t merged = merge(group, partner);
      if (merged != kNone) {
        return merged;
      }
    }
    return kNone;
  };
  for (const std::uint32_t partner : partners(group)) {
    consider(partner);
  }
  const std::uint32_t merged = try_all();
  if (merged != kNone) {
    return merged;
  }
  // Constraints keep it from all that are near: look everywhere.
  ranked.clear();
  for (const std::uint32_t partner : dag_.order()) {
    if (partner != group) {
      consider(partner);
    }
  }
  return try_all();
}

// Rule 4.
void Grouper::reduce_to_limit() {
  std::set<std::pair<std::int64_t, std::uint32_t>> by_time;
  for (const std::uint32_t group : dag_.order()) {
    by_time.emplace(data_[group].time, group);
  }
  std::size_t levels_at = dag_.num_left() + 1;
  while (dag_.num_left() > max_groups_ && !by_time.empty()) {
    if (dag_.num_left() < levels_at) {
      survey();
      levels_at = dag_.num_left() - dag_.num_left() / 8;
    }
    const auto [time, group] = *by_time.begin();
    by_time.erase(by_time.begin());
    if (dag_.find(group) != group) {
      continue;  // it was a partner
    }
    const std::uint32_t merged = merge_with_best_partner(group);
    if (merged != kNone) {
      by_time.erase({data_[merged].time - time, merged});
      by_time.emplace(data_[merged].time, merged);
    }
  }
}

}  // namespace placer
