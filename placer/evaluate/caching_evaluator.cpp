#include "placer/evaluate/caching_evaluator.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include "placer/base/error.h"
#include "placer/evaluate/incremental.h"
#include "placer/evaluate/placement_hash.h"

namespace placer {

namespace {

class CachingEvaluator : public Evaluator {
 public:
  CachingEvaluator(Evaluator& inner, std::size_t capacity) : inner_(inner), capacity_(capacity) {}

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override;
  [[nodiscard]] std::string name() const override { return inner_.name(); }
  [[nodiscard]] std::unique_ptr<IncrementalEvaluator> incremental(
      const Constraints& constraints) override {
    return inner_.incremental(constraints);
  }

 private:
  void forget() {
    slot_of_.clear();
    known_.clear();
  }
  void ask(std::size_t first_new);

  Evaluator& inner_;
  std::size_t capacity_;
  std::unordered_map<Placement, std::size_t, PlacementHash> slot_of_;
  std::vector<Outcome> known_;       // by slot
  std::vector<Placement> new_ones_;  // of the current batch, each once
  std::vector<std::size_t> slots_;   // of the current batch
};

void CachingEvaluator::evaluate(std::span<const Placement> placements, std::span<Outcome> results) {
  PLACER_CHECK(placements.size() == results.size(), "one result per placement");
  if (known_.size() >= capacity_) forget();
  const std::size_t first_new = known_.size();
  new_ones_.clear();
  slots_.clear();
  for (const Placement& placement : placements) {
    const auto [entry, is_new] = slot_of_.try_emplace(placement, first_new + new_ones_.size());
    if (is_new) new_ones_.push_back(placement);
    slots_.push_back(entry->second);
  }
  ask(first_new);
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i] = known_[slots_[i]];
  }
}

void CachingEvaluator::ask(std::size_t first_new) {
  if (new_ones_.empty()) return;
  try {
    known_.resize(first_new + new_ones_.size());
    inner_.evaluate(new_ones_, std::span(known_).subspan(first_new));
  } catch (...) {
    forget();  // slots were promised that nobody filled
    throw;
  }
}

}  // namespace

std::unique_ptr<Evaluator> make_caching_evaluator(Evaluator& inner, std::size_t capacity) {
  return std::make_unique<CachingEvaluator>(inner, capacity);
}

}  // namespace placer
