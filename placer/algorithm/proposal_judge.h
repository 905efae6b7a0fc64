#pragma once

// How constructive algorithms end: their few placements are judged, the best is kept, and where
// none fits the least bad one is repaired. Ignores budget and stop, as constructive heuristics do.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/unit_table.h"

namespace placer {

struct Proposal {
  std::vector<DeviceId> choice;             // [units]
  std::vector<std::int64_t> priority = {};  // as Placement::priority
};

class ProposalJudge {
 public:
  // All references outlive it.
  ProposalJudge(const Problem& problem, const SearchOptions& options, const std::string& name,
                const UnitTable& units);

  void judge(Proposal proposal);
  [[nodiscard]] bool found() const { return incumbent_.best().has_value(); }
  // Of what was judged. Where nothing fits: moves the largest units off the device that is short to
  // devices with room and judges again, a bounded number of times.
  [[nodiscard]] SearchResult finish();

 private:
  Outcome evaluate(const Proposal& proposal);

  const Problem& problem_;
  const UnitTable& units_;
  SearchOptions unlimited_;
  Incumbent incumbent_;
  std::optional<Proposal> least_bad_;
  Outcome outcome_;  // of least_bad_
};

// Of one placement.
[[nodiscard]] SearchResult judge_with_repair(const Problem& problem, const SearchOptions& options,
                                             const std::string& name, const UnitTable& units,
                                             std::vector<DeviceId> choice);

}  // namespace placer
