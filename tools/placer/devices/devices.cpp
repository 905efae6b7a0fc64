// placer devices: what is in this machine, measured.

#include "profiler/devices.h"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "profiler/gpu/gpu_cluster.h"
#include "profiler/gpu/plugin.h"
#include "tools/placer/devices/gpu_report.h"
#include "tools/placer/shared.h"

namespace placer::cli {
namespace {

struct DevicesOptions {
  std::string output;
  bool all_cores = false;
  bool cpu_only = false;
  std::vector<std::string> splits;
};

// What was found, and the cluster of it.
struct Machine {
  profile::MachineFacts facts;
  profile::HandOffFacts hand_off;
  profile::GpuSurvey gpus;
  Cluster cluster;
};

std::vector<profile::GpuSplit> read_splits(const DevicesOptions& options) {
  std::vector<profile::GpuSplit> splits;
  for (const std::string& text : options.splits) {
    const profile::GpuSplit split = profile::parse_gpu_split(text);
    if (std::ranges::find(splits, split.gpu, &profile::GpuSplit::gpu) != splits.end()) {
      throw usage_error(fmt::format("--split names cuda:{} twice", split.gpu));
    }
    splits.push_back(split);
  }
  return splits;
}

// Every GPU, or part of one, has a thread of the host that launches its ops: a core less for CPU
// devices, as far as there are cores.
std::size_t cores_beside(std::size_t gpus, std::size_t cores) {
  return std::min(kMaxDevices - gpus, std::max<std::size_t>(1, cores - std::min(cores, gpus)));
}

Machine look_at_machine(const DevicesOptions& options, const Shared& shared) {
  const std::vector<profile::GpuSplit> splits = read_splits(options);
  profile::GpuSurvey gpus;
  profile::GpuDriver* driver = nullptr;
  if (!options.cpu_only) {
    driver = &profile::gpu_driver();  // before LibTorch is used
    if (driver->count() > 0) {
      shared.note("measuring GPUs and their links ...");
    }
    gpus = profile::survey_gpus(*driver);
    profile::require_gpus(gpus, splits);
  }
  const std::size_t gpu_devices = profile::gpu_devices(gpus, splits);
  if (gpu_devices >= kMaxDevices) {
    throw usage_error(
        fmt::format("{} GPUs or parts: a cluster has at most {} devices, the host's "
                    "among them",
                    gpu_devices, kMaxDevices));
  }
  profile::MachineFacts facts = profile::machine_facts();
  profile::HandOffFacts hand_off;
  if (!options.all_cores) {
    shared.note("measuring hand-offs between cores ...");
    hand_off = profile::measure_hand_off(facts);
  }
  Cluster cluster =
      options.all_cores
          ? profile::all_cores(facts)
          : profile::cores_cluster(facts, hand_off, cores_beside(gpu_devices, facts.cores.size()));
  if (driver != nullptr && gpu_devices > 0) {
    cluster = profile::with_gpus(cluster, *driver, gpus, splits);
  }
  return {std::move(facts), hand_off, std::move(gpus), std::move(cluster)};
}

std::string device_text(const Device& device) {
  std::string where;
  if (!device.cores.empty()) {
    where = device.cores.size() == 1
                ? fmt::format(", core {}", device.cores[0])
                : fmt::format(", cores {}-{}", device.cores.front(), device.cores.back());
  }
  return fmt::format("  {:<8} {}{}, may use {}{}\n", device.name, device.kind, where,
                     to_string(device.memory), device.pool ? " (shared)" : "");
}

std::string describe(const Machine& machine, bool with_gpus) {
  const profile::MachineFacts& facts = machine.facts;
  std::string text = fmt::format("{}, {} NUMA node{}, {}\n", profile::machine_name(facts),
                                 facts.numa_nodes, facts.numa_nodes == 1 ? "" : "s", facts.library);
  for (const std::string& cache : facts.caches) {
    text += "  " + cache + "\n";
  }
  text += fmt::format("  memory {}, {} free for this process\n", to_string(facts.memory),
                      to_string(facts.memory_available));
  if (machine.hand_off.latency_seconds > 0) {
    text += fmt::format(
        "  hand-off between cores: {:.1f} us, read at {:.1f} GB/s (shared memory: nothing is "
        "copied)\n",
        machine.hand_off.latency_seconds * 1e6, machine.hand_off.read_bytes_per_second * 1e-9);
  }
  // Less than the clock can tell from nothing is not a figure.
  if (machine.hand_off.overhead_seconds >= 1e-8) {
    text += fmt::format("  executor: {:.2f} us per op\n", machine.hand_off.overhead_seconds * 1e6);
  }
  if (with_gpus) {
    text += gpu_text(machine.gpus);
  }
  text += "devices\n";
  for (const Device& device : machine.cluster.devices()) {
    text += device_text(device);
  }
  return text;
}

nlohmann::ordered_json as_json(const Machine& machine) {
  const profile::MachineFacts& facts = machine.facts;
  const profile::HandOffFacts& hand_off = machine.hand_off;
  nlohmann::ordered_json report{{"format", "placer.devices-report"},
                                {"version", 1},
                                {"cpu", facts.cpu_model},
                                {"cores", facts.cores},
                                {"numa_nodes", facts.numa_nodes},
                                {"caches", facts.caches},
                                {"memory_bytes", facts.memory.count},
                                {"memory_available_bytes", facts.memory_available.count},
                                {"library", facts.library},
                                {"hand_off_latency_us", hand_off.latency_seconds * 1e6},
                                {"hand_off_bytes_per_second", hand_off.read_bytes_per_second},
                                {"executor_overhead_us", hand_off.overhead_seconds * 1e6}};
  add_gpus(report, machine.gpus);
  report["cluster"] = nlohmann::ordered_json::parse(write_cluster(machine.cluster));
  return report;
}

int run_devices(const DevicesOptions& options, const Shared& shared) {
  require_writable(options.output, {});
  const Machine machine = look_at_machine(options, shared);
  if (!options.output.empty()) {
    write_file(options.output, write_cluster(machine.cluster));
  }
  if (shared.json) {
    std::cout << as_json(machine).dump(2) << "\n";
  } else {
    std::cout << describe(machine, !options.cpu_only);
    std::cout << (options.output.empty() ? "write it with -o cluster.json\n"
                                         : "wrote " + options.output + "\n");
  }
  return 0;
}

}  // namespace

void add_devices(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand("devices", "what is in this machine, measured");
  command->footer("Example: placer devices -o cluster.json");
  auto options = std::make_shared<DevicesOptions>();
  command->add_option("-o,--output", options->output, "cluster file to write");
  command->add_flag("--all-cores", options->all_cores,
                    "one device that spreads every op over all cores, instead of one per core");
  auto* cpu_only = command->add_flag("--cpu-only", options->cpu_only, "look for no GPUs");
  command
      ->add_option("--split", options->splits,
                   "GPU=N: cut a GPU into 2, 4 or 8 devices, as cuda:0=4 (for each GPU once)")
      ->excludes(cpu_only)
      ->allow_extra_args(false);
  command->callback([options, &shared] {
    shared.action = [options, &shared] { return run_devices(*options, shared); };
  });
}

}  // namespace placer::cli
