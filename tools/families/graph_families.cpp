#include "tools/families/graph_families.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "placer/base/random.h"

namespace placer::families {
namespace {

constexpr std::size_t kDevices = 8;
constexpr std::array<std::string_view, 4> kNames = {"layered", "transformer", "series-parallel",
                                                    "random"};

std::string kind_of(std::size_t d, bool equal) {
  return equal ? "acc" : fmt::format("acc-{}", d);
}

// Ops in topological order.
class Draft {
 public:
  explicit Draft(std::uint64_t seed) : rng_(seed) {}

  // `scale` multiplies the drawn time and size.
  std::uint32_t add(const std::vector<std::uint32_t>& inputs, std::string_view op = "op",
                    double scale = 1, Pass pass = Pass::kForward) {
    Node node;
    node.name = fmt::format("{}{}", op, nodes_.size());
    node.op = op;
    node.pass = pass;
    for (const std::uint32_t input : inputs) {
      const TensorRef ref{id_at<NodeId>(input), 0};
      if (std::find(node.inputs.begin(), node.inputs.end(), ref) == node.inputs.end()) {
        node.inputs.push_back(ref);
      }
    }
    nodes_.push_back(std::move(node));
    times_us_.push_back(scale * spread());
    sizes_.push_back(scale * spread());
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] Rng& rng() { return rng_; }

  Workload finish(const FamilyOptions& options);

 private:
  // Log-uniform in [10, 1000).
  double spread() { return 10 * std::pow(100.0, rng_.uniform()); }

  Rng rng_;
  std::vector<Node> nodes_;
  std::vector<double> times_us_;
  std::vector<double> sizes_;  // of outputs, to be scaled to the ratio asked for
};

Workload Draft::finish(const FamilyOptions& options) {
  double time_us = 0;
  for (const double time : times_us_) time_us += time;
  time_us /= static_cast<double>(size());
  double moved = 0;
  std::size_t edges = 0;
  for (const Node& node : nodes_) {
    edges += node.inputs.size();
    for (const TensorRef input : node.inputs) moved += sizes_[index(input.node)];
  }
  const double scale = edges == 0 ? 0
                                  : options.ccr * time_us * 1e-6 * kBytesPerSecond *
                                        static_cast<double>(edges) / moved;
  for (std::size_t i = 0; i < size(); ++i) {
    TensorSpec tensor;
    tensor.bytes = {std::llround(sizes_[i] * scale)};
    nodes_[i].outputs = {tensor};
  }
  GraphInfo info;
  info.name = fmt::format("{} of {}, ratio {}, seed {}", name_of(options.family), size(),
                          options.ccr, options.seed);
  info.producer = "generate_graphs";
  Workload workload{build_graph_or_die(std::move(info), std::move(nodes_)), {}};
  for (std::size_t d = 0; d < (options.equal ? 1 : kDevices); ++d) {
    KindTimes times;
    times.kind = kind_of(d, options.equal);
    times.info.workload = "generated";
    for (const double time : times_us_) {
      const SimTime rounded = from_microseconds(time * slowness(d, options.equal));
      times.ops.emplace_back(OpTime{.time = rounded, .minimum = rounded});
    }
    workload.times.set(std::move(times));
  }
  return workload;
}

void make_layered(Draft& draft, std::size_t nodes) {
  const auto width =
      static_cast<std::size_t>(std::max(1.0, std::round(std::sqrt(static_cast<double>(nodes)))));
  while (draft.size() < nodes) {
    const std::size_t position = draft.size() % width;
    const std::size_t before = draft.size() - position;  // where the layer begins
    std::vector<std::uint32_t> inputs;
    for (std::size_t k = before == 0 ? 0 : 1 + draft.rng().below(3); k > 0; --k) {
      const std::size_t window =
          draft.rng().below(10) == 0 ? width : std::max<std::size_t>(width / 8, 1);
      const std::size_t first = std::min(position - std::min(position, window / 2), width - window);
      inputs.push_back(
          static_cast<std::uint32_t>(before - width + first + draft.rng().below(window)));
    }
    draft.add(inputs);
  }
}

void make_random(Draft& draft, std::size_t nodes) {
  const std::size_t window = std::max<std::size_t>(nodes / 32, 4);
  while (draft.size() < nodes) {
    const std::size_t reach = std::min(draft.size(), window);
    std::vector<std::uint32_t> inputs;
    for (std::size_t k = reach == 0 ? 0 : 1 + draft.rng().below(3); k > 0; --k) {
      inputs.push_back(static_cast<std::uint32_t>(draft.size() - 1 - draft.rng().below(reach)));
    }
    draft.add(inputs);
  }
}

// `nodes` ops (more where a fork and a join need them) after `from`; returns the last.
std::uint32_t make_series_parallel(Draft& draft, std::uint32_t from, std::size_t nodes) {
  if (nodes <= 4) {
    for (std::size_t i = 0; i < nodes; ++i) from = draft.add({from});
    return from;
  }
  if (draft.rng().below(2) == 0) {
    const std::size_t first = 1 + draft.rng().below(nodes - 1);
    from = make_series_parallel(draft, from, first);
    return make_series_parallel(draft, from, nodes - first);
  }
  const std::uint32_t fork = draft.add({from});
  const std::size_t branches = 2 + draft.rng().below(3);
  const std::size_t each = std::max<std::size_t>((nodes - 2) / branches, 1);
  std::vector<std::uint32_t> ends;
  for (std::size_t b = 0; b < branches; ++b) {
    ends.push_back(make_series_parallel(draft, fork, each));
  }
  return draft.add(ends);
}

// A training step, built forwards; the backward op of each op reads the gradients of its readers
// and what the op itself read.
class TransformerStep {
 public:
  explicit TransformerStep(Draft& draft) : draft_(draft) {}

