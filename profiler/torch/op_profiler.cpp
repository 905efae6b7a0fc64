#include "profiler/op_profiler.h"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <exception>
#include <latch>
#include <map>
#include <thread>

#include <c10/core/InferenceMode.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "placer/base/error.h"
#include "placer/evaluate/statistics.h"
#include "profiler/clocks.h"
#include "profiler/devices.h"
#include "profiler/profile_cache.h"
#include "profiler/torch/device_thread.h"
#include "profiler/torch/graph_runner.h"
#include "profiler/torch/op_key.h"

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

class Profile {
 public:
  Profile(const Graph& graph, std::vector<Device> devices, const ProfileOptions& options)
      : graph_(graph),
        devices_(std::move(devices)),
        options_(options),
        cache_(options.cache),
        distinct_of_(graph.size()),
        context_(fmt::format("{}|{}|{}|{}|{}", machine_name(facts_), facts_.library,
                             devices_[0].kind, devices_.size(), options.repeats)),
        start_(wall_seconds()) {
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
        measure();
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
    GraphRunner runner(graph_, options_.seed);
    runner.step({.before = [this](NodeId id, auto inputs) { find_distinct(id, inputs); },
                 .after = nullptr});
    if (options_.repeats < 1 || all_cached()) {
      return;
    }
    clock_cost_ = clock_cost();
    const int passes = options_.repeats * (devices_.size() > 1 ? 2 : 1);
    for (int pass = 0; pass < options_.repeats && !stopped(); ++pass) {
      sample(runner, pass, &DistinctOp::alone);
      tell(pass + 1, passes);
    }
    if (devices_.size() > 1 && !stopped()) {
      measure_busy(runner, passes);
    }
  }

  // The other devices run steps of their own all the while.
  void measure_busy(GraphRunner& runner, int passes) {
    std::atomic<bool> done = false;
    std::latch ready(static_cast<std::ptrdiff_t>(devices_.size()));
    std::vector<std::exception_ptr> failures(devices_.size());
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < devices_.size(); ++i) {
      others.emplace_back([&, i] {
        try {
          keep_busy(i, ready, done);
        } catch (...) {
          failures[i] = std::current_exception();
          ready.count_down();
        }
      });
    }
    ready.arrive_and_wait();
    for (int pass = 0; pass < options_.repeats && !stopped(); ++pass) {
      sample(runner, pass, &DistinctOp::busy);
      tell(options_.repeats + pass + 1, passes);
    }
    done = true;
    for (std::thread& other : others) {
      other.join();
    }
    for (const std::exception_ptr& failure : failures) {
      if (failure) {
        std::rethrow_exception(failure);
      }
    }
  }

  void keep_busy(std::size_t device, std::latch& ready, const std::atomic<bool>& done) const {
    become(threads_[device], devices_[device]);
    const c10::InferenceMode guard;
    GraphRunner own(graph_, options_.seed);
    ready.arrive_and_wait();
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

  // One pass: a sample of every distinct op, from the occurrence whose turn it is.
  void sample(GraphRunner& runner, int pass, std::vector<double> DistinctOp::*samples) {
    runner.step({.before = nullptr, .after = [&](NodeId id, double thread, double wall) {
                   DistinctOp& op = distinct_[distinct_of_[index(id)]];
                   if (op.nodes[static_cast<std::size_t>(pass) % op.nodes.size()] == id) {
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
      for (const NodeId node : op.nodes) {
        report.times.ops[index(node)] = time;
      }
    }
    cache_.save();
    report.times.info = {
        .machine = machine_name(facts_),
        .library = facts_.library,
        .method = many_threads() ? "wall time of ops within whole steps, median of the repeats"
                                 : "thread CPU time of ops within whole steps, median of the "
                                   "repeats; alone, and with every core busy",
        .repeats = repeats,
        .date = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))),
        .workload = ""};
    summarise(report);
    report.seconds = wall_seconds() - start_;
    return report;
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
  const ProfileOptions& options_;
  const MachineFacts facts_ = machine_facts();
  ProfileCache cache_;
  std::vector<DistinctOp> distinct_;
  std::map<std::string, std::size_t> by_key_;
  std::vector<std::size_t> distinct_of_;  // [nodes]
  std::string context_;                   // what makes times of equal ops comparable
  double clock_cost_ = 0;
  double start_;
};

}  // namespace

ProfileReport profile_ops(const Graph& graph, const Cluster& cluster, const std::string& kind,
                          const ProfileOptions& options) {
  std::vector<Device> devices;
  for (const Device& device : cluster.devices()) {
    if (device.kind == kind) {
      devices.push_back(device);
    }
  }
  if (devices.empty()) {
    throw Error(ErrorKind::kDevice, "the cluster has no device of kind \"" + kind + "\"");
  }
  return Profile(graph, std::move(devices), options).run();
}

}  // namespace placer::profile
