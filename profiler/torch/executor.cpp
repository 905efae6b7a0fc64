#include <algorithm>
#include <set>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "placer/base/error.h"
#include "profiler/torch/cpu_executor.h"
#include "profiler/torch/tensors.h"

namespace placer::profile {

namespace {

// Longer than a wake-up takes, so that a worker whose work arrives soon does not go to sleep
// (docs/measuring.md).
constexpr std::chrono::microseconds kSpin{50};

}  // namespace

CpuExecutor::CpuExecutor(const Graph& graph, const Cluster& cluster, const ExecutorOptions& options)
    : graph_(graph),
      cluster_(cluster),
      options_(options),
      program_(make_program(graph)),
      ops_(bind_ops(graph)),
      sources_(graph, options),
      account_(cluster, options.memory_limit),
      values_(graph.num_tensors()),
      pending_(graph.size()),
      readers_(graph.num_tensors()),
      handles_(graph.num_tensors()),
      next_in_inbox_(graph.size(), kNoNode) {
  PLACER_CHECK(options.priority.empty() || options.priority.size() == graph.size(),
               "a priority per node");
  for (const std::uint32_t tensor : program_.inputs.items) {
    input_values_.push_back(&values_[tensor]);
  }
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::kOutput && node.output_role == OutputRole::kStateWrite) {
      writes_.emplace_back(graph.tensor_index({*node.target, 0}),
                           graph.tensor_index(node.inputs.front()));
    }
  }
  std::set<std::uint32_t> given;
  for (const auto& [state, value] : writes_) {
    const std::uint32_t storage = program_.storage[value];
    const bool of_source = graph.nodes()[program_.node_of[storage]].kind != NodeKind::kOp;
    copied_.push_back(of_source || !given.insert(storage).second);
  }
  reset();
  start_workers();
}

CpuExecutor::~CpuExecutor() {
  stop_workers();
}

void CpuExecutor::start_workers() {
  keep_freed_memory();
  std::vector<DeviceThread> places;
  for (const Device& device : cluster_.devices()) {
    places.push_back(device_thread(device));
  }
  std::vector<std::promise<void>> started(cluster_.size());
  for (std::uint32_t d = 0; d < cluster_.size(); ++d) {
    auto worker = std::make_unique<DeviceWorker>();
    worker->device = d;
    worker->place = places[d];
    worker->ready.reserve(program_.ops.size());
    worker->stack.reserve(64);
    worker->unread.reserve(program_.releases.items.size());
    // Looking again and again would take the processor from the very device whose work it waits
    // for.
    std::multiset<int> cores;
    for (const DeviceThread& place : places) {
      cores.insert(place.cores.begin(), place.cores.end());
    }
    const bool alone =
        std::ranges::all_of(places[d].cores, [&](int core) { return cores.count(core) == 1; });
    worker->bell.set_spin(alone ? kSpin : std::chrono::microseconds(0));
    workers_.push_back(std::move(worker));
  }
  for (std::uint32_t d = 0; d < cluster_.size(); ++d) {
    workers_[d]->thread = std::thread([this, d, &started] { work(*workers_[d], started[d]); });
  }
  std::exception_ptr problem;
  for (auto& promise : started) {
    try {
      promise.get_future().get();
    } catch (...) {
      problem = std::current_exception();
    }
  }
  if (problem) {
    stop_workers();
    std::rethrow_exception(problem);
  }
}

void CpuExecutor::stop_workers() {
  for (const auto& worker : workers_) {
    worker->turn.store(kStop);
    worker->bell.ring();
    if (worker->thread.joinable()) {
      worker->thread.join();
    }
  }
}

void CpuExecutor::place(const Placement& placement) {
  lowered_ = lower(graph_, cluster_, program_, placement, options_.priority);
  placed_ = true;
}

void CpuExecutor::reset() {
  const c10::InferenceMode inference;
  drop_step_values();
  for (const std::uint32_t source : program_.sources) {
    const NodeId id = id_at<NodeId>(source);
    if (!graph_.node(id).outputs.empty()) {
      values_[graph_.tensor_index({id, 0})] = sources_.first(graph_.node(id));
    }
  }
  step_number_ = 0;
}

