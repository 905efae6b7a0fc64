#pragma once

// How values of an objective are printed: with a unit that fits, in JSON in full under a key that
// names the unit.

#include <string>

#include "placer/evaluate/evaluator.h"

namespace placer::cli {

class ObjectiveText {
 public:
  explicit ObjectiveText(const std::string& objective);

  // "simulated ms", "max-load ms", "peak MiB" or "score".
  [[nodiscard]] const std::string& heading() const { return heading_; }
  // In the heading's unit, without it: "17.715".
  [[nodiscard]] std::string number(const Outcome& outcome) const;
  // With the unit, for sentences: "17.715 ms".
  [[nodiscard]] std::string value(const Outcome& outcome) const;
  // "value_us", "value_bytes" or "score", and the number in full.
  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] double full(const Outcome& outcome) const {
    return static_cast<double>(outcome.cost()) / per_key_;
  }

 private:
  std::string heading_;
  std::string unit_;
  std::string key_;
  double per_unit_ = 1;  // of Outcome::cost()
  double per_key_ = 1;
  int decimals_ = 3;
};

}  // namespace placer::cli
