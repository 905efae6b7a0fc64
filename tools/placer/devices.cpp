// placer devices: what is in this machine, measured.

#include "profiler/devices.h"

#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "tools/placer/shared.h"

namespace placer::cli {
namespace {

struct DevicesOptions {
  std::string output;
  bool all_cores = false;
};

std::string describe(const profile::MachineFacts& facts, const profile::HandOffFacts& hand_off,
                     const Cluster& cluster) {
  std::string text = fmt::format("{}, {} NUMA node{}, {}\n", profile::machine_name(facts),
                                 facts.numa_nodes, facts.numa_nodes == 1 ? "" : "s", facts.library);
  for (const std::string& cache : facts.caches) {
    text += "  " + cache + "\n";
  }
  text += fmt::format("  memory {}, {} free for this process\n", to_string(facts.memory),
                      to_string(facts.memory_available));
  for (const Device& device : cluster.devices()) {
    text += fmt::format("  {:<8} {}, core{}, may use {}{}\n", device.name, device.kind,
                        device.cores.size() == 1
                            ? fmt::format(" {}", device.cores[0])
                            : fmt::format("s {}-{}", device.cores.front(), device.cores.back()),
                        to_string(device.memory), device.pool ? " (shared)" : "");
  }
  if (cluster.size() > 1) {
    text += fmt::format(
        "  hand-off between cores: {:.1f} us, read at {:.1f} GB/s (shared memory: nothing is "
        "copied)\n",
        hand_off.latency_seconds * 1e6, hand_off.read_bytes_per_second * 1e-9);
  }
  // Less than the clock can tell from nothing is not a figure.
  return hand_off.overhead_seconds < 1e-8 ? text
                                          : text + fmt::format("  executor: {:.2f} us per op\n",
                                                               hand_off.overhead_seconds * 1e6);
}

nlohmann::ordered_json as_json(const profile::MachineFacts& facts,
                               const profile::HandOffFacts& hand_off, const Cluster& cluster) {
  return {{"format", "placer.devices-report"},
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
          {"executor_overhead_us", hand_off.overhead_seconds * 1e6},
          {"cluster", nlohmann::ordered_json::parse(write_cluster(cluster))}};
}

int run_devices(const DevicesOptions& options, const Shared& shared) {
  require_writable(options.output, {});
  const profile::MachineFacts facts = profile::machine_facts();
  profile::HandOffFacts hand_off;
  if (!options.all_cores) {
    shared.note("measuring hand-offs between cores ...");
    hand_off = profile::measure_hand_off(facts);
  }
  const Cluster cluster =
      options.all_cores ? profile::all_cores(facts) : profile::cores_cluster(facts, hand_off);
  if (!options.output.empty()) {
    write_file(options.output, write_cluster(cluster));
  }
  if (shared.json) {
    std::cout << as_json(facts, hand_off, cluster).dump(2) << "\n";
  } else {
    std::cout << describe(facts, hand_off, cluster);
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
  command->callback([options, &shared] {
    shared.action = [options, &shared] { return run_devices(*options, shared); };
  });
}

}  // namespace placer::cli
