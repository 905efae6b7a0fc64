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
  [[nodiscard]] std::string number(double cost) const;
  // With the unit, for sentences: "17.715 ms".
  [[nodiscard]] std::string value(double cost) const;
  // "value_us", "value_bytes" or "score", and the number in full.
  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] double full(double cost) const { return cost / per_key_; }
  // Outcomes' step_time is the objective (or for a sum what it begins with): busy times count.
  [[nodiscard]] bool is_time() const { return key_ == "value_us"; }

 private:
  std::string heading_;
  std::string unit_;
  std::string key_;
  double per_unit_ = 1;  // of Outcome::cost()
  double per_key_ = 1;
  int decimals_ = 3;
};

}  // namespace placer::cli
