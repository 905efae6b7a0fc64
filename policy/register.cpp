#include "policy/register.h"

#include "policy/torch/colocrl.h"

namespace placer::policy {

void register_policies(AlgorithmRegistry& registry) {
  register_sequence_methods(registry);
}

}  // namespace placer::policy
