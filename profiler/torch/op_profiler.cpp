#include "profiler/op_profiler.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <exception>
#include <fstream>
#include <functional>
#include <latch>
#include <map>
#include <thread>

#include <ATen/Context.h>
#include <c10/core/InferenceMode.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "placer/base/error.h"
#include "placer/evaluate/statistics.h"
#include "profiler/clocks.h"
#include "profiler/devices.h"
#include "profiler/gpu/runnable.h"
#include "profiler/profile_cache.h"
#include "profiler/torch/device_thread.h"
#include "profiler/torch/gpu_op_timer.h"
#include "profiler/torch/graph_runner.h"
#include "profiler/torch/op_key.h"
#include "profiler/torch/transfers.h"

namespace placer::profile {
namespace {

// One distinct op of the graph.
struct DistinctOp {
  std::string key;
  std::vector<NodeId> nodes;  // its occurrences
  std::optional<OpTime> cached;
  std::vector<double> alone;  // samples, seconds
  std::vector<double> busy;
};

// Of this process, now and at most.
std::int64_t resident_bytes() {
  std::int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}
std::int64_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

struct SetAtEnd {
  std::atomic<bool>& flag;
  ~SetAtEnd() { flag = true; }
};

// A GPU to profile on.
struct ProfiledGpu {
  c10::Stream stream;
  std::string machine;  // its model and driver
};

class Profile {
 public:
  // `gpu`: what the first of `devices` is, where it is no CPU device.
  Profile(const Graph& graph, std::vector<Device> devices, std::optional<ProfiledGpu> gpu,
          const ProfileOptions& options)
      : graph_(graph),
        devices_(std::move(devices)),
        gpu_(std::move(gpu)),
        options_(options),
        machine_(gpu_ ? gpu_->machine : machine_name(facts_)),
        cache_(options.cache),
        distinct_of_(graph.size()),
        context_(fmt::format("{}|{}|{}|{}|{}", machine_, facts_.library, devices_[0].kind,
                             gpu_ ? 1 : devices_.size(), options.repeats)),
        start_(wall_seconds()) {
    if (gpu_) {
      return;
    }
    // Here, since a pinned thread and those that it starts may use its own core only.
    for (const Device& device : devices_) {
      threads_.push_back(device_thread(device));
    }
  }

  ProfileReport run() {
    std::exception_ptr failure;
    // A thread of its own: it is pinned and loses its OpenMP team, which the caller's must not.
    std::thread worker([&] {
      try {
        gpu_ ? measure_on_gpu() : measure();
      } catch (...) {
        failure = std::current_exception();
      }
    });
    worker.join();
    if (failure) {
      std::rethrow_exception(failure);
    }
    return report();
  }

 private:
  [[nodiscard]] bool many_threads() const { return devices_[0].cores.size() > 1; }
  [[nodiscard]] bool stopped() const { return options_.stop.stop_requested(); }

  void measure() {
    become(threads_[0], devices_[0]);
    const c10::InferenceMode guard;
    const std::int64_t resident = resident_bytes();
    GraphRunner runner(graph_, options_.seed);
    runner.step({.before = [this](NodeId id, auto inputs) { find_distinct(id, inputs); }});
    if (options_.repeats < 1 || all_cached()) {
      return;
    }
    clock_cost_ = clock_cost();
    // A step on every other device needs as much again.
    const auto others = static_cast<std::int64_t>(devices_.size() - 1);
    too_large_ = (peak_resident_bytes() - resident) * others >
                 machine_facts().memory_available.count * 9 / 10;
    const bool both = others > 0 && !too_large_;
    const int passes = options_.repeats * (both ? 2 : 1);
    for (int pass = 0; pass < options_.repeats && !stopped(); ++pass) {
      sample(runner, pass, &DistinctOp::alone);
      tell(pass + 1, passes);
    }
    if (both && !stopped()) {
      measure_busy(runner, passes);
    }
  }

