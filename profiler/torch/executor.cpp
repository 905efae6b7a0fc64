#include "profiler/executor.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <limits>
#include <mutex>
#include <set>
#include <thread>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "placer/base/error.h"
#include "profiler/torch/device_thread.h"
#include "profiler/torch/doorbell.h"
#include "profiler/torch/memory_account.h"
#include "profiler/torch/op_binding.h"
#include "profiler/torch/program.h"
#include "profiler/torch/seeded_values.h"
#include "profiler/torch/sources.h"
#include "profiler/torch/tensors.h"

namespace placer::profile {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kNoNode = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kStop = std::numeric_limits<std::uint64_t>::max();

// Longer than a wake-up takes, so that a worker whose work arrives soon does not go to sleep
// (docs/measuring.md).
constexpr std::chrono::microseconds kSpin{50};

double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Ops that became ready on another worker: any thread pushes, the owner takes all.
class Inbox {
 public:
  // `next` is [nodes], shared by all inboxes of an executor: a node is in one of them at most.
  void push(std::uint32_t node, std::vector<std::uint32_t>& next) {
    std::uint32_t head = head_.load();
    do {
      next[node] = head;
    } while (!head_.compare_exchange_weak(head, node));
  }
  [[nodiscard]] bool empty() const { return head_.load() == kNoNode; }
  [[nodiscard]] std::uint32_t take_all() { return head_.exchange(kNoNode); }

 private:
  std::atomic<std::uint32_t> head_{kNoNode};
};

struct alignas(64) Worker {
  std::uint32_t device = 0;
  DeviceThread place;
  std::thread thread;
  Doorbell bell;
  std::atomic<std::uint64_t> turn{0};  // a step in which it has ops, or kStop; counted from 1
  Inbox inbox;
  std::vector<std::uint32_t> ready;  // heap of ranks, lowest on top
  std::size_t left = 0;              // ops of this step that it has not ended
  Clock::time_point now;             // its latest look at the clock
  Clock::duration busy{0};
  torch::jit::Stack stack;
};

// What a step keeps of an op when it is recorded.
struct Record {
  Clock::time_point seen;  // taken from the inbox; before the step: never in one
  Clock::time_point start;
  Clock::time_point end;
  double cpu_seconds = 0;
};

class CpuExecutor final : public Executor {
 public:
  CpuExecutor(const Graph& graph, const Cluster& cluster, const ExecutorOptions& options);
  ~CpuExecutor() override;

  void place(const Placement& placement) override;
  StepReport step(double limit_seconds, bool record) override;
  void reset() override;
  Value output(NodeId output_node) const override;
  Value state(NodeId state_node) const override;

 private:
  // On the workers.
  void work(Worker& worker, std::promise<void>& started);
  void run_share(Worker& worker);
  void take_inbox(Worker& worker);
  void run_op(Worker& worker, std::uint32_t node);
  void call(Worker& worker, std::uint32_t node);
  void check_results(std::uint32_t node) const;
  void announce(Worker& worker, std::uint32_t node);
  void release(std::uint32_t node);
  void fail(Infeasible reason);
  [[nodiscard]] Infeasible out_of_memory(std::uint32_t device, std::optional<std::uint32_t> node,
                                         Bytes missing) const;

  // On the caller's thread.
  void start_workers();
  void stop_workers();
  void drop_step_values();
  void prepare_step(double limit_seconds, bool record);
  void run_workers();
  void write_states();
  [[nodiscard]] StepReport report(Clock::time_point start) const;
  void report_records(StepReport& report, Clock::time_point start) const;

  [[nodiscard]] std::span<const at::Tensor* const> inputs_of(std::uint32_t node) const {
    const auto tensors = program_.inputs.of(node);
    return {input_values_.data() + (tensors.data() - program_.inputs.items.data()), tensors.size()};
  }
  [[nodiscard]] std::span<at::Tensor> outputs_of(std::uint32_t node) {
    const Node& description = graph_.nodes()[node];
    const auto first =
        description.outputs.empty() ? 0 : graph_.tensor_index({id_at<NodeId>(node), 0});
    return {values_.data() + first, description.outputs.size()};
  }

