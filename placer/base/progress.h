#pragma once

// How long work tells its caller how far it is, and hears that it must stop. Libraries never print.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace placer {

struct ProgressReport {
  std::string stage;              // "profiling", "colocrl"
  double done = 0;                // in the unit of total
  double total = 0;               // 0: not known
  std::optional<double> best_ms;  // best step time so far, milliseconds
  std::string running = {};       // what is at work within the stage: "annealing, tabu"; or empty
};

// Called from one thread at a time, at most a few times a second by convention of the caller's
// sink.
using ProgressSink = std::function<void(const ProgressReport&)>;

}  // namespace placer