  // One pass after the other; each op whose turn it is, in a batch.
  void measure_on_gpu() {
    const c10::InferenceMode guard;
    GpuOpTimer timer(gpu_->stream);
    GraphRunner runner(graph_, options_.seed, gpu_->stream.device());
    runner.step({.before = [this](NodeId id, auto inputs) { find_distinct(id, inputs); }});
    for (int pass = 0; pass < options_.repeats && !all_cached() && !stopped(); ++pass) {
      runner.step({.around = [&](NodeId id, const std::function<void()>& launch) {
        DistinctOp& op = distinct_[distinct_of_[index(id)]];
        if (!has_turn(op, id, pass)) {
          launch();
          return;
        }
        const GpuOpTimer::Sample sample =
            timer.time(launch, op.alone.empty() ? 0 : op.alone.back());
        op.alone.push_back(sample.seconds);
        launches_.push_back(sample.launch_seconds);
      }});
      tell(pass + 1, options_.repeats);
    }
  }

  // The other devices run steps of their own all the while.
  void measure_busy(GraphRunner& runner, int passes) {
    std::atomic<bool> done = false;
    std::latch ready(static_cast<std::ptrdiff_t>(devices_.size() - 1));
    std::vector<std::exception_ptr> failures(devices_.size());
    std::vector<std::jthread> others;
    const SetAtEnd finish{done};  // before the threads are joined, whatever happens here
    for (std::size_t i = 1; i < devices_.size(); ++i) {
      others.emplace_back([&, i] {
        bool arrived = false;
        const auto arrive = [&] {
          arrived = true;
          ready.count_down();
        };
        try {
          keep_busy(i, arrive, done);
        } catch (...) {
          failures[i] = std::current_exception();
        }
        if (!arrived) {
          arrive();
        }
      });
    }
    ready.wait();
    for (int pass = 0; pass < options_.repeats && !stopped(); ++pass) {
      sample(runner, pass, &DistinctOp::busy);
      tell(options_.repeats + pass + 1, passes);
    }
    done = true;
    others.clear();
    for (const std::exception_ptr& failure : failures) {
      if (failure) {
        std::rethrow_exception(failure);
      }
    }
  }

  void keep_busy(std::size_t device, const std::function<void()>& arrive,
                 const std::atomic<bool>& done) const {
    become(threads_[device], devices_[device]);
    const c10::InferenceMode guard;
    GraphRunner own(graph_, options_.seed);
    arrive();
    while (!done.load(std::memory_order_relaxed)) {
      own.step({});
    }
  }

  void find_distinct(NodeId id, std::span<const at::Tensor* const> inputs) {
    std::string key = op_key(graph_.node(id), inputs, context_);
    const auto [known, fresh] = by_key_.emplace(key, distinct_.size());
    if (fresh) {
      DistinctOp op;
      if (!options_.refresh) {
        op.cached = cache_.find(key);
      }
      op.key = std::move(key);
      distinct_.push_back(std::move(op));
    }
    distinct_[known->second].nodes.push_back(id);
    distinct_of_[index(id)] = known->second;
  }

  [[nodiscard]] bool all_cached() const {
    return std::all_of(distinct_.begin(), distinct_.end(),
                       [](const DistinctOp& op) { return op.cached.has_value(); });
  }

  // Whether an op's sample of this pass is to be taken from this occurrence.
  static bool has_turn(const DistinctOp& op, NodeId id, int pass) {
    return op.nodes[static_cast<std::size_t>(pass) % op.nodes.size()] == id;
  }

  // One pass: a sample of every distinct op, from the occurrence whose turn it is.
  void sample(GraphRunner& runner, int pass, std::vector<double> DistinctOp::*samples) {
    runner.step({.after = [&](NodeId id, double thread, double wall) {
      DistinctOp& op = distinct_[distinct_of_[index(id)]];
      if (has_turn(op, id, pass)) {
        const double seconds = many_threads() ? wall : thread;
        (op.*samples).push_back(std::max(0.0, seconds - clock_cost_));
      }
    }});
  }

  void tell(int done, int total) const {
    if (options_.progress) {
      options_.progress({"profiling " + devices_[0].kind,
                         static_cast<double>(done),
                         static_cast<double>(total),
                         {}});
    }
  }

  static std::optional<OpTime> time_of(const DistinctOp& op) {
    if (op.cached) {
      return op.cached;
    }
    if (op.alone.empty()) {
      return std::nullopt;
    }
    OpTime time{from_seconds(median(op.alone)),
                from_seconds(*std::min_element(op.alone.begin(), op.alone.end())),
                {}};
    if (!op.busy.empty()) {
      time.busy = from_seconds(median(op.busy));
    }
    return time;
  }

