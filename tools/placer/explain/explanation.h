#pragma once

// What `placer explain` finds out about a placement, before it is printed.

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "placer/explain/moves.h"
#include "simulator/simulator.h"

namespace placer::cli {

// Time on the critical path that one device, link or module answers for.
struct PathShare {
  std::string owner;
  SimTime working;  // in ops, or travelling
  SimTime waiting;  // ready, while the device or link was busy with something else

  [[nodiscard]] SimTime total() const { return working + waiting; }
};

// The step if one device or link were twice as fast.
struct Speedup {
  std::string part;
  SimTime step_time;
};

// A move with what people ask next.
struct WeighedMove {
  Move move;
  Traffic traffic;  // after it
};

struct Explanation {
  sim::Timeline step;
  Traffic traffic;
  std::vector<PathShare> devices;  // on the critical path, the most time first
  std::vector<PathShare> links;
  std::vector<PathShare> modules;  // ops only; "" holds those of no module
  std::vector<Speedup> speedups;   // of the devices and links with most of the path
  std::size_t units = 0;           // that may be on several devices
  std::size_t units_surveyed = 0;
  std::size_t units_stuck = 0;           // of these: nowhere else feasible
  std::vector<WeighedMove> best_moves;   // that shorten the step, the best first, one a unit
  std::vector<WeighedMove> worst_moves;  // of units whose best other place costs most
};

// A placement and everything that it is judged by; all outlive the explainer.
struct ExplainInput {
  const Workload& workload;
  const CostModel& costs;
  const Constraints& constraints;
  const Placement& placement;
};

class Explainer {
 public:
  explicit Explainer(const ExplainInput& input);

  // Bottleneck, critical path and the `top` moves that matter most.
  [[nodiscard]] Explanation explain(std::size_t top, const std::stop_token& stop);
  // The unit of one node on every other device that it may use.
  [[nodiscard]] std::vector<WeighedMove> moves_of(NodeId node);
  [[nodiscard]] sim::Timeline timeline() { return simulator_->timeline(input_.placement); }

 private:
  void share_path(Explanation& result) const;
  void try_speedups(Explanation& result) const;
  void survey(Explanation& result, std::size_t top, const std::stop_token& stop);
  [[nodiscard]] WeighedMove weighed(const Move& move) const;

  const ExplainInput& input_;
  std::unique_ptr<sim::Simulator> simulator_;
};

}  // namespace placer::cli
