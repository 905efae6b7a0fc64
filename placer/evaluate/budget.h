#pragma once

// How long a search may take, in seconds, evaluations or both; and when it must stop.

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace placer {

struct Budget {
  std::optional<double> seconds;
  std::optional<std::uint64_t> evaluations;
};

// "60s", "2m", "500ms", "1h", a number of evaluations such as "2000", or both as "60s,2000": what
// ends first counts. Throws Error(kUsage) on other text.
[[nodiscard]] Budget parse_budget(std::string_view text);
// As parse_budget reads it; "unlimited" when there is no limit.
[[nodiscard]] std::string to_string(const Budget& budget);

// Counts against a budget from its construction on.
class BudgetClock {
 public:
  BudgetClock(Budget budget, std::stop_token stop);

  void spend(std::uint64_t evaluations) { spent_ += evaluations; }
  // Counts on from what an earlier run of the same search spent.
  void restore(std::uint64_t evaluations, double seconds);
  [[nodiscard]] std::uint64_t spent() const { return spent_; }
  // Evaluations that may still be asked for at once; 0 when time is up or a stop was requested.
  [[nodiscard]] std::uint64_t left() const;
  [[nodiscard]] bool exhausted() const { return left() == 0; }
  [[nodiscard]] bool stop_requested() const { return stop_.stop_requested(); }
  [[nodiscard]] double seconds() const;  // since construction
  // Share of the budget used, in [0, 1].
  [[nodiscard]] double fraction() const;

 private:
  Budget budget_;
  std::stop_token stop_;
  std::uint64_t spent_ = 0;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace placer
