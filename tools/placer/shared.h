#pragma once

// What all subcommands share: global flags, streams, files, progress, and how a subcommand hands
// its work to main().

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <stop_token>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "placer/base/error.h"
#include "placer/base/progress.h"
#include "placer/cluster/cluster.h"
#include "placer/cost/op_times.h"
#include "placer/evaluate/evaluator.h"

namespace placer::cli {

struct Shared {
  bool json = false;   // one JSON object on stdout instead of text
  bool quiet = false;  // no notes, no progress
  std::string command_line;
  std::stop_source stop;  // requested by the first Ctrl-C
  // Set by the subcommand that was chosen; its result is the exit status.
  std::function<int()> action;

  // Results go to stdout (std::cout), the rest here: a line on stderr, unless quiet.
  void note(const std::string& text) const;
  void warn(const std::string& text) const;  // also when quiet
  // A line that rewrites itself on a terminal with the time left; silent otherwise.
  [[nodiscard]] ProgressSink progress() const;
};

// What a command ends with that was asked about a placement which cannot run.
inline constexpr int kInfeasibleStatus = 4;

// For JSON: 222902.496, not 222902.49599999998.
[[nodiscard]] double micros(SimTime time);
// "12.3%"; "-" of nothing.
[[nodiscard]] std::string percent(SimTime part, SimTime whole);

[[nodiscard]] Workload load_graph(const std::string& path);
[[nodiscard]] Cluster load_cluster(const std::string& path);
[[nodiscard]] std::string tool_name();  // "placer 0.1.0"
[[nodiscard]] std::string now_iso();    // "2026-11-23T12:00:00Z"

// What a command ends with when nothing that it measured could run: kInfeasible where it does not
// fit, kDevice where it failed.
[[nodiscard]] ErrorKind failure_kind(InfeasibleReason reason);
// Throws Error(kUsage) unless a file can be written there that is none of `inputs`: asked before
// long work. "" and "-" can.
void require_writable(const std::string& path, const std::vector<std::string>& inputs);

// What an option's text must be: a whole number from `least` that 64 bits hold; a number above 0.
[[nodiscard]] CLI::Validator whole_number(std::uint64_t least = 0);
[[nodiscard]] CLI::Validator above_zero();

// {"error":{"code":3,"message":"..."}} for --json.
[[nodiscard]] std::string error_json(int status, const std::string& text);
// "did you mean" for the first word, when that is no subcommand; else empty.
[[nodiscard]] std::string unknown_subcommand_hint(const CLI::App& app, int argc, char** argv);

// Each adds one subcommand to `app`. Pattern:
//   auto* command = app.add_subcommand("inspect", "counts, bytes and times of a file");
//   auto options = std::make_shared<Options>();
//   command->add_option("file", options->file, "...")->required();
//   command->callback([options, &shared] { shared.action = [options, &shared] { return
//   run(*options, shared); }; });
void add_inspect(CLI::App& app, Shared& shared);
void add_import(CLI::App& app, Shared& shared);
void add_devices(CLI::App& app, Shared& shared);
void add_profile(CLI::App& app, Shared& shared);
void add_assume(CLI::App& app, Shared& shared);
void add_simulate(CLI::App& app, Shared& shared);
void add_train(CLI::App& app, Shared& shared);
void add_explain(CLI::App& app, Shared& shared);
void add_diff(CLI::App& app, Shared& shared);
void add_measure(CLI::App& app, Shared& shared);
void add_place(CLI::App& app, Shared& shared);
void add_compare(CLI::App& app, Shared& shared);
void add_export(CLI::App& app, Shared& shared);
void add_worker(CLI::App& app, Shared& shared);

}  // namespace placer::cli
