#pragma once

// A device for every node: the answer.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "placer/base/ids.h"
#include "placer/cluster/cluster.h"
#include "placer/graph/graph.h"

namespace placer {

struct Placement {
  std::vector<DeviceId> device;  // [graph.size()], indexed by NodeId
  // [graph.size()] or empty: higher runs first among ready ops of a device, ties by lower index.
  // Empty: the upward rank of mean times (default_priority).
  std::vector<std::int64_t> priority;

  bool operator==(const Placement&) const = default;
};

[[nodiscard]] Placement all_on(const Graph& graph, DeviceId device);
[[nodiscard]] std::size_t num_devices_used(const Placement& placement);

// Where a placement came from and what is known of it; goes into its file.
struct MeasuredTime {
  double median_us = 0;
  double low_us = 0;  // 95 % confidence interval of the median
  double high_us = 0;
  int samples = 0;
  std::string method;  // "wall time of whole steps, interleaved"
};
struct Provenance {
  std::string algorithm;
  std::uint64_t seed = 0;
  std::string command;
  std::string tool;  // "placer 0.1.0"
  std::string date;
  std::uint64_t evaluations = 0;
  std::optional<double> predicted_us;  // step time
  // What it was chosen by where that is not the step time ("max-load"), and its value: microseconds
  // of a time, bytes of memory, of a combination relative to the best single device.
  std::string objective = {};
  std::optional<double> objective_value = std::nullopt;
  std::vector<Bytes> predicted_peak_memory;  // [devices] or empty
  std::optional<MeasuredTime> measured;
};

}  // namespace placer
