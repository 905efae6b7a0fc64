#include "placer/formats/parameter.h"

#include "placer/base/error.h"
#include "placer/evaluate/budget.h"

namespace placer {

std::string read_parameter(JsonView json) {
  switch (json.type()) {
    case JsonType::kString:
      return std::string(json.as_string());
    case JsonType::kBool:
      return json.as_bool() ? "true" : "false";
    case JsonType::kInteger:
    case JsonType::kDecimal:
      return json.number_text();
    default:
      json.fail_expected("a string, a number, true or false");
  }
}

std::string read_budget(JsonView json) {
  std::string budget =
      json.type() == JsonType::kInteger ? json.number_text() : std::string(json.as_string());
  try {
    (void)parse_budget(budget);
  } catch (const Error& problem) {
    json.fail(problem.what());
  }
  return budget;
}

}  // namespace placer
