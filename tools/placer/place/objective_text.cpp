#include "tools/placer/place/objective_text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace placer::cli {

ObjectiveText::ObjectiveText(const std::string& objective) {
  if (objective == "peak-memory") {
    heading_ = "peak MiB";
    unit_ = "MiB";
    key_ = "value_bytes";
    per_unit_ = 1 << 20;
  } else if (objective.find_first_of("+*,") != std::string::npos) {
    heading_ = "score";
    key_ = "score";
    // As sim::make_combined scales them: relative to the best single device.
    per_unit_ = per_key_ = objective.find(',') == std::string::npos ? 1e12 : 1e9 * 0x1p26;
    decimals_ = 6;
  } else {
    heading_ = objective == "step-time" ? "simulated ms" : objective + " ms";
    unit_ = "ms";
    key_ = "value_us";
    per_unit_ = 1e9;  // picoseconds
    per_key_ = 1e6;
    decimals_ = objective == "step-time" ? 2 : 3;
  }
}

std::string ObjectiveText::number(const Outcome& outcome) const {
  const double value = static_cast<double>(outcome.cost()) / per_unit_;
  // Small values with four digits that count.
  const int digits = value > 0 ? 3 - static_cast<int>(std::floor(std::log10(value))) : 0;
  return fmt::format("{:.{}f}", value, std::clamp(digits, decimals_, 9));
}

std::string ObjectiveText::value(const Outcome& outcome) const {
  return number(outcome) + (unit_.empty() ? "" : " " + unit_);
}

}  // namespace placer::cli
