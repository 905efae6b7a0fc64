#pragma once

// What `placer place` prints: what fits before the search, the table of algorithms after it.

#include <string>
#include <vector>

#include "tools/placer/place/candidates.h"
#include "tools/placer/place/finalists.h"
#include "tools/placer/place/gap.h"

namespace placer::cli {

struct PlaceReport {
  const SearchSpace& space;
  const std::vector<Candidate>& candidates;
  const Choice& choice;
  const std::vector<std::optional<SimTime>>& scaling;  // by number of devices
  std::optional<LowerBound> bound;                     // on the objective
  std::string not_measured;                            // why, when nothing was measured
  bool stopped = false;
  std::string output;  // file that was written
};

// Memory by parts and what each device has, as one block of text.
[[nodiscard]] std::string fit_text(const SearchSpace& space);
[[nodiscard]] std::string report_text(const PlaceReport& report);
[[nodiscard]] std::string report_json(const PlaceReport& report);

}  // namespace placer::cli
