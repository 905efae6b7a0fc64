#include "policy/core_register.h"

#include "policy/post.h"

namespace placer::policy {

void register_core_policies(AlgorithmRegistry& registry) {
  register_post(registry);
}

}  // namespace placer::policy
