#pragma once

// A softmax over a set that changes one member at a time: drawing from it, its normaliser and its
// entropy in O(log n) a change, where doing it anew costs the size of the set. Members are leaves of
// a binary tree; every inner node holds the sums below it relative to its largest score, and is
// computed from its two children whenever one of them changes. Nothing is ever subtracted, so that
// scores that are hundreds apart lose no digits, however many come and go.

#include <cstddef>
#include <vector>

namespace placer::policy {

class ChoiceTree {
 public:
  // Of members 0..size-1, at first none.
  explicit ChoiceTree(std::size_t size);

  void clear();
  void insert(std::size_t member, double score);
  void remove(std::size_t member);

  [[nodiscard]] bool empty() const { return nodes_[1].sum == 0; }
  // log of the sum of exp(score); not of an empty set.
  [[nodiscard]] double log_normaliser() const;
  // Nats.
  [[nodiscard]] double entropy() const;
  // The member at `share` in [0, 1) of the distribution; not of an empty set.
  [[nodiscard]] std::size_t at(double share) const;

 private:
  // With x the scores below a node and m the largest: sum = sum of exp(x - m), moment = sum of
  // exp(x - m) (x - m). Empty: sum 0.
  struct Node {
    double largest = 0;
    double sum = 0;
    double moment = 0;
  };
  static Node join(const Node& a, const Node& b);
  void update(std::size_t leaf);

  std::size_t leaves_ = 1;   // a power of two
  std::vector<Node> nodes_;  // [2 leaves_]: 1 is the root, i's children are 2 i and 2 i + 1
};

// Sums of h_t exp(x - z_t) over ranges of t, in O(log n) each: what is left of the gradient of
// normalisers z_t with respect to a score x that was a candidate from step `first` to step `last`.
// x must be no larger than any z_t of the range, as a candidate's score is; sums are relative to the
// smallest z_t of a node, so that nothing overflows.
class RangeSums {
 public:
  //   weights, normalisers  [steps]
  RangeSums(const std::vector<double>& weights, const std::vector<double>& normalisers);
  // Both ends included.
  [[nodiscard]] double sum(std::size_t first, std::size_t last, double score) const;

 private:
  struct Node {
    double smallest = 0;
    double sum = 0;
    bool any = false;
  };
  static Node join(const Node& a, const Node& b);

  std::size_t leaves_ = 1;
  std::vector<Node> nodes_;
};

}  // namespace placer::policy
