#include <algorithm>
#include <chrono>
#include <istream>
#include <optional>
#include <ostream>

#include <fmt/format.h>

#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "profiler/devices.h"
#include "profiler/worker.h"
#include "profiler/worker_messages.h"

namespace placer::profile {

namespace {

// How often a worker that measures says that it lives: seldom enough not to disturb what it
// measures.
constexpr std::chrono::seconds kSignOfLife{1};

class Server {
 public:
  Server(std::istream& in, std::ostream& out) : in_(in), out_(out) {}

  void run() {
    for (std::string line; !quit_ && std::getline(in_, line);) {
      try {
        std::visit([this](const auto& request) { handle(request); }, parse_request(line));
      } catch (const Error& error) {
        reply(ErrorReply{error.kind(), error.what()});
      } catch (const std::exception& error) {
        reply(ErrorReply{ErrorKind::kInternal, error.what()});
      }
    }
  }

 private:
  // What a worker measures on; members refer to those before them.
  struct Loaded {
    Workload workload;
    Cluster cluster;
    std::unique_ptr<Executor> executor;
    std::unique_ptr<Evaluator> evaluator;
  };

  void reply(const WorkerReply& message) { out_ << to_line(message) << '\n' << std::flush; }

  void handle(const HelloRequest& /*request*/) {
    const MachineFacts facts = machine_facts();
    reply(HelloReply{machine_name(facts), facts.library});
  }

  void handle(const LoadRequest& request) {
    loaded_.reset();
    auto loaded = std::make_unique<Loaded>(Loaded{
        read_graph(read_file(request.graph_file), request.graph_file),
        read_cluster(read_file(request.cluster_file), request.cluster_file), nullptr, nullptr});
    check(request.executor, *loaded);
    MeasureOptions measure = request.measure;
    measure.on_step = [this] { sign_of_life(); };
    loaded->executor = make_executor(loaded->workload.graph, loaded->cluster, request.executor);
    loaded->evaluator = make_measuring_evaluator(*loaded->executor, measure);
    loaded_ = std::move(loaded);
    reply(LoadedReply{loaded_->workload.graph.hash(), loaded_->cluster.hash()});
  }

  void handle(const EvaluateRequest& request) {
    if (!loaded_) {
      throw usage_error("worker: \"load\" comes before \"evaluate\"");
    }
    const Placement& placement = request.placement;
    const std::size_t nodes = loaded_->workload.graph.size();
    if (placement.device.size() != nodes ||
        (!placement.priority.empty() && placement.priority.size() != nodes)) {
      throw Error(
          ErrorKind::kBadInput, "worker message", "devices",
          fmt::format("{} entries, expected one per node: {}", placement.device.size(), nodes));
    }
    const bool known = std::ranges::all_of(
        placement.device, [&](DeviceId device) { return index(device) < loaded_->cluster.size(); });
    if (!known) {
      throw Error(ErrorKind::kBadInput, "worker message", "devices",
                  fmt::format("an unknown device, expected 0 to {}", loaded_->cluster.size() - 1));
    }
    last_sign_ = std::chrono::steady_clock::now();
    reply(OutcomeReply{request.id, loaded_->evaluator->evaluate_one(placement)});
  }

  void handle(const QuitRequest& /*request*/) { quit_ = true; }

  static void check(const ExecutorOptions& options, const Loaded& loaded) {
    if ((!options.memory_limit.empty() && options.memory_limit.size() != loaded.cluster.size()) ||
        (!options.priority.empty() && options.priority.size() != loaded.workload.graph.size())) {
      throw Error(ErrorKind::kBadInput, "worker message", "executor",
                  "expected a memory limit per device and a priority per node, or empty lists");
    }
  }

  void sign_of_life() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_sign_ >= kSignOfLife) {
      last_sign_ = now;
      reply(AliveReply{});
    }
  }

  std::istream& in_;
  std::ostream& out_;
  bool quit_ = false;
  std::unique_ptr<Loaded> loaded_;
  std::chrono::steady_clock::time_point last_sign_;
};

}  // namespace

void serve_worker(std::istream& in, std::ostream& out) {
  Server(in, out).run();
}

}  // namespace placer::profile
