#include "simulator/simulator.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "simulator/infeasible.h"
#include "simulator/simulate.h"
#include "simulator/thread_pool.h"
#include "simulator/timeline.h"

namespace placer::sim {

namespace {

constexpr std::size_t kTensorsNamed = 5;

class EventSimulator : public Simulator {
 public:
  EventSimulator(const CostModel& costs, const SimulatorOptions& options)
      : costs_(costs), graph_(costs, options.memory_limit, options.model), pool_(options.threads) {
    workspaces_.reserve(pool_.size());
    for (std::size_t i = 0; i < pool_.size(); ++i) {
      workspaces_.emplace_back(graph_);
    }
  }

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    PLACER_CHECK(placements.size() == results.size(), "one result per placement");
    pool_.run(placements.size(), [&](std::size_t first, std::size_t last, std::size_t thread) {
      for (std::size_t i = first; i < last; ++i) {
        evaluate_in(workspaces_[thread], placements[i], results[i]);
      }
    });
  }

  [[nodiscard]] std::string name() const override {
    return graph_.model == Model{} ? "simulated" : "simulated (" + describe(graph_.model) + ")";
  }

  [[nodiscard]] Timeline timeline(const Placement& placement) override;

 private:
  void evaluate_in(Workspace& workspace, const Placement& placement, Outcome& outcome) const {
    if (const auto unsupported = workspace.load(graph_, placement)) {
      return fill_unsupported(*unsupported, placement, outcome);
    }
    simulate(graph_, workspace);
    fill_outcome(workspace, outcome);
  }

  void fill_outcome(const Workspace& workspace, Outcome& outcome) const;
  void fill_unsupported(NodeId node, const Placement& placement, Outcome& outcome) const;
  void name_largest(const Workspace& workspace, const StepRecorder& recorder,
                    Infeasible& infeasible) const;

  const CostModel& costs_;
  CompiledGraph graph_;
  ThreadPool pool_;
  std::vector<Workspace> workspaces_;  // one per thread
};

Timeline EventSimulator::timeline(const Placement& placement) {
  Workspace& workspace = workspaces_[0];
  Timeline timeline;
  if (const auto unsupported = workspace.load(graph_, placement)) {
    fill_unsupported(*unsupported, placement, timeline.outcome);
    return timeline;
  }
  StepRecorder recorder(graph_);
  simulate(graph_, workspace, recorder);
  timeline = make_timeline(graph_, costs_.cluster(), workspace, recorder);
  fill_outcome(workspace, timeline.outcome);
  if (timeline.outcome.infeasible) {
    name_largest(workspace, recorder, *timeline.outcome.infeasible);
  }
  return timeline;
}

void EventSimulator::fill_outcome(const Workspace& workspace, Outcome& outcome) const {
  outcome.step_time = {workspace.step_time};
  outcome.score.reset();
  outcome.busy.resize(graph_.num_devices);
  outcome.peak_memory.resize(graph_.num_devices);
  for (std::uint32_t d = 0; d < graph_.num_devices; ++d) {
    outcome.busy[d] = {workspace.busy[d]};
    outcome.peak_memory[d] = {workspace.memory.peak()[d]};
  }
  const auto shortage = find_shortage(graph_, workspace.memory.peak());
  if (shortage) {
    const Bytes has{graph_.domain_limit[shortage->domain]};
    describe_shortage(costs_.cluster(), shortage->domain, has + Bytes{shortage->missing}, has,
                      outcome.infeasible);
  } else {
    outcome.infeasible.reset();
  }
}

void EventSimulator::fill_unsupported(NodeId node, const Placement& placement,
                                      Outcome& outcome) const {
  const DeviceId device = placement.device[index(node)];
  outcome.step_time = {};
  outcome.busy.assign(graph_.num_devices, {});
  outcome.peak_memory.assign(graph_.num_devices, {});
  outcome.infeasible = unsupported(costs_, node, device);
}

void EventSimulator::name_largest(const Workspace& workspace, const StepRecorder& recorder,
                                  Infeasible& infeasible) const {
  const auto shortage = find_shortage(graph_, workspace.memory.peak());
  const auto allocations = recorder.allocations(workspace);
  const Overflow overflow = find_overflow(graph_, allocations, shortage->domain);
  auto text = std::back_inserter(infeasible.text);
  fmt::format_to(text, " from {}", to_string(SimTime{overflow.time}));
  for (std::size_t i = 0; i < std::min(kTensorsNamed, overflow.alive.size()); ++i) {
    const Allocation& allocation = overflow.alive[i];
    const Node& node = costs_.graph().node(id_at<NodeId>(allocation.node));
    std::string what;
    if (allocation.output == Allocation::kWorkspace) {
      what = " workspace";
    } else if (allocation.output == Allocation::kResident) {
      what = " resident";
    } else if (node.outputs.size() > 1) {
      what = fmt::format("#{}", allocation.output);
    }
    fmt::format_to(text, "{} \"{}\"{} {}", i == 0 ? "; largest:" : ",", node.name, what,
                   to_string(Bytes{allocation.bytes}));
  }
  // The op whose start passed the limit, where there is one (else a transfer did).
  for (std::uint32_t n = 0; n < graph_.num_nodes && !infeasible.node; ++n) {
    const std::uint32_t d = workspace.nodes[n].device;
    const bool here = d == shortage->domain || graph_.pool_domain[d] == shortage->domain;
    if (here && graph_.nodes[n].kind == NodeClass::kOp && graph_.nodes[n].start_bytes > 0 &&
        recorder.nodes()[n].start == overflow.time) {
      infeasible.node = id_at<NodeId>(n);
    }
  }
}

}  // namespace

std::unique_ptr<Simulator> make_simulator(const CostModel& costs, const SimulatorOptions& options) {
  return std::make_unique<EventSimulator>(costs, options);
}

}  // namespace placer::sim
