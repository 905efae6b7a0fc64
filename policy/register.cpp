#include "policy/register.h"

#include "policy/parameters.h"
#include "policy/torch/colocrl.h"

namespace placer::policy {

void register_policies(AlgorithmRegistry& registry) {
  registry.add_for_small_graphs(
      {.name = "colocrl",
       .description = "sequence-to-sequence policy trained with REINFORCE (ICML 2017)",
       .searches = true,
       .make = make_colocrl,
       .check_parameters = [](auto given) { static_cast<void>(parse_parameters(given)); },
       .most_units = kMostGroups});
}

}  // namespace placer::policy
