#include "profiler/torch/step_executor.h"

#include <algorithm>
#include <chrono>
#include <set>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "placer/base/error.h"
#include "profiler/devices.h"
#include "profiler/gpu/runnable.h"
#include "profiler/torch/cpu_worker.h"
#include "profiler/torch/device_thread.h"
#include "profiler/torch/gpu_worker.h"
#include "profiler/torch/host_to_gpu.h"
#include "profiler/torch/tensors.h"

namespace placer::profile {

namespace {

// Longer than a wake-up takes, so that a worker whose work arrives soon does not go to sleep
// (docs/measuring.md).
constexpr std::chrono::microseconds kSpin{50};
constexpr std::chrono::microseconds kNoSpin{0};

}  // namespace

StepExecutor::StepExecutor(const Graph& graph, const Cluster& cluster,
                           const ExecutorOptions& options, GpuDriver* driver)
    : step_(graph, cluster, options), sources_(graph, options), holder_(graph.size(), kNone) {
  find_writes();
  find_gpus(driver);
  reset();
  start_threads();
}

StepExecutor::~StepExecutor() {
  stop_threads();
}

void StepExecutor::find_writes() {
  const Graph& graph = step_.graph;
  std::set<std::uint32_t> given;
  for (std::uint32_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.kind != NodeKind::kOutput || node.output_role != OutputRole::kStateWrite) {
      continue;
    }
    const std::uint32_t storage = step_.program.storage[graph.tensor_index(node.inputs.front())];
    const bool of_source = graph.nodes()[step_.program.node_of[storage]].kind != NodeKind::kOp;
    writes_.push_back(
        {i, graph.tensor_index({*node.target, 0}), of_source || !given.insert(storage).second});
  }
}

void StepExecutor::find_gpus(GpuDriver* driver) {
  std::vector<std::optional<GpuStreams>> streams;
  bool any = false;
  for (const auto& place : runnable_gpus(step_.cluster, driver)) {
    streams.push_back(place ? std::optional(make_streams(*driver, place->gpu, place->part))
                            : std::nullopt);
    any = any || place;
  }
  if (any) {
    transfers_.emplace(step_, *driver, std::move(streams));
  }
}

void StepExecutor::start_threads() {
  keep_freed_memory();
  std::vector<DeviceThread> places;  // [devices], of CPU devices
  std::multiset<int> taken;          // processors
  std::size_t gpus = 0;
  for (std::uint32_t d = 0; d < step_.cluster.size(); ++d) {
    const bool gpu = transfers_ && transfers_->is_gpu(d);
    places.push_back(gpu ? DeviceThread() : device_thread(step_.cluster.devices()[d]));
    taken.insert(places[d].cores.begin(), places[d].cores.end());
    gpus += gpu ? 1 : 0;
  }
  // Looking again and again would take the processor from the very device whose work it waits for.
  const std::set<int> busy(taken.begin(), taken.end());
  const bool room = allowed_cores().size() >= busy.size() + gpus;
  for (std::uint32_t d = 0; d < step_.cluster.size(); ++d) {
    if (transfers_ && transfers_->is_gpu(d)) {
      add_gpu(d, room ? kSpin : kNoSpin);
    } else {
      const bool alone =
          std::ranges::all_of(places[d].cores, [&](int core) { return taken.count(core) == 1; });
      workers_.push_back(std::make_unique<CpuWorker>(step_, d, places[d], alone ? kSpin : kNoSpin));
    }
    step_.workers[d] = workers_.back().get();
  }
  try {
    for (const auto& thread : workers_) {
      thread->start();
    }
    for (const auto& thread : helpers_) {
      thread->start();
    }
  } catch (...) {
    stop_threads();
    throw;
  }
}

void StepExecutor::add_gpu(std::uint32_t device, std::chrono::nanoseconds spin) {
  auto exit = std::make_unique<GpuToHost>(step_, *transfers_, device, spin);
  auto entrance = std::make_unique<HostToGpu>(step_, *transfers_, device, spin);
  step_.entrances[device] = entrance.get();
  workers_.push_back(std::make_unique<GpuWorker>(step_, *transfers_, *exit, device, spin));
  helpers_.push_back(std::move(exit));
  helpers_.push_back(std::move(entrance));
}

void StepExecutor::stop_threads() {
  for (const auto& thread : workers_) {
    thread->stop();
  }
  for (const auto& thread : helpers_) {
    thread->stop();
  }
}

void StepExecutor::place(const Placement& placement) {
  captured_.reset();
  step_.lowered =
      lower(step_.graph, step_.cluster, step_.program, placement, step_.options.priority);
  if (transfers_) {
    plan_transfers(placement);
  } else {
    assign_devices(step_.program, step_.lowered, step_.plan);
  }
  placed_ = true;
}

