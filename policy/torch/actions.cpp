#include "policy/torch/actions.h"

#include <ATen/ops/empty.h>

namespace placer::policy {

at::Tensor to_actions(std::span<const Proposal> proposals) {
  const std::size_t batch = proposals.size();
  const std::size_t nodes = proposals.front().placement.device.size();
  at::Tensor actions =
      at::empty({static_cast<std::int64_t>(nodes), static_cast<std::int64_t>(batch)}, at::kLong);
  std::int64_t* data = actions.data_ptr<std::int64_t>();
  for (std::size_t k = 0; k < batch; ++k) {
    for (std::size_t v = 0; v < nodes; ++v) {
      data[v * batch + k] = static_cast<std::int64_t>(index(proposals[k].placement.device[v]));
    }
  }
  return actions;
}

std::vector<Proposal> to_proposals(const at::Tensor& actions) {
  const auto nodes = static_cast<std::size_t>(actions.size(0));
  const auto batch = static_cast<std::size_t>(actions.size(1));
  const std::int64_t* data = actions.const_data_ptr<std::int64_t>();
  std::vector<Proposal> proposals(batch);
  for (std::size_t k = 0; k < batch; ++k) {
    std::vector<DeviceId>& device = proposals[k].placement.device;
    device.resize(nodes);
    for (std::size_t v = 0; v < nodes; ++v) {
      device[v] = id_at<DeviceId>(static_cast<std::size_t>(data[v * batch + k]));
    }
  }
  return proposals;
}

}  // namespace placer::policy
