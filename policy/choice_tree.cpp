#include "policy/choice_tree.h"

#include <bit>
#include <cmath>

#include "placer/base/random.h"

namespace placer::policy {

ChoiceTree::ChoiceTree(std::size_t size) : leaves_(std::bit_ceil(size)), nodes_(2 * leaves_) {}

void ChoiceTree::clear() {
  nodes_.assign(nodes_.size(), {});
}

ChoiceTree::Node ChoiceTree::join(const Node& a, const Node& b) {
  if (a.sum == 0) return b;
  if (b.sum == 0) return a;
  const Node& high = a.largest >= b.largest ? a : b;
  const Node& low = a.largest >= b.largest ? b : a;
  const double lower = low.largest - high.largest;
  const double share = std::exp(lower);
  return {high.largest, high.sum + share * low.sum,
          high.moment + share * (low.moment + low.sum * lower)};
}

void ChoiceTree::update(std::size_t leaf) {
  for (std::size_t i = (leaves_ + leaf) / 2; i > 0; i /= 2) {
    nodes_[i] = join(nodes_[2 * i], nodes_[2 * i + 1]);
  }
}

void ChoiceTree::insert(std::size_t member, double score) {
  nodes_[leaves_ + member] = {score, 1, 0};
  update(member);
}

void ChoiceTree::remove(std::size_t member) {
  nodes_[leaves_ + member] = {};
  update(member);
}

double ChoiceTree::log_normaliser() const {
  return nodes_[1].largest + std::log(nodes_[1].sum);
}

// H = log Z - mean of x, both relative to the largest.
double ChoiceTree::entropy() const {
  return std::log(nodes_[1].sum) - nodes_[1].moment / nodes_[1].sum;
}

std::size_t ChoiceTree::at(double share) const {
  if (!std::isfinite(nodes_[1].largest) || !std::isfinite(nodes_[1].sum)) {
    throw UndrawableWeights("scores that are not finite");
  }
  // What lies left of the draw, relative to the present node's largest score.
  double left = share * nodes_[1].sum;
  std::size_t i = 1;
  while (i < leaves_) {
    const Node& a = nodes_[2 * i];
    const Node& b = nodes_[2 * i + 1];
    const double mass = a.sum == 0 ? 0 : a.sum * std::exp(a.largest - nodes_[i].largest);
    const bool right = a.sum == 0 || (b.sum != 0 && left >= mass);
    if (right) left = std::fmax(0.0, left - mass);
    const Node& next = right ? b : a;
    left *= std::exp(nodes_[i].largest - next.largest);
    i = 2 * i + (right ? 1 : 0);
  }
  return i - leaves_;
}

RangeSums::RangeSums(const std::vector<double>& weights, const std::vector<double>& normalisers)
    : leaves_(std::bit_ceil(weights.size())), nodes_(2 * leaves_) {
  for (std::size_t t = 0; t < weights.size(); ++t) {
    nodes_[leaves_ + t] = {normalisers[t], weights[t], true};
  }
  for (std::size_t i = leaves_; i-- > 1;) nodes_[i] = join(nodes_[2 * i], nodes_[2 * i + 1]);
}

RangeSums::Node RangeSums::join(const Node& a, const Node& b) {
  if (!a.any) return b;
  if (!b.any) return a;
  const Node& low = a.smallest <= b.smallest ? a : b;
  const Node& high = a.smallest <= b.smallest ? b : a;
  return {low.smallest, low.sum + high.sum * std::exp(low.smallest - high.smallest), true};
}

double RangeSums::sum(std::size_t first, std::size_t last, double score) const {
  double total = 0;
  const auto add = [&](const Node& node) {
    if (node.any) total += node.sum * std::exp(score - node.smallest);
  };
  std::size_t low = leaves_ + first;
  std::size_t high = leaves_ + last + 1;
  for (; low < high; low /= 2, high /= 2) {
    if (low % 2 == 1) add(nodes_[low++]);
    if (high % 2 == 1) add(nodes_[--high]);
  }
  return total;
}

}  // namespace placer::policy
