#include "simulator/peak_memory.h"

#include <algorithm>
#include <utility>

namespace placer::sim {
namespace {

class PeakMemory : public Evaluator {
 public:
  explicit PeakMemory(std::unique_ptr<Evaluator> simulator) : simulator_(std::move(simulator)) {}

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    simulator_->evaluate(placements, results);
    for (Outcome& outcome : results) {
      outcome.score = std::ranges::max(outcome.peak_memory).count;
    }
  }
  [[nodiscard]] std::string name() const override { return "peak-memory"; }

 private:
  std::unique_ptr<Evaluator> simulator_;
};

}  // namespace

std::unique_ptr<Evaluator> make_peak_memory(const CostModel& costs,
                                            const SimulatorOptions& options) {
  return std::make_unique<PeakMemory>(make_simulator(costs, options));
}

}  // namespace placer::sim
