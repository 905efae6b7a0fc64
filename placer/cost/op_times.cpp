#include "placer/cost/op_times.h"

#include <algorithm>
#include <utility>

namespace placer {

const KindTimes* OpTimes::find(std::string_view kind) const {
  const auto found = std::find_if(kinds_.begin(), kinds_.end(),
                                  [&](const KindTimes& times) { return times.kind == kind; });
  return found == kinds_.end() ? nullptr : &*found;
}

void OpTimes::set(KindTimes times) {
  for (KindTimes& known : kinds_) {
    if (known.kind == times.kind) {
      known = std::move(times);
      return;
    }
  }
  kinds_.push_back(std::move(times));
}

}  // namespace placer
