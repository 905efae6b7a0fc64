#pragma once

// The arguments of an op as part of a content hash: of graphs, and of ops that take the same time.

#include <span>

#include "placer/base/hash.h"
#include "placer/graph/node.h"

namespace placer {

void hash_arguments(Hasher& hasher, std::span<const Argument> arguments);

}  // namespace placer