void StepExecutor::plan_transfers(const Placement& placement) {
  std::vector<bool> gpu;
  for (std::uint32_t d = 0; d < step_.cluster.size(); ++d) {
    gpu.push_back(transfers_->is_gpu(d));
  }
  step_.plan = plan_with_transfers(
      step_.graph, step_.program, gpu,
      placement.priority.empty() ? step_.options.priority : placement.priority, step_.lowered);
  step_.take_plan();
  step_.results_checked = false;  // another kind of device may give something else
  transfers_->forget_events();
  for (const std::uint32_t op : step_.program.ops) {
    step_.ops[op]->place_on(transfers_->place_of(step_.lowered.device[op]));
  }
}

void StepExecutor::reset() {
  const c10::InferenceMode inference;
  captured_.reset();
  step_.drop_step_values();
  for (const std::uint32_t source : step_.program.sources) {
    const NodeId id = id_at<NodeId>(source);
    if (!step_.graph.node(id).outputs.empty()) {
      step_.values[step_.graph.tensor_index({id, 0})] = sources_.first(step_.graph.node(id));
      holder_[source] = kNone;
    }
  }
  step_.step_number = 0;
}

std::optional<Infeasible> StepExecutor::move_sources() {
  const c10::InferenceMode inference;
  for (const std::uint32_t source : step_.program.sources) {
    const NodeId id = id_at<NodeId>(source);
    const std::uint32_t device = step_.lowered.device[source];
    if (step_.graph.node(id).outputs.empty()) {
      continue;
    }
    at::Tensor& value = step_.values[step_.graph.tensor_index({id, 0})];
    try {
      if (value.device() != transfers_->place_of(device)) {
        value = transfers_->moved(value, holder_[source], device);
      }
    } catch (const std::exception& error) {
      transfers_->fail(device, source, "bringing", error);
      return step_.failure;
    }
    holder_[source] = device;
  }
  return std::nullopt;
}

std::optional<Infeasible> StepExecutor::cannot_start() {
  if (transfers_ && !transfers_->lost().empty()) {
    return Infeasible{InfeasibleReason::kCrashed, {}, {}, {}, transfers_->lost()};
  }
  if (step_.plan.problem) {
    return step_.plan.problem;
  }
  if (const auto shortage = step_.account.start(step_.lowered.resident)) {
    return step_.out_of_memory(static_cast<std::uint32_t>(shortage->device), std::nullopt,
                               shortage->missing);
  }
  return transfers_ ? move_sources() : std::nullopt;
}

void StepExecutor::run_threads() {
  ++turn_;
  step_.running.store(1);  // this thread, while it starts the others
  for (const auto& helper : helpers_) {
    helper->begin_share(turn_);
  }
  for (const auto& worker : workers_) {
    worker->begin_share(turn_);
  }
  step_.running.fetch_sub(1);
  step_.done.wait([&] { return step_.running.load() == 0; });
}

void StepExecutor::prepare_threads(bool record) {
  step_.prepare(record);
  if (transfers_) {
    transfers_->prepare(record);
  }
  for (const auto& worker : workers_) {
    worker->prepare_share();
  }
  for (const auto& helper : helpers_) {
    helper->prepare_share();
  }
}

void StepExecutor::start_clock(double limit_seconds) {
  step_.start = StepClock::now();
  step_.limit_seconds = limit_seconds;
  step_.deadline.reset();
  if (limit_seconds > 0) {
    step_.deadline = step_.start + std::chrono::duration_cast<StepClock::duration>(
                                       std::chrono::duration<double>(limit_seconds));
  }
}

StepReport StepExecutor::step(double limit_seconds, bool record) {
  PLACER_CHECK(placed_, "a step needs a placement");
  if (captured_ && !record) {
    return replay(limit_seconds);
  }
  captured_.reset();
  prepare_threads(record);
  if (const auto reason = cannot_start()) {
    end_failed_step();
    return idle_report(reason);
  }
  start_clock(limit_seconds);
  run_threads();
  if (!step_.failure) {
    write_states();
  }
  if (step_.failure) {
    end_failed_step();
  } else {
    step_.results_checked = true;
    ++step_.step_number;
  }
  return report();
}

std::string StepExecutor::capture() {
  captured_.reset();
  if (std::string reason = cannot_capture(step_, transfers_ ? &*transfers_ : nullptr);
      !reason.empty()) {
    return reason;
  }
  PLACER_CHECK(step_.results_checked, "a step that ran comes before its capture");
  prepare_threads(false);
  if (const auto reason = cannot_start()) {
    end_failed_step();
    return reason->text;
  }
  start_clock(0);
  step_.capturing = true;
  std::string problem;
  try {
    captured_.emplace(step_, *transfers_, writes_, [this] { run_threads(); });
  } catch (const std::exception& error) {
    problem = error.what();
  }
  step_.capturing = false;
  if (step_.failure) {
    problem = step_.failure->text;
  }
  if (!problem.empty()) {
    captured_.reset();
    end_failed_step();
  }
  return problem;
}

