#pragma once

// An algorithm's "name=value" parameters.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "placer/algorithm/algorithm.h"

namespace placer {

// Every parameter has a name, a default and a range. Construct, ask for each once, then check():
//   Parameters parameters("hill-climb", options.parameters);
//   const auto batch = parameters.integer("batch", 8, 1, 1024);
//   parameters.check();
class Parameters {
 public:
  Parameters(std::string algorithm, ParameterList given);

  // Throws Error(kUsage) when the given text is no number in [low, high].
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t otherwise,
                                     std::int64_t low, std::int64_t high);
  [[nodiscard]] double number(std::string_view name, double otherwise, double low, double high);
  // Throws Error(kUsage) when a name was given that nobody asked for, or twice.
  void check() const;

 private:
  const std::string* find(std::string_view name);

  std::string algorithm_;
  ParameterList given_;
  std::vector<std::string> known_;
};

}  // namespace placer
