#include "policy/register.h"

#include "policy/core_register.h"
#include "policy/torch/colocrl.h"
#include "policy/torch/dual.h"
#include "policy/torch/gnn.h"
#include "policy/torch/hdp.h"

namespace placer::policy {

void register_policies(AlgorithmRegistry& registry) {
  register_core_policies(registry);
  register_sequence_methods(registry);
  register_gnn(registry);
  register_dual(registry);
  register_hdp(registry);
}

}  // namespace placer::policy
