#pragma once

// A placement that changes by single moves, judged after each: what local search over closed-form
// objectives uses, millions of moves a second.

#include <cstdint>
#include <span>

#include "placer/base/ids.h"
#include "placer/evaluate/evaluator.h"

namespace placer {

// What local search compares. All of them: less is better.
struct MoveValue {
  // The objective: Outcome::cost() of this placement as if everything fitted, not rounded. Infinite
  // where the objective has no value (a cycle of blocks).
  double cost = 0;
  // Secondary: leads where many placements cost the same (the root of the sum of squared loads, so
  // that moves off a device that is not the critical one still count). In the unit of cost.
  double guide = 0;
  // By how many bytes devices and pools are over their limits, summed; 0: it fits.
  double overload_bytes = 0;
};

class IncrementalEvaluator {
 public:
  virtual ~IncrementalEvaluator() = default;

  // Starts from a device per unit of the constraints. Does not look at what is allowed.
  virtual void load(std::span<const DeviceId> choice) = 0;  // [units]
  // Puts the unit on another device. Undone exactly, to the bit, by moving it back.
  virtual MoveValue move(std::uint32_t unit, DeviceId to) = 0;
  [[nodiscard]] virtual MoveValue value() const = 0;
  [[nodiscard]] virtual DeviceId device(std::uint32_t unit) const = 0;
  // The device whose load decides the cost, where one does; else the most loaded.
  [[nodiscard]] virtual DeviceId bottleneck() const = 0;
  // Bit set of the devices worth trying: moving units from a device left out to one of these never
  // costs more, and every unit may use one of these.
  [[nodiscard]] virtual std::uint64_t worthwhile() const { return ~std::uint64_t{0}; }
};

}  // namespace placer
