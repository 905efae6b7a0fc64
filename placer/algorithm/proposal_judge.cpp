#include "placer/algorithm/proposal_judge.h"

#include <algorithm>
#include <utility>

namespace placer {
namespace {

constexpr int kMostRepairs = 64;

// Moves units off `device` until `missing` bytes are gone; false when nothing can move.
//   room  [devices], may be negative; updated
bool make_room(const UnitTable& units, std::vector<DeviceId>& choice, DeviceId device,
               Bytes missing, std::vector<Bytes>& room) {
  std::vector<std::size_t> here;
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    if (choice[unit] == device && units.bytes(unit).count > 0 && units.devices(unit).size() > 1) {
      here.push_back(unit);
    }
  }
  std::stable_sort(here.begin(), here.end(),
                   [&](std::size_t a, std::size_t b) { return units.bytes(a) > units.bytes(b); });
  bool moved = false;
  for (const std::size_t unit : here) {
    if (missing.count <= 0) {
      break;
    }
    DeviceId best = device;
    for (const DeviceId other : units.devices(unit)) {
      if (other != device && (best == device || room[index(other)] > room[index(best)])) {
        best = other;
      }
    }
    if (room[index(best)] < units.bytes(unit)) {
      continue;
    }
    choice[unit] = best;
    room[index(best)] -= units.bytes(unit);
    room[index(device)] += units.bytes(unit);
    missing -= units.bytes(unit);
    moved = true;
  }
  return moved;
}

SearchOptions without_limits(const SearchOptions& options) {
  SearchOptions result;
  result.progress = options.progress;
  return result;
}

}  // namespace

ProposalJudge::ProposalJudge(const Problem& problem, const SearchOptions& options,
                             const std::string& name, const UnitTable& units)
    : problem_(problem),
      units_(units),
      unlimited_(without_limits(options)),
      incumbent_(problem, unlimited_, name) {}

Outcome ProposalJudge::evaluate(const Proposal& proposal) {
  Placement placement = units_.placement(proposal.choice);
  placement.priority = proposal.priority;
  incumbent_.evaluate({&placement, 1});
  return incumbent_.outcomes().front();
}

void ProposalJudge::judge(Proposal proposal) {
  Outcome outcome = evaluate(proposal);
  if (!least_bad_ || better(outcome, outcome_)) {
    least_bad_ = std::move(proposal);
    outcome_ = std::move(outcome);
  }
}

SearchResult ProposalJudge::finish() {
  for (int attempt = 1; attempt < kMostRepairs && !found(); ++attempt) {
    if (outcome_.infeasible->reason != InfeasibleReason::kOutOfMemory ||
        !outcome_.infeasible->device) {
      break;
    }
    std::vector<Bytes> room = problem_.constraints.memory_limit;
    for (std::size_t d = 0; d < std::min(room.size(), outcome_.peak_memory.size()); ++d) {
      room[d] -= outcome_.peak_memory[d];
    }
    const Bytes missing = std::max(outcome_.infeasible->missing, Bytes{1});
    if (!make_room(units_, least_bad_->choice, *outcome_.infeasible->device, missing, room)) {
      break;
    }
    outcome_ = evaluate(*least_bad_);
  }
  return incumbent_.finish();
}

SearchResult judge_with_repair(const Problem& problem, const SearchOptions& options,
                               const std::string& name, const UnitTable& units,
                               std::vector<DeviceId> choice) {
  ProposalJudge judge(problem, options, name, units);
  judge.judge({std::move(choice)});
  return judge.finish();
}

}  // namespace placer
