#pragma once

// Measures in another process, so that a crash or a hang of one placement is an Outcome and the
// search goes on. The protocol, one JSON message a line on the worker's standard streams, is
// docs/formats/worker.md.

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "placer/evaluate/evaluator.h"
#include "profiler/measuring_evaluator.h"

namespace placer::profile {

// The worker's side: serves requests from `in` until it ends or says "quit".
void serve_worker(std::istream& in, std::ostream& out);

struct WorkerOptions {
  std::vector<std::string> command;  // program and arguments: {"/proc/self/exe", "worker"}
  std::string graph_file;            // as the worker reads them
  std::string cluster_file;
  ExecutorOptions executor;
  MeasureOptions measure;
  double hang_seconds = 60;  // beyond its own limit, before a silent worker is killed and replaced
};

// The caller's side: an evaluator that starts a worker when needed and replaces one that died or
// hangs (kCrashed, kTimeOut). `graph` and `cluster` must be what the files hold.
[[nodiscard]] std::unique_ptr<Evaluator> make_worker_evaluator(const Graph& graph,
                                                               const Cluster& cluster,
                                                               const WorkerOptions& options);

}  // namespace placer::profile
