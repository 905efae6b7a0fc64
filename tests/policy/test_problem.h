#pragma once

// Small placement problems that own all that a Problem refers to.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "placer/algorithm/algorithm.h"

namespace placer::policy::test {

struct TestOp {
  std::int64_t micros = 0;         // on every device
  std::vector<std::size_t> reads;  // earlier ops
  std::int64_t bytes = 0;          // of its one output
  std::string op = "op";
  std::string name = {};  // empty: "op" and its number
};

struct TestCluster {
  std::size_t devices = 2;  // all alike
  std::int64_t latency_us = 0;
  double bytes_per_second = 1e9;
  std::int64_t memory = std::int64_t{1} << 40;
};

class TestProblem {
 public:
  TestProblem(const std::vector<TestOp>& ops, const TestCluster& cluster);

  [[nodiscard]] const CostModel& costs() const { return *costs_; }
  [[nodiscard]] const Graph& graph() const { return workload_->graph; }
  [[nodiscard]] Constraints& constraints() { return constraints_; }
  [[nodiscard]] Problem with(Evaluator& evaluator) const {
    return {*costs_, constraints_, evaluator};
  }

 private:
  std::unique_ptr<Workload> workload_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<CostModel> costs_;
  Constraints constraints_;
};

// Time of the busiest device plus `cut_us` for every read that crosses devices: easy to work out,
// blind to order. Out of memory where a device gets more than `max_ops`.
class LoadAndCut : public Evaluator {
 public:
  explicit LoadAndCut(const CostModel& costs, std::int64_t cut_us = 10, std::size_t max_ops = 1000)
      : costs_(costs), cut_us_(cut_us), max_ops_(max_ops) {}

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override;
  [[nodiscard]] std::string name() const override { return "load and cut"; }

 private:
  [[nodiscard]] Outcome judge(const Placement& placement) const;

  const CostModel& costs_;
  std::int64_t cut_us_;
  std::size_t max_ops_;
};

// Three ops on a chain, 20, 30 and 50 us.
[[nodiscard]] TestProblem three_ops();
// Six ops: two chains of two between a first and a last. All times and sizes differ.
[[nodiscard]] std::vector<TestOp> uneven_diamond();
// `layers` x `steps` cells; cell (l, t) reads (l - 1, t) and (l, t - 1), as in an unrolled
// recurrent network.
[[nodiscard]] std::vector<TestOp> grid(std::size_t layers, std::size_t steps, std::int64_t micros,
                                       std::int64_t bytes);

}  // namespace placer::policy::test