  const Graph& graph_;
  const Cluster& cluster_;
  ExecutorOptions options_;
  Program program_;
  std::vector<std::optional<BoundOp>> ops_;  // [nodes]
  Sources sources_;
  MemoryAccount account_;
  Lowered lowered_;
  bool placed_ = false;

  std::vector<at::Tensor> values_;               // [tensors]; undefined while not alive
  std::vector<const at::Tensor*> input_values_;  // as Program::inputs.items, into values_
  std::vector<std::pair<std::size_t, std::size_t>>
      writes_;  // state's tensor <- tensor, at the end of a step
  std::uint64_t step_number_ = 0;
  bool results_checked_ = false;

  // Of the step that runs.
  std::vector<std::atomic<std::uint32_t>> pending_;  // [nodes] ops to wait for
  std::vector<std::atomic<std::uint32_t>> readers_;  // [tensors] left
  std::vector<std::atomic<std::uint32_t>> handles_;  // [tensors] left
  std::vector<std::uint32_t> next_in_inbox_;         // [nodes]
  std::vector<Record> records_;                      // [nodes] when recorded
  bool record_ = false;
  std::optional<Clock::time_point> deadline_;
  double limit_seconds_ = 0;
  std::atomic<bool> failed_{false};
  std::mutex failure_mutex_;
  std::optional<Infeasible> failure_;

