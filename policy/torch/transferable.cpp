#include "policy/torch/transferable.h"

#include <algorithm>
#include <memory>

#include "placer/base/error.h"
#include "policy/checkpoint_file.h"
#include "policy/search_checkpoint.h"
#include "policy/torch/checkpoint.h"
#include "policy/torch/dual.h"
#include "policy/torch/gnn.h"
#include "policy/torch/policy_device.h"

namespace placer::policy {
namespace {

TransferableMethod gnn(ParameterList given) {
  GnnMethod method = gnn_defaults();
  method.training.lr = 3e-4;
  const Settings settings = describe(method);
  settings.read(given);
  adopt_shape(settings, method.training.policy, kGnnShape);
  return {.name = "gnn",
          .training = method.training,
          .settings = settings.list(),
          .make = [shape = method.network](const Problem& problem, std::uint64_t seed,
                                           const at::TensorOptions& numbers) {
            return make_graph_policy(problem, std::make_unique<GraphNetwork>(shape, seed, numbers));
          }};
}

TransferableMethod dual(ParameterList given) {
  DualMethod method = dual_defaults();
  method.training.k = 8;
  method.training.lr = 1e-3;
  method.training.baseline = BaselineKind::kBatch;
  method.training.restart_after = 0;
  method.training.warm_start = false;
  method.training.loss = Loss::kPpo;
  const Settings settings = describe(method);
  settings.read(given);
  adopt_shape(settings, method.training.policy, kDualShape);
  return {.name = "dual",
          .training = method.training,
          .settings = settings.list(),
          .make = [shape = method.network](const Problem& problem, std::uint64_t seed,
                                           const at::TensorOptions& numbers) {
            return make_dual_policy(problem, shape, seed, numbers);
          }};
}

}  // namespace

TransferableMethod transferable_method(const std::string& name, ParameterList given) {
  if (name == "gnn") return gnn(given);
  if (name == "dual") return dual(given);
  throw usage_error("what \"" + name +
                    "\" learns fits one graph only; gnn and dual learn over many");
}

TransferablePolicy transferable_policy(const TransferableMethod& method, const Problem& any,
                                       std::uint64_t seed) {
  const at::TensorOptions numbers =
      at::TensorOptions(at::kFloat).device(open_policy_device(method.training.device));
  TransferablePolicy policy{.method = method, .weights = {}};
  const std::unique_ptr<PolicyNetwork> network = method.make(any, seed, numbers);
  for (const NamedTensor& each : network->parameters()) {
    policy.weights.push_back({each.name, each.value.detach().clone().requires_grad_()});
  }
  std::string& file = policy.method.training.policy;
  if (!file.empty()) load_blobs(file, best_weights(read_policy(file)), policy.weights);
  file.clear();
  return policy;
}

void adopt_shape(const Settings& settings, const std::string& policy,
                 std::span<const std::string_view> names) {
  if (policy.empty()) return;
  std::vector<std::pair<std::string, std::string>> shape;
  for (const auto& setting : read_policy(policy).identity.settings) {
    if (std::ranges::find(names, setting.first) != names.end()) shape.push_back(setting);
  }
  settings.read(shape);
}

}  // namespace placer::policy
