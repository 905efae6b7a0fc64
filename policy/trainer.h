#pragma once

// The one loop that all learned methods train in: sample, evaluate, reward, teach; with elites,
// restarts, warm start, metrics and checkpoints.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "policy/learner.h"
#include "policy/parameters.h"

namespace placer::policy {

struct Method {
  std::string name;             // of the algorithm
  TrainingParameters training;  // validated
  // Every setting of the method, those of `training` included: what a checkpoint must agree with.
  std::vector<std::pair<std::string, std::string>> settings;
  std::function<std::unique_ptr<Learner>(const Problem&, std::uint64_t seed)> make;
  // What others drew, to imitate as elites until the search finds better ones or restarts. Judging
  // them is no part of the budget.
  std::vector<Proposal> examples = {};
  // Whether a new learner's weights are its own. If not they have learned elsewhere: no other ways
  // to begin are tried, and there are no restarts.
  bool fresh_weights = true;
};

// Searches by learning until the budget is used. Where the constraints leave one placement only it
// is judged and nothing is learned.
//   throws  Error(kBadInput) for a checkpoint (options.checkpoint, training.policy) that is damaged
//           or belongs to another search
[[nodiscard]] SearchResult train(const Problem& problem, const SearchOptions& options,
                                 const Method& method);

}  // namespace placer::policy