  void run(std::size_t nodes) {
    // Of one block over all micro-batches: forward and backward ops, weight gradients, updates.
    constexpr std::size_t kPerBlock = kMicroBatches * (2 * 79 + 50) + std::size_t{2} * 50;
    const std::size_t blocks = std::max<std::size_t>(nodes / kPerBlock, 1);
    for (std::size_t m = 0; m < kMicroBatches; ++m) {
      weight_ = 0;
      std::uint32_t x = forward("embed", {}, 1, true);
      for (std::size_t b = 0; b < blocks; ++b) x = block(x);
      forward("loss", {x}, 0.3);
      backward();
      ops_.clear();
    }
    for (const std::vector<std::uint32_t>& gradients : gradients_of_) {
      const std::uint32_t sum = draft_.add(gradients, "sum", 0.2, Pass::kUpdate);
      draft_.add({sum}, "update", 0.2, Pass::kUpdate);
    }
  }

 private:
  static constexpr std::size_t kMicroBatches = 4;
  static constexpr std::size_t kHeads = 8;
  static constexpr std::size_t kSlices = 8;

  struct Op {
    std::uint32_t node = 0;
    std::vector<std::uint32_t> inputs;
    double scale = 1;
    bool weight = false;  // it has a weight, whose gradient is wanted
    std::size_t weight_index = 0;
  };

  std::uint32_t forward(std::string_view op, const std::vector<std::uint32_t>& inputs, double scale,
                        bool weight = false) {
    const std::uint32_t node = draft_.add(inputs, op, scale);
    ops_.push_back({node, inputs, scale, weight, weight ? weight_++ : 0});
    return node;
  }