  std::vector<std::unique_ptr<Worker>> workers_;  // [devices]
  std::uint64_t turn_ = 0;                        // steps so far, failed ones too
  std::atomic<std::size_t> running_{0};           // workers that have not ended their share
  Doorbell done_;
};

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
    auto worker = std::make_unique<Worker>();
    worker->device = d;
    worker->place = places[d];
    worker->ready.reserve(program_.ops.size());
    worker->stack.reserve(64);
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

// --- On the workers. ---

void CpuExecutor::work(Worker& worker, std::promise<void>& started) {
  try {
    become(worker.place, cluster_.devices()[worker.device]);
    started.set_value();
  } catch (...) {
    started.set_exception(std::current_exception());
    return;
  }
  const c10::InferenceMode inference;  // no autograd bookkeeping: the graph has its backward ops
  for (std::uint64_t turn = 0;;) {
    worker.bell.wait([&] { return worker.turn.load() != turn; });
    turn = worker.turn.load();
    if (turn == kStop) {
      return;
    }
    run_share(worker);
    if (running_.fetch_sub(1) == 1) {
      done_.ring();
    }
  }
}

void CpuExecutor::run_share(Worker& worker) {
  const auto& order = lowered_.order[worker.device];
  worker.now = Clock::now();
  while (worker.left != 0) {
    take_inbox(worker);
    if (worker.ready.empty()) {
      worker.bell.wait([&] { return !worker.inbox.empty(); });
      worker.now = Clock::now();
      continue;
    }
    std::ranges::pop_heap(worker.ready, std::greater<>());
    const std::uint32_t node = order[worker.ready.back()];
    worker.ready.pop_back();
    --worker.left;
    run_op(worker, node);
  }
}

void CpuExecutor::take_inbox(Worker& worker) {
  if (worker.inbox.empty()) {
    return;
  }
  const Clock::time_point seen = record_ ? Clock::now() : Clock::time_point();
  for (std::uint32_t node = worker.inbox.take_all(); node != kNoNode; node = next_in_inbox_[node]) {
    if (record_) {
      records_[node].seen = seen;
    }
    worker.ready.push_back(lowered_.rank[node]);
    std::ranges::push_heap(worker.ready, std::greater<>());
  }
}

// After a failure the remaining ops are passed over: every counter reaches zero, every worker comes
// to its end, by the same path as in a step that succeeds.
void CpuExecutor::run_op(Worker& worker, std::uint32_t node) {
  if (failed_.load(std::memory_order_relaxed)) {
    announce(worker, node);
    return;
  }
  const std::int64_t workspace = graph_.nodes()[node].workspace.count;
  const std::int64_t missing = account_.charge(worker.device, program_.allocates[node] + workspace);
  if (missing > 0) {
    fail(out_of_memory(worker.device, node, {missing}));
  } else {
    call(worker, node);
    if (deadline_ && worker.now > *deadline_) {
      fail({InfeasibleReason::kTimeOut,
            id_at<DeviceId>(worker.device),
            id_at<NodeId>(node),
            {},
            fmt::format("the step was ended after {:.3f} s", limit_seconds_)});
    }
  }
  announce(worker, node);
  if (workspace != 0) {
    account_.release(worker.device, workspace);
  }
  release(node);
}

void CpuExecutor::call(Worker& worker, std::uint32_t node) {
  const Node& description = graph_.nodes()[node];
  BoundOp& op = *ops_[node];
  const Clock::time_point start = record_ ? Clock::now() : worker.now;
  const double cpu = record_ ? thread_cpu_seconds() : 0;
  const auto failed = [&](const char* text) {
    fail({InfeasibleReason::kFailed,
          id_at<DeviceId>(worker.device),
          id_at<NodeId>(node),
          {},
          fmt::format("\"{}\" ({}) failed on {}: {}", description.name, description.op,
                      cluster_.devices()[worker.device].name, text)});
  };
  try {
    if (op.random()) {
      op.run_seeded(random_op_seed(options_.seed, description.name, step_number_), inputs_of(node),
                    outputs_of(node), worker.stack);
    } else {
      op.run(inputs_of(node), outputs_of(node), worker.stack);
    }
    if (!results_checked_) {
      check_results(node);
    }
  } catch (const c10::Error& error) {
    failed(error.what_without_backtrace());
  } catch (const std::exception& error) {
    failed(error.what());
  }
  worker.now = Clock::now();
  worker.busy += worker.now - start;
  if (record_) {
    Record& kept = records_[node];
    kept.start = start;
    kept.end = worker.now;
    kept.cpu_seconds = thread_cpu_seconds() - cpu;
  }
}

void CpuExecutor::check_results(std::uint32_t node) const {
  const Node& description = graph_.nodes()[node];
  for (std::uint32_t k = 0; k < description.outputs.size(); ++k) {
    const TensorSpec& spec = description.outputs[k];
    const at::Tensor& result = values_[graph_.tensor_index({id_at<NodeId>(node), k})];
    if (spec.dtype == DType::kOpaque) {
      continue;
    }
    if (!result.defined() || dtype_of(result.scalar_type()) != spec.dtype ||
        result.sizes() != at::IntArrayRef(spec.shape)) {
      const std::string got = result.defined()
                                  ? fmt::format("{} [{}]", name_of(dtype_of(result.scalar_type())),
                                                fmt::join(result.sizes(), ", "))
                                  : "nothing";
      throw std::runtime_error(fmt::format("its result {} is {}, the graph says {} [{}]", k, got,
                                           name_of(spec.dtype), fmt::join(spec.shape, ", ")));
    }
  }
}

void CpuExecutor::announce(Worker& worker, std::uint32_t node) {
  for (const std::uint32_t successor : program_.successors.of(node)) {
    if (pending_[successor].fetch_sub(1, std::memory_order_acq_rel) != 1) {
      continue;
    }
    const std::uint32_t device = lowered_.device[successor];
    if (device == worker.device) {
      worker.ready.push_back(lowered_.rank[successor]);
      std::ranges::push_heap(worker.ready, std::greater<>());
    } else {
      workers_[device]->inbox.push(successor, next_in_inbox_);
      workers_[device]->bell.ring();
    }
  }
}

void CpuExecutor::release(std::uint32_t node) {
  for (const std::uint32_t value : program_.releases.of(node)) {
    if (readers_[value].fetch_sub(1, std::memory_order_acq_rel) != 1) {
      continue;
    }
    values_[value].reset();
    const std::uint32_t storage = program_.storage[value];
    if (program_.handles[storage] != 0 &&
        handles_[storage].fetch_sub(1, std::memory_order_acq_rel) == 1) {
      account_.release(lowered_.device[program_.node_of[storage]], program_.bytes[storage]);
    }
  }
}

void CpuExecutor::fail(Infeasible reason) {
  const std::scoped_lock lock(failure_mutex_);
  if (!failure_) {
    failure_ = std::move(reason);
  }
  failed_.store(true, std::memory_order_relaxed);
}

Infeasible CpuExecutor::out_of_memory(std::uint32_t device, std::optional<std::uint32_t> node,
                                      Bytes missing) const {
  Infeasible reason{InfeasibleReason::kOutOfMemory, id_at<DeviceId>(device), {}, missing, {}};
  std::string where = "before the first op";
  if (node) {
    reason.node = id_at<NodeId>(*node);
    where = "at \"" + graph_.nodes()[*node].name + "\"";
  }
  reason.text =
      fmt::format("{} is {} short {}", cluster_.devices()[device].name, to_string(missing), where);
  return reason;
}

// --- On the caller's thread. ---

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
    worker->busy = Clock::duration(0);
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
  const Clock::time_point start = Clock::now();
  deadline_.reset();
  if (limit_seconds > 0) {
    deadline_ = start + std::chrono::duration_cast<Clock::duration>(
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
  for (const auto& [state, value] : writes_) {
    // A value that is some state's own memory is copied, so that no two states share it.
    const bool of_source =
        graph_.nodes()[program_.node_of[program_.storage[value]]].kind != NodeKind::kOp;
    written.push_back(of_source ? values_[value].clone() : values_[value]);
  }
  for (std::size_t i = 0; i < writes_.size(); ++i) {
    values_[writes_[i].first] = std::move(written[i]);
  }
}

StepReport CpuExecutor::report(Clock::time_point start) const {
  StepReport report;
  report.infeasible = failure_;
  Clock::time_point end = start;
  for (const auto& worker : workers_) {
    end = std::max(end, worker->now);
    report.busy_seconds.push_back(std::chrono::duration<double>(worker->busy).count());
  }
  report.wall_seconds = std::chrono::duration<double>(end - start).count();
  report.peak_memory = account_.peaks();
  if (record_ && !failure_) {
    report_records(report, start);
  }
  return report;
}

void CpuExecutor::report_records(StepReport& report, Clock::time_point start) const {
  const auto seconds = [&](Clock::time_point t) {
    return std::chrono::duration<double>(t - start).count();
  };
  for (const std::uint32_t op : program_.ops) {
    const Record& kept = records_[op];
    report.ops.push_back({id_at<NodeId>(op), id_at<DeviceId>(lowered_.device[op]),
                          seconds(kept.start), seconds(kept.end), kept.cpu_seconds});
  }
  std::ranges::stable_sort(
      report.ops, {}, [](const OpRun& run) { return std::pair(run.start_seconds, run.device); });
  std::set<std::pair<std::uint32_t, std::uint32_t>> crossed;  // tensor, device
  for (const OpRun& run : report.ops) {
    const auto reader = static_cast<std::uint32_t>(index(run.node));
    for (const TensorRef input : graph_.node(run.node).inputs) {
      const auto tensor = static_cast<std::uint32_t>(graph_.tensor_index(input));
      const std::uint32_t producer = program_.node_of[tensor];
      if (graph_.node(input.node).kind != NodeKind::kOp ||
          lowered_.device[producer] == index(run.device) ||
          !crossed.emplace(tensor, static_cast<std::uint32_t>(index(run.device))).second) {
        continue;
      }
      // One that was there before the reader could start for other reasons took no time.
      const double made = seconds(records_[producer].end);
      const double seen =
          std::max(made, std::min(seconds(records_[reader].seen), run.start_seconds));
      report.hand_offs.push_back(
          {input, id_at<DeviceId>(lowered_.device[producer]), run.device, made, seen});
    }
  }
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

}  // namespace

std::unique_ptr<Executor> make_executor(const Graph& graph, const Cluster& cluster,
                                        const ExecutorOptions& options) {
  return std::make_unique<CpuExecutor>(graph, cluster, options);
}

}  // namespace placer::profile
