#pragma once

// Clock and temperature of a GPU, from NVIDIA's management library where the driver brought it.

#include <optional>
#include <string>

namespace placer::profile {

struct Readings {
  std::optional<double> clock_hz;
  std::optional<double> celsius;
};

// `bus`: the GPU's PCI address. Nothing where the library is missing or does not know. Thread-safe.
[[nodiscard]] Readings read_management_library(const std::string& bus);

}  // namespace placer::profile
