// placer import: a graph from a model, or from a workload that was published with its times.

#include "tools/placer/import/import.h"

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "placer/base/error.h"

namespace placer::cli {
namespace {

constexpr const char* kImportHelp =
    "a graph from a PyTorch model (.pt2), or a public workload with its times and machines";
constexpr const char* kImportFooter =
    "Example: placer import model.pt2 --optimizer sgd -o graph.json\n"
    "         placer import --from dnn-partitioning bert.json -o graph.json -c cluster.json\n"
    "         placer import vgg16.graph.txt --devices 4 -o graph.json -c cluster.json\n"
    "         placer import configs/workloads/task-graph/topcuoglu.json -o graph.json -c "
    "cluster.json";

// An option that only one source knows.
struct SourceOption {
  CLI::Option* option;
  ImportSource source;
};

ImportSource source_of(const ImportFlags& flags) {
  if (flags.from.empty()) {
    return recognise_source(flags.file);
  }
  std::string known;
  for (const ImportSource source : kImportSources) {
    if (flags.from == name_of(source)) {
      return source;
    }
    known += (known.empty() ? "" : ", ") + std::string(name_of(source));
  }
  throw usage_error("--from " + flags.from + ": expected one of " + known);
}

void check_options(const ImportFlags& flags, ImportSource source,
                   const std::vector<SourceOption>& options) {
  for (const SourceOption& only : options) {
    if (only.option->count() > 0 && only.source != source) {
      throw usage_error(fmt::format("{} is for --from {}; {} is read as {}",
                                    only.option->get_name(), name_of(only.source), flags.file,
                                    name_of(source)));
    }
  }
  if (source == ImportSource::kPt2 && !flags.cluster.empty()) {
    throw usage_error("--cluster: a .pt2 file names no machines; `placer devices` describes yours");
  }
  if (source != ImportSource::kPt2 && flags.cluster.empty()) {
    throw usage_error("--cluster is missing: the file names machines too, say where to write them");
  }
}

int run_import(ImportFlags flags, const std::vector<SourceOption>& options, const Shared& shared) {
  const ImportSource source = source_of(flags);
  check_options(flags, source, options);
  if (flags.output.empty()) {
    flags.output = std::filesystem::path(flags.file).stem().string() + ".json";
  }
  require_writable(flags.output, {flags.file});
  require_writable(flags.cluster, {flags.file, flags.output});
  return source == ImportSource::kPt2 ? import_archive(std::move(flags), shared)
                                      : import_workload(flags, source, shared);
}

void add_archive_options(CLI::App& command, ImportFlags& flags,
                         std::vector<SourceOption>& options) {
  const auto of_archives = [&](CLI::Option* option) {
    options.push_back({option->group("Of .pt2 files"), ImportSource::kPt2});
  };
  of_archives(command.add_option("--optimizer", flags.optimizer,
                                 "none, sgd or adam: append the update of every parameter [none]"));
  of_archives(command
                  .add_option("--lr", flags.archive.optimizer.learning_rate,
                              "learning rate [0.01 for sgd, 0.001 for adam]")
                  ->check(above_zero()));
  of_archives(
      command.add_option("--momentum", flags.archive.optimizer.momentum, "of sgd, 0 to 1 [0]")
          ->check(CLI::Range(0.0, 1.0)));
  of_archives(command.add_option("--model", flags.archive.model,
                                 "which model of the archive [the only one]"));
  of_archives(command.add_flag(
      "--no-weights", flags.archive.seeded_weights,
      "do not name the file as the source of weights: runs make them from a seed"));
}

void add_pipedream_options(CLI::App& command, ImportFlags& flags,
                           std::vector<SourceOption>& options) {
  const auto of_profiles = [&](CLI::Option* option) {
    options.push_back({option->group("Of PipeDream profiles"), ImportSource::kPipedream});
  };
  of_profiles(command.add_option("--devices", flags.machine.devices, "how many to plan for [4]")
                  ->check(CLI::Range(std::size_t{1}, kMaxDevices)));
  of_profiles(command
                  .add_option("--bandwidth", flags.machine.bytes_per_second,
                              "bytes per second between any two, each way [1e9]")
                  ->check(CLI::Range(1.0, 1e18)));
  of_profiles(command.add_option("--memory", flags.memory, "of each device: 16GiB [no limit]"));
}

}  // namespace

void add_import(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand("import", kImportHelp);
  command->footer(kImportFooter);
  auto flags = std::make_shared<ImportFlags>();
  auto options = std::make_shared<std::vector<SourceOption>>();
  command->add_option("file", flags->file, "the file to read; .zst is decompressed")->required();
  command->add_option("--from", flags->from,
                      "pt2, dnn-partitioning, pipedream or task-graph [what the file looks like]");
  command->add_option("-o,--output", flags->output,
                      "graph to write; .zst compresses, - is stdout [<file>.json]");
  command->add_option("-c,--cluster", flags->cluster,
                      "cluster to write: the machines of a workload");
  command->add_option("--name", flags->name, "name of the graph [the file's stem]");
  add_archive_options(*command, *flags, *options);
  add_pipedream_options(*command, *flags, *options);
  command->callback([flags, options, &shared] {
    shared.action = [flags, options, &shared] { return run_import(*flags, *options, shared); };
  });
}

}  // namespace placer::cli