// A limit ends no launch; a step that passed it has changed its states, as after an op.
StepReport StepExecutor::replay(double limit_seconds) {
  const std::uint32_t device = captured_->device();
  start_clock(limit_seconds);
  StepClock::time_point end = step_.start;
  try {
    captured_->replay();
    end = StepClock::now();
    step_.check_time(end, step_.lowered.order[device].back(), device);
  } catch (const std::exception& error) {
    transfers_->fail(device, std::nullopt, "replaying a captured step", error);
  }
  StepReport report = idle_report(step_.failure);
  report.wall_seconds = std::chrono::duration<double>(end - step_.start).count();
  report.busy_seconds[device] = captured_->busy_seconds();
  report.launch_seconds[device] = captured_->launch_seconds();
  if (step_.failure) {
    captured_.reset();
    end_failed_step();
  } else {
    ++step_.step_number;
  }
  return report;
}

void StepExecutor::end_failed_step() {
  step_.drop_step_values();
  // Memory that was short although it was accounted for: the next placement finds all of it.
  const auto& failure = step_.failure;
  if (transfers_ && transfers_->lost().empty() && failure &&
      failure->reason == InfeasibleReason::kOutOfMemory && failure->missing == Bytes{}) {
    transfers_->driver().release_cached_memory();
  }
}

void StepExecutor::write_states() {
  const c10::InferenceMode inference;
  std::vector<at::Tensor> written;
  written.reserve(writes_.size());
  for (const StateWrite& write : writes_) {
    const at::Tensor& value = step_.values[step_.plan.written[write.node]];
    if (!write.copied) {
      written.push_back(value);
      continue;
    }
    const NodeId state = *step_.graph.nodes()[write.node].target;
    const std::uint32_t device = step_.lowered.device[index(state)];
    try {
      written.push_back(transfers_ ? transfers_->moved(value, device, device) : value.clone());
    } catch (const std::exception& error) {
      if (!transfers_) {
        throw;
      }
      transfers_->fail(device, write.node, "keeping", error);
      return;
    }
  }
  for (std::size_t i = 0; i < writes_.size(); ++i) {
    step_.values[writes_[i].state] = std::move(written[i]);
  }
}

StepReport StepExecutor::idle_report(const std::optional<Infeasible>& problem) const {
  StepReport report;
  report.infeasible = problem;
  report.peak_memory = step_.account.peaks();
  report.busy_seconds.assign(step_.cluster.size(), 0);
  report.launch_seconds = report.busy_seconds;
  return report;
}

StepReport StepExecutor::report() const {
  StepReport report;
  report.infeasible = step_.failure;
  StepClock::time_point end = step_.start;
  for (const auto& worker : workers_) {
    end = std::max(end, worker->ended());
    report.busy_seconds.push_back(worker->busy_seconds());
    report.launch_seconds.push_back(worker->launch_seconds());
  }
  for (const auto& helper : helpers_) {
    end = std::max(end, helper->ended());
  }
  report.wall_seconds = std::chrono::duration<double>(end - step_.start).count();
  report.peak_memory = step_.account.peaks();
  if (step_.record && !step_.failure) {
    add_records(step_.graph, step_.program, step_.lowered, step_.plan, step_.records,
                step_.arrivals, step_.start, report);
  }
  return report;
}

Value StepExecutor::output(NodeId output_node) const {
  const Node& node = step_.graph.node(output_node);
  PLACER_CHECK(node.kind == NodeKind::kOutput, "only output nodes keep their value");
  const at::Tensor& value = step_.values[step_.graph.tensor_index(node.inputs.front())];
  PLACER_CHECK(value.defined(), "a value is there after a feasible step");
  return value_of(value);
}

Value StepExecutor::state(NodeId state_node) const {
  PLACER_CHECK(step_.graph.node(state_node).kind == NodeKind::kState, "not a state node");
  return value_of(step_.values[step_.graph.tensor_index({state_node, 0})]);
}

std::unique_ptr<Executor> make_executor(const Graph& graph, const Cluster& cluster,
                                        const ExecutorOptions& options) {
  // Before anything else of LibTorch: its libraries for GPUs cannot be added later.
  GpuDriver* const driver = gpu_driver_for(cluster);
  return std::make_unique<StepExecutor>(graph, cluster, options, driver);
}

}  // namespace placer::profile
