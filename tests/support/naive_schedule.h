#pragma once

// Graphs of plain ops and a list schedule made the slow way: what schedulers are compared with.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "placer/base/random.h"
#include "placer/cost/cost_model.h"

namespace placer::test {

struct OpGraphOptions {
  std::size_t ops = 12;
  std::size_t kinds = 3;          // "k0", ...: times of a kind have nothing to do with another's
  std::uint64_t longest_us = 20;  // op times are 1 .. longest, few values, so that ties are common
  std::uint64_t largest_us = 15;  // transfer times, 0 .. largest
};

// Ops only, one output each, up to three inputs.
inline Workload op_graph(std::uint64_t seed, const OpGraphOptions& options) {
  Rng rng(seed);
  std::vector<Node> nodes(options.ops);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].name = "n" + std::to_string(i);
    nodes[i].op = "test.op";
    TensorSpec tensor;
    tensor.transfer_us = static_cast<double>(rng.below(options.largest_us + 1));
    nodes[i].outputs = {tensor};
    std::vector<std::size_t> inputs;
    for (std::uint64_t k = rng.below(4); i > 0 && k > 0; --k) {
      const std::size_t from = rng.below(i);
      if (std::find(inputs.begin(), inputs.end(), from) == inputs.end()) {
        inputs.push_back(from);
        nodes[i].inputs.push_back({id_at<NodeId>(from), 0});
      }
    }
  }
  Workload workload{build_graph_or_die({}, std::move(nodes)), {}};
  for (std::size_t k = 0; k < options.kinds; ++k) {
    KindTimes times;
    times.kind = "k" + std::to_string(k);
    for (std::size_t i = 0; i < options.ops; ++i) {
      const SimTime time =
          from_microseconds(static_cast<double>(1 + rng.below(options.longest_us)));
      times.ops.emplace_back(OpTime{.time = time, .minimum = time});
    }
    workload.times.set(std::move(times));
  }
  return workload;
}

// Devices of kinds k0, k1, ... in turn, one copying link between all, tensors' stated times.
inline Cluster op_cluster(std::size_t devices, std::size_t kinds) {
  std::vector<Device> list(devices);
  Link link;
  link.name = "link";
  link.bytes_per_second = 1e9;
  for (std::size_t a = 0; a < devices; ++a) {
    list[a].name = "d" + std::to_string(a);
    list[a].kind = "k" + std::to_string(a % kinds);
    list[a].memory = Bytes{1 << 20};
    for (std::size_t b = 0; b < devices; ++b) {
      if (a != b) {
        link.pairs.emplace_back(id_at<DeviceId>(a), id_at<DeviceId>(b));
      }
    }
  }
  return {"ops", std::move(list), devices > 1 ? std::vector{link} : std::vector<Link>{}};
}

// Any op may go anywhere, links are free.
class NaiveSchedule {
 public:
  explicit NaiveSchedule(const CostModel& costs)
      : costs_(costs),
        device(costs.graph().size()),
        start(costs.graph().size()),
        end(costs.graph().size()),
        placed(costs.graph().size(), false) {}

  [[nodiscard]] bool ready(NodeId op) const {
    const auto& inputs = costs_.graph().node(op).inputs;
    return !placed[index(op)] && std::all_of(inputs.begin(), inputs.end(), [&](TensorRef input) {
      return placed[index(input.node)];
    });
  }
  [[nodiscard]] SimTime arrival(NodeId op, DeviceId there) const {
    SimTime latest;
    for (const TensorRef input : costs_.graph().node(op).inputs) {
      const SimTime travel =
          costs_.transfer_time(costs_.graph().tensor(input), device[index(input.node)], there);
      latest = std::max(latest, end[index(input.node)] + travel);
    }
    return latest;
  }
  // The least start, of the arrival and all ends of ops, at which nothing overlaps.
  [[nodiscard]] SimTime inserted(NodeId op, DeviceId there) const {
    const SimTime from = arrival(op, there);
    std::vector<SimTime> starts{from};
    for (std::size_t v = 0; v < end.size(); ++v) {
      if (placed[v] && device[v] == there && end[v] > from) {
        starts.push_back(end[v]);
      }
    }
    std::sort(starts.begin(), starts.end());
    return *std::find_if(starts.begin(), starts.end(), [&](SimTime at) {
      for (std::size_t v = 0; v < end.size(); ++v) {
        if (placed[v] && device[v] == there && at < end[v] &&
            start[v] < at + costs_.op_time(op, there)) {
          return false;
        }
      }
      return true;
    });
  }
  // After all that the device was given.
  [[nodiscard]] SimTime appended(NodeId op, DeviceId there) const {
    SimTime at = arrival(op, there);
    for (std::size_t v = 0; v < end.size(); ++v) {
      at = placed[v] && device[v] == there ? std::max(at, end[v]) : at;
    }
    return at;
  }
  void place(NodeId op, DeviceId there, SimTime at) {
    device[index(op)] = there;
    start[index(op)] = at;
    end[index(op)] = at + costs_.op_time(op, there);
    placed[index(op)] = true;
  }

 private:
  const CostModel& costs_;

 public:
  std::vector<DeviceId> device;
  std::vector<SimTime> start;
  std::vector<SimTime> end;
  std::vector<bool> placed;
};

}  // namespace placer::test
