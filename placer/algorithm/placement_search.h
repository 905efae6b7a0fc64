#pragma once

// Branch and bound over placements, unit by unit.

#include <cstdint>
#include <vector>

#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/unit_table.h"
#include "placer/cost/load_model.h"

namespace placer {

// Enumerates the devices of all units, in order of their first nodes, and judges every complete
// placement, without priorities. Under max-load a partial placement is left when the loads of what
// is placed, with the transfers that are certain, or the work left over all devices say that no
// completion costs less than the incumbent, or when it is out of memory; of devices that may be
// exchanged only the first unused one is tried. Under any other objective nothing is known of
// partial placements, and all are judged.
class PlacementSearch {
 public:
  //   max_load  whether the evaluator is max-load
  // All references outlive it.
  PlacementSearch(const Problem& problem, const UnitTable& units, Incumbent& incumbent,
                  bool max_load);

  // True when everything was looked at: the incumbent's best is optimal. False: out of budget.
  [[nodiscard]] bool run() { return explore(0); }

 private:
  struct Tensor {
    std::uint32_t owner;                 // unit
    std::vector<std::uint32_t> readers;  // units other than the owner, each once
    std::vector<double> us;              // [devices]
  };

  void add_tensors();
  [[nodiscard]] bool explore(std::uint32_t unit);
  [[nodiscard]] std::vector<DeviceId> choices(std::uint32_t unit) const;
  [[nodiscard]] bool is_needless(DeviceId device) const;
  void place(std::uint32_t unit, DeviceId device);
  void charge(const Tensor& tensor, std::uint32_t placed);
  [[nodiscard]] bool hopeless(std::uint32_t placed) const;

  const Problem& problem_;
  const UnitTable& units_;
  Incumbent& incumbent_;
  bool max_load_;
  LoadModel model_;
  std::vector<std::vector<DeviceId>> classes_;
  std::vector<std::uint32_t> class_of_;  // [devices]
  std::vector<Tensor> tensors_;
  std::vector<std::vector<std::uint32_t>> touch_;  // [units]: tensors owned or read
  std::vector<double> times_;                      // [units x devices]
  std::vector<Bytes> memory_;                      // [units]
  std::vector<double> work_from_;                  // [units + 1]: least work of it and all later

  std::vector<DeviceId> choice_;     // [units]: of those placed
  std::vector<double> load_;         // [devices]
  std::vector<Bytes> room_;          // [devices]
  std::vector<std::uint32_t> used_;  // [devices]: units
};

}  // namespace placer
