// placer profile: time of every op on every kind of device, into the graph file.

#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "profiler/devices.h"
#include "profiler/op_profiler.h"
#include "profiler/profile_cache.h"
#include "tools/placer/shared.h"

namespace placer::cli {
namespace {

struct ProfileCommandOptions {
  std::string graph;
  std::string cluster;
  std::string output;
  int repeats = profile::ProfileOptions{}.repeats;
  std::string cache;
  bool no_cache = false;
  bool refresh = false;
  std::uint64_t seed = 1;
};

std::string describe(const profile::ProfileReport& report) {
  std::string text =
      fmt::format("{}: {} distinct ops ({} from the cache) in {:.1f} s, {} repeats, noise {:.1f} %",
                  report.times.kind, report.distinct, report.cached, report.seconds,
                  report.times.info.repeats, 100 * report.noise);
  if (report.slow_down != 1) {
    text += fmt::format(", {:.2f}x slower with every core busy", report.slow_down);
  }
  return text + "\n";
}

nlohmann::ordered_json as_json(const profile::ProfileReport& report) {
  return {{"kind", report.times.kind},
          {"distinct_ops", report.distinct},
          {"cached", report.cached},
          {"seconds", report.seconds},
          {"repeats", report.times.info.repeats},
          {"noise", report.noise},
          {"slow_down_when_busy", report.slow_down},
          {"machine", report.times.info.machine},
          {"library", report.times.info.library},
          {"method", report.times.info.method},
          {"stopped", report.stopped}};
}

void warn_of_doubts(const profile::ProfileReport& report, const ProfileCommandOptions& options,
                    const Shared& shared) {
  if (report.stopped) {
    shared.warn(fmt::format("stopped after {} of {} repeats{}: profile again for times to trust",
                            report.times.info.repeats, options.repeats,
                            report.busy ? "" : ", with no times beside busy cores"));
  }
  if (report.too_large) {
    shared.warn("memory is too small for a step on every core at once: ops were timed alone only");
  }
  if (!report.cache_problem.empty()) {
    shared.warn("op times could not be kept for other graphs: " + report.cache_problem);
  }
  if (report.noise > 0.25) {
    shared.warn(
        fmt::format("medians are {:.0f} % above minima: this machine is too noisy for "
                    "its times to be trusted; profile again when it is idle",
                    100 * report.noise));
  }
}

profile::ProfileOptions measuring_options(const ProfileCommandOptions& options,
                                          const Shared& shared) {
  profile::ProfileOptions measuring;
  measuring.repeats = options.repeats;
  measuring.seed = options.seed;
  measuring.refresh = options.refresh;
  measuring.stop = shared.stop.get_token();
  measuring.progress = shared.progress();
  if (!options.no_cache) {
    measuring.cache = options.cache.empty() ? profile::default_profile_cache()
                                            : std::filesystem::path(options.cache);
  }
  return measuring;
}

// Before anything else: whatever is missing for the last kind, nothing is measured in vain.
void require_devices(const Cluster& cluster) {
  for (const Device& device : cluster.devices()) {
    const std::string reason = is_host(device) ? "" : profile::cannot_run_on(device);
    if (!reason.empty()) {
      throw Error(ErrorKind::kDevice, "nothing can be profiled: " + reason);
    }
  }
}

int run_profile(const ProfileCommandOptions& options, const Shared& shared) {
  Workload workload = load_graph(options.graph);
  const Cluster cluster = load_cluster(options.cluster);
  const std::string& output = options.output.empty() ? options.graph : options.output;
  require_writable(output, {options.cluster});
  require_writable(options.cache, {options.graph, options.cluster, output});
  require_devices(cluster);
  const profile::ProfileOptions measuring = measuring_options(options, shared);
  nlohmann::ordered_json kinds = nlohmann::ordered_json::array();
  for (const std::string& kind : cluster.kinds()) {
    const profile::ProfileReport report =
        profile::profile_ops(workload.graph, cluster, kind, measuring);
    workload.times.set(report.times);
    kinds.push_back(as_json(report));
    if (!shared.json) {
      std::cout << describe(report);
    }
    warn_of_doubts(report, options, shared);
  }
  write_file(output, write_graph(workload));
  if (shared.json) {
    std::cout << nlohmann::ordered_json{{"format", "placer.profile-report"},
                                        {"version", 1},
                                        {"graph", output},
                                        {"kinds", std::move(kinds)}}
                     .dump(2)
              << "\n";
  } else {
    std::cout << "wrote " << output << "\n";
  }
  return 0;
}

}  // namespace

void add_profile(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand("profile", "measure every op on every kind of device");
  command->footer("Example: placer profile graph.json -c cluster.json -o graph.json");
  auto options = std::make_shared<ProfileCommandOptions>();
  command->add_option("graph", options->graph, "graph file (placer import)")->required();
  command->add_option("-c,--cluster", options->cluster, "devices (placer devices)")->required();
  command->add_option("-o,--output", options->output,
                      "graph file to write [the one that was read]");
  command->add_option("--repeats", options->repeats, "samples of every distinct op")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--cache", options->cache, "file of op times shared by graphs [in ~/.cache]");
  command->add_flag("--no-cache", options->no_cache, "neither read nor write that file");
  command->add_flag("--refresh", options->refresh, "measure again what the cache has");
  command->add_option("--seed", options->seed, "of weights and inputs")
      ->check(whole_number())
      ->capture_default_str();
  command->callback([options, &shared] {
    shared.action = [options, &shared] { return run_profile(*options, shared); };
  });
}

}  // namespace placer::cli
