#include "placer/formats/json_quantities.h"

#include <cmath>

namespace placer {

double read_amount(JsonView json, double most, std::string_view what) {
  const double value = json.as_number(what);
  if (!(value >= 0) || value > most) {
    json.fail_expected(what);
  }
  return value == 0 ? 0 : value;  // not -0
}

Bytes read_bytes(JsonView json) {
  const double bytes = read_amount(json, static_cast<double>(kMostMemory.count), kWhatBytes);
  return {static_cast<std::int64_t>(std::ceil(bytes))};
}

std::int64_t read_whole(JsonView json, double least, std::string_view what) {
  const double value = json.as_number(what);
  if (value != std::floor(value) || value < least || value > kMostWholeDouble) {
    json.fail_expected(what);
  }
  return static_cast<std::int64_t>(value);
}

void add_up(JsonView json, StatedTotal& total, SimTime time) {
  if (!total.add(time)) {
    json.fail("all times of this kind together exceed 26 days");
  }
}

}  // namespace placer
