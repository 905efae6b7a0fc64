#include <algorithm>
#include <chrono>
#include <optional>
#include <variant>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "profiler/worker.h"
#include "profiler/worker_messages.h"
#include "profiler/worker_process.h"

namespace placer::profile {

namespace {

using Clock = WorkerProcess::Clock;

// Where no step has a limit, silence says nothing; a worker may then be silent for this long.
constexpr std::chrono::hours kPatience{24};
// What the first steps of a new worker may take beyond the limit of warm ones.
constexpr double kColdSeconds = 10;

class WorkerEvaluator final : public Evaluator {
 public:
  WorkerEvaluator(const Graph& graph, const Cluster& cluster, const WorkerOptions& options)
      : graph_(graph), cluster_(cluster), options_(options) {
    options_.measure.on_step = nullptr;
  }

  ~WorkerEvaluator() override {
    if (worker_) {
      // It may be in the middle of something: the process is killed in any case.
      (void)worker_->write_line(to_line(WorkerRequest(QuitRequest{})), Clock::now());
    }
  }

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    PLACER_CHECK(placements.size() == results.size(), "an outcome per placement");
    for (std::size_t i = 0; i < placements.size(); ++i) {
      results[i] = measure(placements[i]);
      if (results[i].feasible()) {
        const double seconds = results[i].step_time.seconds();
        best_seconds_ = best_seconds_ ? std::min(*best_seconds_, seconds) : seconds;
      }
    }
  }

  std::string name() const override {
    return fmt::format(
        "measured in a worker process: wall time of whole steps, median of {}, {} discarded",
        options_.measure.repeats, options_.measure.warm_up);
  }

 private:
  using Status = WorkerProcess::Status;

  // How a conversation with a worker failed: what becomes of the placement.
  struct Lost {
    InfeasibleReason reason;
    std::string text;
  };
  template <typename T>
  using Answer = std::variant<T, Lost>;

  [[nodiscard]] double limit_seconds() const {
    const MeasureOptions& measure = options_.measure;
    return best_seconds_ && measure.limit_factor > 0 ? *best_seconds_ * measure.limit_factor
                                                     : measure.first_limit_seconds;
  }

  [[nodiscard]] Clock::time_point deadline() const {
    if (limit_seconds() <= 0) {
      return Clock::now() + kPatience;
    }
    const std::chrono::duration<double> patience(limit_seconds() + options_.hang_seconds);
    return Clock::now() + std::chrono::duration_cast<Clock::duration>(patience);
  }

  [[nodiscard]] Lost lose_worker(Status status) {
    Lost lost{InfeasibleReason::kTimeOut, "the worker was silent for too long and was ended"};
    if (status == Status::kEnded) {
      lost = {InfeasibleReason::kCrashed, "the worker " + worker_->how_it_ended()};
    }
    worker_.reset();
    return lost;
  }

  // Sends a request and waits for the reply of the wanted kind; every sign of life gives it more
  // time.
  template <typename Reply>
  Answer<Reply> ask(const WorkerRequest& request) {
    if (const Status status = worker_->write_line(to_line(request), deadline());
        status != Status::kDone) {
      return lose_worker(status);
    }
    for (std::string line;;) {
      if (const Status status = worker_->read_line(line, deadline()); status != Status::kDone) {
        return lose_worker(status);
      }
      WorkerReply reply = parse_reply(line);
      if (auto* wanted = std::get_if<Reply>(&reply)) {
        return std::move(*wanted);
      }
      if (const auto* error = std::get_if<ErrorReply>(&reply)) {
        worker_.reset();
        if (error->kind ==
            ErrorKind::kInternal) {  // its own trouble (memory), not that of the input
          return Lost{InfeasibleReason::kFailed, "the worker failed: " + error->text};
        }
        throw Error(error->kind, "worker: " + error->text);
      }
      if (!std::holds_alternative<AliveReply>(reply)) {
        worker_.reset();
        throw Error(ErrorKind::kInternal, "the worker's reply is not what was asked for: " + line);
      }
    }
  }

  template <typename Reply>
  Reply must(const WorkerRequest& request) {
    Answer<Reply> answer = ask<Reply>(request);
    if (const auto* lost = std::get_if<Lost>(&answer)) {
      throw Error(ErrorKind::kDevice, lost->text + " before it was ready");
    }
    return std::get<Reply>(std::move(answer));
  }

  void start_worker() {
    worker_ = std::make_unique<WorkerProcess>(options_.command);
    (void)must<HelloReply>(HelloRequest{});
    LoadRequest load{options_.graph_file, options_.cluster_file, options_.executor,
                     options_.measure};
    // One that replaces another knows the best so far, but its first steps are cold.
    load.measure.first_limit_seconds =
        std::min(limit_seconds() + kColdSeconds, options_.measure.first_limit_seconds);
    const auto loaded = must<LoadedReply>(load);
    if (loaded.graph_hash != graph_.hash() || loaded.cluster_hash != cluster_.hash()) {
      worker_.reset();
      throw Error(ErrorKind::kUsage,
                  fmt::format("the worker reads another {} from {}: was the file changed?",
                              loaded.graph_hash != graph_.hash() ? "graph" : "cluster",
                              loaded.graph_hash != graph_.hash() ? options_.graph_file
                                                                 : options_.cluster_file));
    }
  }

  Outcome measure(const Placement& placement) {
    if (!worker_) {
      start_worker();
    }
    Answer<OutcomeReply> answer = ask<OutcomeReply>(EvaluateRequest{++last_id_, placement});
    if (auto* lost = std::get_if<Lost>(&answer)) {
      Outcome outcome;
      outcome.infeasible = Infeasible{lost->reason, {}, {}, {}, std::move(lost->text)};
      return outcome;
    }
    auto& reply = std::get<OutcomeReply>(answer);
    PLACER_CHECK(reply.id == last_id_, "one request at a time");
    const auto& infeasible = reply.outcome.infeasible;
    if (infeasible && infeasible->reason == InfeasibleReason::kCrashed) {
      worker_.reset();  // it lost a device for good; the next one may have it again
    }
    return std::move(reply.outcome);
  }

  const Graph& graph_;
  const Cluster& cluster_;
  WorkerOptions options_;
  std::unique_ptr<WorkerProcess> worker_;
  std::uint64_t last_id_ = 0;
  std::optional<double> best_seconds_;
};

}  // namespace

std::unique_ptr<Evaluator> make_worker_evaluator(const Graph& graph, const Cluster& cluster,
                                                 const WorkerOptions& options) {
  return std::make_unique<WorkerEvaluator>(graph, cluster, options);
}

}  // namespace placer::profile
