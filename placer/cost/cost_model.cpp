#include "placer/cost/cost_model.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "placer/graph/orders.h"

namespace placer {
namespace {

// A file states times and factors one by one, each within its range; their product may not be.
void check_transfers(const Graph& graph, const Cluster& cluster) {
  const auto most = static_cast<double>(kMaxSimTime.ps);
  double scale = 0;
  double ps_per_byte = 0;
  for (const Link& link : cluster.links()) {
    if (link.bytes_per_second) {
      scale = std::max(scale, link.transfer_scale * 1e6);
      ps_per_byte = std::max(ps_per_byte, 1e12 / *link.bytes_per_second);
    }
  }
  for (const Node& node : graph.nodes()) {
    for (const TensorSpec& output : node.outputs) {
      const double ps = output.transfer_us ? *output.transfer_us * scale
                                           : static_cast<double>(output.bytes.count) * ps_per_byte;
      if (ps > most) {
        throw Error(
            ErrorKind::kBadInput,
            fmt::format("graph \"{}\" on cluster \"{}\": what node \"{}\" makes takes more "
                        "than {} over the slowest link",
                        graph.info().name, cluster.name(), node.name, to_string(kMaxSimTime)));
      }
    }
  }
}

}  // namespace

CostModel::CostModel(const Workload& workload, const Cluster& cluster)
    : graph_(&workload.graph),
      cluster_(&cluster),
      num_devices_(cluster.size()),
      routes_(num_devices_ * num_devices_),
      times_(workload.graph.size() * num_devices_),
      busy_times_(times_.size()),
      supported_(workload.graph.size(), 0) {
  check_transfers(workload.graph, cluster);
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    const Device& device = cluster.device(id_at<DeviceId>(d));
    const KindTimes* times = workload.times.find(device.kind);
    if (times == nullptr) {
      throw Error(
          ErrorKind::kBadInput,
          fmt::format("graph \"{}\" has no op times for devices of kind \"{}\": run `placer "
                      "profile` on its file first",
                      graph_->info().name, device.kind));
    }
    PLACER_CHECK(times->ops.size() == supported_.size(), "times of another graph");
    for (std::size_t i = 0; i < supported_.size(); ++i) {
      const std::size_t here = i * num_devices_ + d;
      const bool is_op = graph_->nodes()[i].kind == NodeKind::kOp;
      if (is_op && times->ops[i]) {
        const OpTime& time = *times->ops[i];
        times_[here] = time.time + device.overhead;
        busy_times_[here] = time.busy.value_or(time.time) + device.overhead;
        if (time.exact_us) {
          exact_times_.resize(times_.size(), -1);
          exact_times_[here] = *time.exact_us + device.overhead.microseconds();
        }
      }
      if (!is_op || times->ops[i]) {
        supported_[i] |= std::uint64_t{1} << d;
      }
    }
  }
  const auto pairs = static_cast<double>(cluster.size() * (cluster.size() - 1));
  for (const Link& link : cluster.links()) {
    for (const auto& [from, to] : link.pairs) {
      routes_[index(from) * num_devices_ + index(to)] = {link.bytes_per_second.value_or(0),
                                                         link.transfer_scale, link.latency};
    }
    const double share = static_cast<double>(link.pairs.size()) / pairs;
    mean_latency_ps_ += share * static_cast<double>(link.latency.ps);
    if (link.bytes_per_second) {
      mean_ps_per_byte_ += share * 1e12 / *link.bytes_per_second;
      mean_scale_ += share * 1e6 * link.transfer_scale;
    }
  }
}

void CostModel::occupancies(const TensorSpec& tensor, DeviceId from,
                            std::span<SimTime> result) const {
  // Devices side by side are often behind links of one speed.
  Route last;
  SimTime time;
  for (std::size_t d = 0; d < num_devices_; ++d) {
    const Route& route = this->route(from, id_at<DeviceId>(d));
    if (route.bytes_per_second == 0) {
      result[d] = {};
      continue;
    }
    if (route.bytes_per_second != last.bytes_per_second ||
        route.transfer_scale != last.transfer_scale) {
      last = route;
      time = occupancy(tensor, route);
    }
    result[d] = time;
  }
}

SimTime CostModel::mean_time(NodeId node) const {
  const std::uint64_t mask = supported(node);
  if (mask == 0) {
    return {};
  }
  const int count = std::popcount(mask);
  double sum = 0;
  for (std::size_t d = 0; d < cluster_->size(); ++d) {
    if ((mask >> d & 1) != 0) {
      sum += static_cast<double>(op_time(node, id_at<DeviceId>(d)).ps) / count;
    }
  }
  return {static_cast<std::int64_t>(std::ceil(sum))};
}

SimTime CostModel::mean_transfer_time(const TensorSpec& tensor) const {
  const double moving = tensor.transfer_us
                            ? mean_scale_ * *tensor.transfer_us
                            : mean_ps_per_byte_ * static_cast<double>(tensor.bytes.count);
  return {static_cast<std::int64_t>(std::ceil(mean_latency_ps_ + moving))};
}

SimTime CostModel::mean_signal_time() const {
  return {static_cast<std::int64_t>(std::ceil(mean_latency_ps_))};
}

SimTime CostModel::mean_time(NodeId from, const Use& use) const {
  return use.output == Use::kControl ? mean_signal_time()
                                     : mean_transfer_time(graph_->tensor({from, use.output}));
}

std::vector<std::int64_t> default_priority(const CostModel& costs) {
  const Graph& graph = costs.graph();
  std::vector<SimTime> times(graph.size());
  for (std::size_t i = 0; i < graph.size(); ++i) {
    times[i] = costs.mean_time(id_at<NodeId>(i));
  }
  const auto ranks = upward_ranks(
      graph, times, [&](NodeId id, const Use& use) { return costs.mean_time(id, use); });
  std::vector<std::int64_t> priority(graph.size());
  for (std::size_t i = 0; i < graph.size(); ++i) {
    priority[i] = ranks[i].ps;
  }
  return priority;
}

}  // namespace placer
