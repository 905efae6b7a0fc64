#pragma once

// How long each node takes on each kind of device, as measured or as given, with where the numbers
// come from.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "placer/base/units.h"
#include "placer/graph/graph.h"

namespace placer {

// How a profile was taken. Files keep it; commands warn when it is used on another machine or
// library version.
struct ProfileInfo {
  std::string machine;  // CPU or GPU model and count of cores
  std::string library;  // "libtorch 2.11.0"
  std::string method;   // "thread CPU time, median of repeats"
  int repeats = 0;
  std::string date;      // ISO 8601
  std::string workload;  // "" or why these are not measurements: "given by the file"
};

struct OpTime {
  SimTime time;     // the estimate that everything uses: the median of the repeats, a typical run
  SimTime minimum;  // of the repeats; equal to `time` where only one number is known
  // The estimate while every other device of the same memory pool works too, where it is known:
  // cores of one machine slow one another down (shared caches, memory bandwidth, clock).
  std::optional<SimTime> busy = std::nullopt;
  // The workload's own number where picoseconds cannot hold it: closed-form objectives add these.
  std::optional<double> exact_us = std::nullopt;

  [[nodiscard]] double microseconds() const { return exact_us.value_or(time.microseconds()); }
};

// Times of one kind of device.
struct KindTimes {
  std::string kind;
  ProfileInfo info;
  // [graph.size()]; nothing: an op this kind cannot run, or a node that is not an op.
  std::vector<std::optional<OpTime>> ops;
};

class OpTimes {
 public:
  [[nodiscard]] const std::vector<KindTimes>& kinds() const { return kinds_; }
  [[nodiscard]] const KindTimes* find(std::string_view kind) const;
  // Adds or replaces.
  void set(KindTimes times);

 private:
  std::vector<KindTimes> kinds_;
};

// A graph with its times: what a graph file holds.
struct Workload {
  Graph graph;
  OpTimes times;
};

}  // namespace placer