  ProfileReport report() {
    ProfileReport report;
    report.distinct = distinct_.size();
    report.stopped = stopped();
    report.too_large = too_large_;
    report.times.kind = devices_[0].kind;
    report.times.ops.resize(graph_.size());
    int repeats = options_.repeats;
    for (const DistinctOp& op : distinct_) {
      const auto time = time_of(op);
      if (!time) {
        throw usage_error("stopped before one pass over the graph was done");
      }
      report.cached += op.cached ? 1 : 0;
      if (!op.cached) {
        repeats = static_cast<int>(op.alone.size());
      }
      if (!report.stopped) {
        cache_.set(op.key, *time);
      }
      report.busy = report.busy || time->busy.has_value();
      for (const NodeId node : op.nodes) {
        report.times.ops[index(node)] = time;
      }
    }
    try {
      cache_.save();
    } catch (const std::exception& problem) {
      report.cache_problem = problem.what();  // the times are worth more than the cache
    }
    report.launch_seconds = launches_.empty() ? 0 : median(launches_);
    report.times.info = {
        .machine = machine_,
        .library = facts_.library,
        .method = method(report),
        .repeats = repeats,
        .date = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))),
        .workload = ""};
    summarise(report);
    report.seconds = wall_seconds() - start_;
    return report;
  }

  [[nodiscard]] std::string method(const ProfileReport& report) const {
    if (gpu_) {
      return fmt::format(
          "GPU time of batches of one op within whole steps, launched ahead, median of the "
          "repeats; "
          "TF32 {} for products of matrices, {} for convolutions{}",
          at::globalContext().allowTF32CuBLAS() ? "on" : "off",
          at::globalContext().allowTF32CuDNN() ? "on" : "off",
          report.launch_seconds > 0
              ? fmt::format("; the host launches one in {:.1f} us", report.launch_seconds * 1e6)
              : "");
    }
    if (many_threads()) {
      return "wall time of ops within whole steps, median of the repeats";
    }
    const std::string alone =
        "thread CPU time of ops within whole steps, median of the repeats; alone";
    return report.busy ? alone + ", and with every core busy" : alone;
  }

  static void summarise(ProfileReport& report) {
    double minimum = 0;
    double typical = 0;
    double busy = 0;
    for (const auto& op : report.times.ops) {
      if (op) {
        minimum += op->minimum.seconds();
        typical += op->time.seconds();
        busy += op->busy.value_or(op->time).seconds();
      }
    }
    if (minimum > 0) {
      report.noise = (typical - minimum) / minimum;
      report.slow_down = busy / typical;
    }
  }

  const Graph& graph_;
  std::vector<Device> devices_;
  std::vector<DeviceThread> threads_;  // [devices_]
  std::optional<ProfiledGpu> gpu_;
  const ProfileOptions& options_;
  const MachineFacts facts_ = machine_facts();
  std::string machine_;
  ProfileCache cache_;
  std::vector<DistinctOp> distinct_;
  std::map<std::string, std::size_t> by_key_;
  std::vector<std::size_t> distinct_of_;  // [nodes]
  std::string context_;                   // what makes times of equal ops comparable
  std::vector<double> launches_;          // of GPUs: samples, seconds
  double clock_cost_ = 0;
  bool too_large_ = false;
  double start_;
};

}  // namespace

ProfileReport profile_ops_with(GpuDriver* driver, const Graph& graph, const Cluster& cluster,
                               const std::string& kind, const ProfileOptions& options) {
  const auto places = runnable_gpus(cluster, driver);
  std::vector<Device> devices;
  std::optional<ProfiledGpu> gpu;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    const Device& device = cluster.devices()[i];
    if (device.kind != kind) {
      continue;
    }
    if (devices.empty() && places[i]) {
      gpu.emplace(ProfiledGpu{make_streams(*driver, places[i]->gpu, places[i]->part).compute,
                              fmt::format("{}, CUDA {}", driver->facts(places[i]->gpu).name,
                                          driver->software().driver)});
    }
    devices.push_back(device);
  }
  if (devices.empty()) {
    throw Error(ErrorKind::kDevice, "the cluster has no device of kind \"" + kind + "\"");
  }
  return Profile(graph, std::move(devices), std::move(gpu), options).run();
}

ProfileReport profile_ops(const Graph& graph, const Cluster& cluster, const std::string& kind,
                          const ProfileOptions& options) {
  return profile_ops_with(gpu_driver_for(cluster), graph, cluster, kind, options);
}

}  // namespace placer::profile
