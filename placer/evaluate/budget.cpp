#include "placer/evaluate/budget.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "placer/base/error.h"

namespace placer {

namespace {

// Longer than any search, and far from overflow when it is turned into clock ticks.
constexpr double kMaxSeconds = 1e8;

Error bad_budget(std::string_view text) {
  return usage_error(fmt::format(
      "budget \"{}\": expected seconds (60s), milliseconds (500ms), minutes (2m), hours (1h), a "
      "number of evaluations (2000), or a time and a number (60s,2000)",
      text));
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Seconds in one unit; 0 for text that is no unit.
double unit_seconds(std::string_view unit) {
  if (unit == "ms") return 1e-3;
  if (unit == "s") return 1;
  if (unit == "m" || unit == "min") return 60;
  if (unit == "h") return 3600;
  return 0;
}

// Reads one part into `budget`; false when it is not a budget or says twice the same.
bool parse_part(std::string_view part, Budget& budget) {
  const auto unit_at = part.find_first_not_of("0123456789.");
  const std::string_view number = part.substr(0, unit_at);
  const char* end = number.data() + number.size();
  if (unit_at == std::string_view::npos) {
    std::uint64_t count = 0;
    const auto [stop, problem] = std::from_chars(number.data(), end, count);
    if (problem != std::errc{} || stop != end || count == 0 || budget.evaluations) return false;
    budget.evaluations = count;
    return true;
  }
  double value = 0;
  const auto [stop, problem] = std::from_chars(number.data(), end, value);
  const double seconds = value * unit_seconds(trimmed(part.substr(unit_at)));
  if (problem != std::errc{} || stop != end || budget.seconds) return false;
  if (!(seconds > 0) || seconds > kMaxSeconds) return false;
  budget.seconds = seconds;
  return true;
}

}  // namespace

Budget parse_budget(std::string_view text) {
  Budget budget;
  std::string_view rest = text;
  while (true) {
    const auto comma = rest.find(',');
    if (!parse_part(trimmed(rest.substr(0, comma)), budget)) throw bad_budget(text);
    if (comma == std::string_view::npos) return budget;
    rest.remove_prefix(comma + 1);
  }
}

std::string to_string(const Budget& budget) {
  std::string text;
  if (budget.seconds) text = fmt::format("{}s", *budget.seconds);
  if (budget.evaluations) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", *budget.evaluations);
  }
  return text.empty() ? "unlimited" : text;
}

BudgetClock::BudgetClock(Budget budget, std::stop_token stop)
    : budget_(budget), stop_(std::move(stop)), start_(std::chrono::steady_clock::now()) {}

std::uint64_t BudgetClock::left() const {
  if (stop_.stop_requested()) return 0;
  if (budget_.seconds && seconds() >= *budget_.seconds) return 0;
  if (!budget_.evaluations) return std::numeric_limits<std::uint64_t>::max();
  return *budget_.evaluations > spent_ ? *budget_.evaluations - spent_ : 0;
}

void BudgetClock::restore(std::uint64_t evaluations, double seconds) {
  spent_ = evaluations;
  start_ = std::chrono::steady_clock::now() -
           std::chrono::duration_cast<std::chrono::steady_clock::duration>(
               std::chrono::duration<double>(seconds));
}

double BudgetClock::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

double BudgetClock::fraction() const {
  double used = 0;
  if (budget_.seconds) used = seconds() / *budget_.seconds;
  if (budget_.evaluations) {
    used = std::max(used, static_cast<double>(spent_) / static_cast<double>(*budget_.evaluations));
  }
  return std::min(used, 1.0);
}

}  // namespace placer
