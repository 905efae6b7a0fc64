// Times training steps of a graph on one core, as tools/export/eager_step.py times them in eager
// Python:
//
//   executor_step GRAPH [--repeats N] [--devices N] [--all-cores] [--cluster FILE --device NAME]
//                 [--cuda-graphs] [--interactive]
//
// GRAPH is a placer.graph file, or a .pt2 archive, which gets SGD updates. With --devices N the ops
// go to N cores in contiguous parts of the graph's order, with --cluster and --device all to one
// device of a cluster file (placer devices), such as cuda:0; with --cuda-graphs as one launch there.
// With --interactive it runs a step for
// each line on standard input and answers with one JSON line, so that tools/bench/step_ratio.py can
// interleave its steps with another program's.

#include <sched.h>

#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/evaluate/statistics.h"
#include "placer/formats/formats.h"
#include "placer/formats/pt2.h"
#include "profiler/devices.h"
#include "profiler/executor.h"
#include "profiler/openmp_environment.h"

namespace {

using namespace placer;

struct Options {
  std::string graph;
  int repeats = 15;
  int warm_up = 3;
  std::size_t devices = 1;
  bool all_cores = false;
  bool interactive = false;
  bool cuda_graphs = false;
  std::string cluster;  // file; with the name of one of its devices
  std::string device;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--interactive") {
      options.interactive = true;
    } else if (word == "--cuda-graphs") {
      options.cuda_graphs = true;
    } else if (word == "--all-cores") {
      options.all_cores = true;
    } else if (word == "--repeats" && i + 1 < argc) {
      options.repeats = std::stoi(argv[++i]);
    } else if (word == "--devices" && i + 1 < argc) {
      options.devices = std::stoul(argv[++i]);
    } else if (word == "--cluster" && i + 1 < argc) {
      options.cluster = argv[++i];
    } else if (word == "--device" && i + 1 < argc) {
      options.device = argv[++i];
    } else if (options.graph.empty() && !word.starts_with("--")) {
      options.graph = word;
    } else {
      throw usage_error("unknown argument " + word);
    }
  }
  if (options.graph.empty() || options.repeats < 1 || options.devices < 1 ||
      options.cluster.empty() != options.device.empty()) {
    throw usage_error(
        "usage: executor_step GRAPH [--repeats N] [--devices N] [--all-cores] [--cluster FILE "
        "--device NAME] [--cuda-graphs] [--interactive]");
  }
  return options;
}

Graph load(const std::string& path) {
  if (path.ends_with(".pt2")) {
    ImportOptions options;
    options.optimizer.kind = Optimizer::kSgd;
    return import_pt2(path, options).graph;
  }
  return read_graph(read_file(path), path).graph;
}

Cluster cores(const Options& options) {
  std::vector<Device> devices;
  Link link{"hand-off", {}, from_microseconds(20), std::nullopt, false};
  for (std::size_t i = 0; i < options.devices; ++i) {
    const std::string name = options.all_cores ? "cpu" : fmt::format("cpu:{}", i);
    devices.push_back({name,
                       options.all_cores ? "cpu-all" : "cpu-core",
                       Bytes{std::int64_t{1} << 40},
                       {},
                       {},
                       {}});
    for (std::size_t j = 0; j < options.devices; ++j) {
      if (i != j) {
        link.pairs.emplace_back(id_at<DeviceId>(i), id_at<DeviceId>(j));
      }
    }
  }
  return {"cores", std::move(devices),
          options.devices > 1 ? std::vector<Link>{link} : std::vector<Link>{}};
}

// All ops on the device that was named, else contiguous parts on the cores.
Placement place(const Options& options, const Graph& graph, const Cluster& cluster) {
  if (!options.device.empty()) {
    const auto device = cluster.find(options.device);
    if (!device) {
      throw usage_error(options.cluster + " has no device " + options.device);
    }
    return all_on(graph, *device);
  }
  Placement placement = all_on(graph, DeviceId{0});
  for (std::size_t i = 0; i < graph.size(); ++i) {
    placement.device[i] = id_at<DeviceId>(i * options.devices / graph.size());
  }
  return placement;
}

Cluster open_cluster(const Options& options) {
  if (options.cluster.empty()) {
    return cores(options);
  }
  Cluster cluster = read_cluster(read_file(options.cluster), options.cluster);
  for (const Device& device : cluster.devices()) {
    if (const std::string reason = profile::cannot_run_on(device); !reason.empty()) {
      throw Error(ErrorKind::kDevice, reason);
    }
  }
  return cluster;
}

struct StepMilliseconds {
  double wall = 0;
  double cpu = 0;  // of all ops together; 0 when not recorded, as captured steps cannot be
};

StepMilliseconds milliseconds(profile::Executor& executor, bool record = false) {
  const profile::StepReport report = executor.step(0, record);
  if (report.infeasible) {
    throw Error(ErrorKind::kInfeasible, report.infeasible->text);
  }
  StepMilliseconds step{1e3 * report.wall_seconds, 0};
  for (const profile::OpRun& op : report.ops) {
    step.cpu += 1e3 * op.cpu_seconds;
  }
  return step;
}

void run(const Options& options) {
  const Cluster cluster = open_cluster(options);
  const Graph graph = load(options.graph);
  const auto executor = profile::make_executor(graph, cluster, {});
  executor->place(place(options, graph, cluster));
  for (int i = 0; i < options.warm_up; ++i) {
    (void)milliseconds(*executor);
  }
  if (options.cuda_graphs) {
    if (const std::string reason = executor->capture(); !reason.empty()) {
      throw Error(ErrorKind::kDevice, "the step cannot be captured: " + reason);
    }
    (void)milliseconds(*executor);
  }
  if (options.interactive) {
    std::cout << "{\"ready\": true}" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      std::cout << fmt::format("{{\"wall_ms\": {}}}", milliseconds(*executor).wall) << std::endl;
    }
    return;
  }
  std::vector<double> walls;
  std::vector<double> cpus;
  for (int i = 0; i < options.repeats; ++i) {
    const StepMilliseconds step = milliseconds(*executor, !options.cuda_graphs);
    walls.push_back(step.wall);
    cpus.push_back(step.cpu);
  }
  const Interval interval = median_interval(walls);
  std::cout << fmt::format(
      "{}: {} nodes, {} steps: median {:.2f} ms (95 % interval {:.2f} to {:.2f}), minimum {:.2f} "
      "ms; "
      "processor time of the ops: median {:.2f} ms, minimum {:.2f} ms\n",
      options.graph, graph.size(), options.repeats, median(walls), interval.low, interval.high,
      quantile(walls, 0), median(cpus), quantile(cpus, 0));
}

}  // namespace

int main(int argc, char** argv) {
  placer::profile::ensure_openmp_environment(argv);
  try {
    run(parse(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "executor_step: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