  std::uint32_t block(std::uint32_t x) {
    const std::uint32_t normed = forward("norm", {x}, 0.3, true);
    std::vector<std::uint32_t> heads;
    for (std::size_t h = 0; h < kHeads; ++h) {
      const std::uint32_t q = forward("query", {normed}, 1, true);
      const std::uint32_t k = forward("key", {normed}, 1, true);
      const std::uint32_t v = forward("value", {normed}, 1, true);
      const std::uint32_t weights = forward("softmax", {forward("scores", {q, k}, 1)}, 0.3);
      heads.push_back(forward("context", {weights, v}, 1));
    }
    const std::uint32_t attended = forward("project", heads, 2, true);
    x = forward("add", {x, attended}, 0.3);
    const std::uint32_t again = forward("norm", {x}, 0.3, true);
    std::vector<std::uint32_t> slices;
    for (std::size_t s = 0; s < kSlices; ++s) {
      const std::uint32_t up = forward("up", {again}, 2, true);
      slices.push_back(forward("down", {forward("act", {up}, 0.3)}, 2, true));
    }
    return forward("add", {x, forward("reduce", slices, 0.3)}, 0.3);
  }

  void backward() {
    std::vector<std::vector<std::uint32_t>> gradients(draft_.size());  // arriving at an op's output
    for (auto op = ops_.rbegin(); op != ops_.rend(); ++op) {
      std::vector<std::uint32_t> inputs = gradients[op->node];
      inputs.insert(inputs.end(), op->inputs.begin(), op->inputs.end());
      if (op->weight) {
        gradients_of_.resize(std::max(gradients_of_.size(), op->weight_index + 1));
        gradients_of_[op->weight_index].push_back(
            draft_.add(inputs, "weight_grad", op->scale, Pass::kBackward));
      }
      if (op->inputs.empty()) continue;
      const std::uint32_t node = draft_.add(inputs, "grad", op->scale, Pass::kBackward);
      for (const std::uint32_t input : op->inputs) gradients[input].push_back(node);
    }
  }

  Draft& draft_;
  std::vector<Op> ops_;  // of one micro-batch
  std::size_t weight_ = 0;
  std::vector<std::vector<std::uint32_t>> gradients_of_;  // [weights]: of the micro-batches
};

}  // namespace

std::string_view name_of(Family family) {
  return kNames[static_cast<std::size_t>(family)];
}

std::optional<Family> family_named(std::string_view name) {
  const auto at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<Family>(at - kNames.begin());
}

Cluster make_cluster(std::size_t size, bool equal) {
  std::vector<Device> devices;
  std::vector<Link> links;
  for (std::size_t d = 0; d < size; ++d) {
    Device device;
    device.name = fmt::format("acc:{}", d);
    device.kind = kind_of(d, equal);
    device.memory = {std::int64_t{1} << 50};
    devices.push_back(std::move(device));
    for (std::size_t other = 0; other < size; ++other) {
      if (other == d) continue;
      Link link;
      link.name = fmt::format("{}-{}", d, other);
      link.pairs = {{id_at<DeviceId>(d), id_at<DeviceId>(other)}};
      link.latency = from_microseconds(2);
      link.bytes_per_second = kBytesPerSecond;
      links.push_back(std::move(link));
    }
  }
  return Cluster(equal ? "equal" : "unequal", std::move(devices), std::move(links));
}

double slowness(std::size_t d, bool equal) {
  if (equal) return 1;
  const auto of = [](std::size_t i) {
    return std::pow(4.0, static_cast<double>(i) / static_cast<double>(kDevices - 1));
  };
  double sum = 0;
  for (std::size_t i = 0; i < kDevices; ++i) sum += of(i);
  return of(d) * static_cast<double>(kDevices) / sum;
}

Workload make_family(const FamilyOptions& options) {
  PLACER_CHECK(options.nodes >= 1 && options.ccr >= 0, "a size and a ratio");
  Draft draft(options.seed);
  switch (options.family) {
    case Family::kLayered:
      make_layered(draft, options.nodes);
      break;
    case Family::kTransformer:
      TransformerStep(draft).run(options.nodes);
      break;
    case Family::kSeriesParallel:
      make_series_parallel(draft, draft.add({}), options.nodes - 1);
      break;
    case Family::kRandom:
      make_random(draft, options.nodes);
      break;
  }
  return draft.finish(options);
}

}  // namespace placer::families
