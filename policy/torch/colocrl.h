#pragma once

#include <memory>

#include "placer/algorithm/algorithm.h"

namespace placer::policy {

[[nodiscard]] std::unique_ptr<Algorithm> make_colocrl();

}  // namespace placer::policy
