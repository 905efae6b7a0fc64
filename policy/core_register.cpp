#include "policy/core_register.h"

#include "policy/guided.h"
#include "policy/post.h"

namespace placer::policy {

void register_core_policies(AlgorithmRegistry& registry) {
  register_guided(registry);
  register_post(registry);
}

}  // namespace placer::policy