void CpuExecutor::drop_step_values() {
  for (const std::uint32_t op : program_.ops) {
    for (at::Tensor& value : outputs_of(op)) {
      value.reset();
    }
  }
}

void CpuExecutor::prepare_step(double limit_seconds, bool record) {
  drop_step_values();
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    pending_[i].store(program_.dependencies[i], std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    readers_[i].store(program_.readers[i], std::memory_order_relaxed);
    handles_[i].store(program_.handles[i], std::memory_order_relaxed);
  }
  for (const auto& worker : workers_) {
    worker->busy = StepClock::duration(0);
    worker->left = lowered_.order[worker->device].size();
    worker->ready.assign(lowered_.ready[worker->device].begin(),
                         lowered_.ready[worker->device].end());
  }
  record_ = record;
  if (record) {
    records_.assign(graph_.size(), {});
  }
  limit_seconds_ = limit_seconds;
  failed_.store(false, std::memory_order_relaxed);
  failure_.reset();
}

void CpuExecutor::run_workers() {
  ++turn_;
  running_.store(1);  // this thread, while it starts the others
  for (const auto& worker : workers_) {
    if (worker->left != 0) {
      running_.fetch_add(1);
      worker->turn.store(turn_);
      worker->bell.ring();
    }
  }
  running_.fetch_sub(1);
  done_.wait([&] { return running_.load() == 0; });
}

StepReport CpuExecutor::step(double limit_seconds, bool record) {
  PLACER_CHECK(placed_, "a step needs a placement");
  prepare_step(limit_seconds, record);
  if (const auto shortage = account_.start(lowered_.resident)) {
    failure_ = out_of_memory(static_cast<std::uint32_t>(shortage->device), std::nullopt,
                             shortage->missing);
    StepReport report;
    report.infeasible = failure_;
    report.peak_memory = account_.peaks();
    report.busy_seconds.assign(cluster_.size(), 0);
    return report;
  }
  const StepClock::time_point start = StepClock::now();
  deadline_.reset();
  if (limit_seconds > 0) {
    deadline_ = start + std::chrono::duration_cast<StepClock::duration>(
                            std::chrono::duration<double>(limit_seconds));
  }
  for (const auto& worker : workers_) {
    worker->now = start;
  }
  run_workers();
  if (failure_) {
    drop_step_values();
  } else {
    write_states();
    results_checked_ = true;
    ++step_number_;
  }
  return report(start);
}

void CpuExecutor::write_states() {
  std::vector<at::Tensor> written;
  written.reserve(writes_.size());
  for (std::size_t i = 0; i < writes_.size(); ++i) {
    const at::Tensor& value = values_[writes_[i].second];
    written.push_back(copied_[i] ? value.clone() : value);
  }
  for (std::size_t i = 0; i < writes_.size(); ++i) {
    values_[writes_[i].first] = std::move(written[i]);
  }
}

StepReport CpuExecutor::report(StepClock::time_point start) const {
  StepReport report;
  report.infeasible = failure_;
  StepClock::time_point end = start;
  for (const auto& worker : workers_) {
    end = std::max(end, worker->now);
    report.busy_seconds.push_back(std::chrono::duration<double>(worker->busy).count());
  }
  report.wall_seconds = std::chrono::duration<double>(end - start).count();
  report.peak_memory = account_.peaks();
  if (record_ && !failure_) {
    add_records(graph_, program_, lowered_, records_, start, report);
  }
  return report;
}

Value CpuExecutor::output(NodeId output_node) const {
  const Node& node = graph_.node(output_node);
  PLACER_CHECK(node.kind == NodeKind::kOutput, "only output nodes keep their value");
  const at::Tensor& value = values_[graph_.tensor_index(node.inputs.front())];
  PLACER_CHECK(value.defined(), "a value is there after a feasible step");
  return value_of(value);
}

Value CpuExecutor::state(NodeId state_node) const {
  PLACER_CHECK(graph_.node(state_node).kind == NodeKind::kState, "not a state node");
  return value_of(values_[graph_.tensor_index({state_node, 0})]);
}

std::unique_ptr<Executor> make_executor(const Graph& graph, const Cluster& cluster,
                                        const ExecutorOptions& options) {
  return std::make_unique<CpuExecutor>(graph, cluster, options);
}

}  // namespace placer::profile
