// The program: reads the command line, runs one subcommand, turns what ended it into an exit
// status.

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "placer/base/error.h"
#include "tools/placer/build_info.h"
#include "tools/placer/shared.h"
#include "tools/placer/step_bench.h"

namespace placer::cli {
namespace {

constexpr int kStoppedTwice = 130;
// One request may come twice: `timeout` and some terminals signal the process and its group. What comes
// within this time, or while a busy machine keeps the thread waiting, is one.
constexpr std::chrono::milliseconds kSameRequest(200);

// Exit status of each ErrorKind, in its order.
int exit_status(ErrorKind kind) {
  static constexpr int kStatus[] = {1, 2, 3, 4, 5};
  return kStatus[static_cast<std::size_t>(kind)];
}

// The first Ctrl-C asks the running search to stop and keep its best; the second ends the program
// at once. A thread waits for the signal, so that no handler has to be async-signal-safe.
void watch_interrupts(Shared& shared) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([&shared, signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    shared.stop.request_stop();
    static constexpr char kNote[] = "\nstopping: keeping the best so far (again: quit now)\n";
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kNote, sizeof kNote - 1);
    std::this_thread::sleep_for(kSameRequest);
    constexpr timespec kNoWait{};
    while (sigtimedwait(&signals, nullptr, &kNoWait) > 0) {
    }
    sigwait(&signals, &signal);
    _exit(kStoppedTwice);
  }).detach();
}

std::string quoted_command(int argc, char** argv) {
  std::string line = "placer";
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool plain =
        !word.empty() && word.find_first_of(" \t\n'\"*?[]$&|;<>()#~`\\") == std::string::npos;
    line += plain ? " " + word : " '" + word + "'";
  }
  return line;
}

void add_subcommands(CLI::App& app, Shared& shared) {
  add_devices(app, shared);
  add_import(app, shared);
  add_profile(app, shared);
  add_assume(app, shared);
  add_place(app, shared);
  add_train(app, shared);
  add_compare(app, shared);
  add_measure(app, shared);
  add_simulate(app, shared);
  add_explain(app, shared);
  add_diff(app, shared);
  add_inspect(app, shared);
  add_export(app, shared);
  add_worker(app, shared);
}

int report(const Shared& shared, const std::string& text, int status) {
  std::cout.flush();
  if (shared.json) {
    std::cout << error_json(status, text) << "\n";
  }
  std::cerr << "placer: " << text << "\n";
  return status;
}

int run(int argc, char** argv) {
  Shared shared;
  shared.command_line = quoted_command(argc, argv);
  CLI::App app{
      "decides which device each operation of a neural network's step runs on\n"
      "Example: placer place graph.json -c cluster.json --budget 60s -o placement.json",
      "placer"};
  app.set_version_flag("--version", build_info());
  app.add_flag("--json", shared.json, "print one JSON object on stdout instead of text");
  app.add_flag("-q,--quiet", shared.quiet, "no notes and no progress");
  app.require_subcommand(1);
  app.fallthrough();
  add_subcommands(app, shared);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool wrong = app.exit(error, std::cout, std::cerr) != 0;
    if (wrong) {
      std::cerr << unknown_subcommand_hint(app, argc, argv);
    }
    return wrong ? exit_status(ErrorKind::kUsage) : EXIT_SUCCESS;
  }
  try {
    watch_interrupts(shared);
    return shared.action();
  } catch (const Error& error) {
    return report(shared, error.what(), exit_status(error.kind()));
  } catch (const std::bad_alloc&) {
    return report(shared, "this machine's memory is not enough", exit_status(ErrorKind::kInternal));
  } catch (const std::exception& error) {
    return report(shared, std::string("internal error: ") + error.what(),
                  exit_status(ErrorKind::kInternal));
  }
}

}  // namespace
}  // namespace placer::cli

int main(int argc, char** argv) {
  placer::cli::prepare_process(argv);
  const int status = placer::cli::run(argc, argv);
  std::cout.flush();
  return status;
}
