// placer worker: measures placements for another process.

#include "profiler/worker.h"

#include <iostream>

#include "tools/placer/shared.h"

namespace placer::cli {

void add_worker(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand(
      "worker",
      "measure placements for another process: one JSON message a line on the standard streams "
      "(docs/formats/worker.md)\n"
      "Example: echo '{\"version\": 1, \"request\": \"hello\"}' | placer worker");
  command->callback([&shared] {
    shared.action = [] {
      profile::serve_worker(std::cin, std::cout);
      return 0;
    };
  });
}

}  // namespace placer::cli
