#include "tests/support/random_graph.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "placer/base/random.h"

namespace placer::test {
namespace {

// Texts that a writer must escape or keep exactly.
constexpr std::array<std::string_view, 8> kOddTexts{"plain",
                                                    "with space",
                                                    "quote\"back\\slash",
                                                    "tab\tnew\nline",
                                                    "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80",
                                                    "a/b:c.d[0]",
                                                    "\x01\x1F\x7F",
                                                    "{\"in\":0}"};

class WorkloadMaker {
 public:
  WorkloadMaker(std::uint64_t seed, const RandomGraphOptions& options)
      : rng_(seed), options_(options) {}

  Workload make() {
    const std::size_t sources = 2 + options_.nodes / 8;
    for (std::size_t i = 0; i < sources; ++i) {
      add_source();
    }
    while (nodes_.size() < options_.nodes) {
      add_op();
    }
    add_outputs();
    GraphInfo info;
    info.name = "random";
    if (options_.rich) {
      info = {odd_text(), odd_text(), "xxh3:00", odd_text(), "weights.pt2", "model"};
    }
    Workload workload{build_graph_or_die(std::move(info), std::move(nodes_)), {}};
    for (std::size_t k = 0; k < options_.kinds.size(); ++k) {
      workload.times.set(times_of(workload.graph, k));
    }
    return workload;
  }

 private:
  // A tensor that may still be read.
  struct Live {
    TensorRef ref;
    std::size_t storage = 0;  // number of the tensor that owns it
    bool writable = false;
  };

  bool chance(double probability) { return rng_.uniform() < probability; }
  std::size_t below(std::size_t bound) { return rng_.below(bound); }
  std::string odd_text() { return std::string(kOddTexts[below(kOddTexts.size())]); }

  std::string name(std::string_view stem) {
    std::string name = std::string(stem) + "_" + std::to_string(nodes_.size());
    return options_.rich && chance(0.3) ? odd_text() + name : name;
  }

  TensorSpec tensor() {
    TensorSpec spec;
    if (chance(0.15)) {
      spec.bytes = Bytes{static_cast<std::int64_t>(below(1 << 22))};
      return spec;
    }
    spec.dtype = options_.rich ? static_cast<DType>(1 + below(15)) : DType::kFloat32;
    const std::size_t dims = below(4);
    for (std::size_t i = 0; i < dims; ++i) {
      spec.shape.push_back(static_cast<std::int64_t>(options_.rich ? below(60) : 1 + below(100)));
    }
    spec.bytes = *bytes_of(spec.dtype, spec.shape);
    return spec;
  }

  void finish(Node node) {
    const NodeId id = id_at<NodeId>(nodes_.size());
    if (options_.colocate && chance(0.1)) {
      node.colocate = "key" + std::to_string(below(1 + options_.nodes / 10));
    }
    if (chance(0.7)) {
      node.module =
          "block" + std::to_string(nodes_.size() / 10) + ".layer" + std::to_string(below(3));
    }
    for (std::uint32_t k = 0; k < node.outputs.size(); ++k) {
      const std::size_t storage = node.outputs[k].alias_of
                                      ? storages_of_inputs_[*node.outputs[k].alias_of]
                                      : num_storages_++;
      const bool writable = node.kind == NodeKind::kOp && !node.outputs[k].alias_of;
      live_.push_back({{id, k}, storage, writable});
    }
    nodes_.push_back(std::move(node));
  }

  void add_source() {
    Node node;
    constexpr std::array kKinds{NodeKind::kInput, NodeKind::kState, NodeKind::kConstant};
    node.kind = kKinds[below(3)];
    node.name = name(name_of(node.kind));
    node.outputs = {tensor()};
    if (options_.rich) {
      enrich_source(node);
    }
    if (node.kind == NodeKind::kState) {
      if (node.state_role == StateRole::kParameter) {
        parameters_.push_back(id_at<NodeId>(nodes_.size()));
      }
      states_.push_back(id_at<NodeId>(nodes_.size()));
    }
    storages_of_inputs_.clear();
    finish(std::move(node));
  }

  void enrich_source(Node& node) {
    node.origin = chance(0.5) ? odd_text() : "";
    if (node.kind == NodeKind::kInput && chance(0.5)) {
      node.range = {-static_cast<std::int64_t>(below(10)),
                    1 + static_cast<std::int64_t>(below(1000))};
    }
    if (node.kind == NodeKind::kState) {
      node.state_role = static_cast<StateRole>(below(3));
      if (node.state_role == StateRole::kOptimizer && !parameters_.empty()) {
        node.target = parameters_[below(parameters_.size())];
      }
    }
    if (node.kind != NodeKind::kInput && chance(0.5)) {
      node.outputs = {{DType::kFloat64, {3}, Bytes{24}, std::nullopt}};
      node.values = {odd_number(), odd_number(), odd_number()};
    }
  }

  double odd_number() {
    const std::array<double, 8> numbers{0.0,
                                        -0.0,
                                        1.0,
                                        -1e-300,
                                        0.1,
                                        1e300,
                                        std::numeric_limits<double>::infinity(),
                                        -std::numeric_limits<double>::infinity()};
    return chance(0.5) ? numbers[below(numbers.size())] : rng_.uniform() * 1e6 - 5e5;
  }

  void add_op() {
    constexpr std::array<std::string_view, 5> kOps{"aten.mm", "aten.relu", "aten.add",
                                                   "aten.convolution", "aten.sum"};
    Node node;
    node.op = kOps[below(kOps.size())];
    node.overload = options_.rich && chance(0.2) ? "" : "default";
    node.name = name(node.op.substr(5));
    node.pass =
        static_cast<Pass>(std::min<std::size_t>(2, 3 * nodes_.size() / (options_.nodes + 1)));
    choose_inputs(node);
    const std::size_t outputs = chance(0.8) ? 1 : 2 + below(2);
    for (std::size_t i = 0; i < outputs; ++i) {
      node.outputs.push_back(tensor());
    }
    node.workspace = Bytes{chance(0.2) ? static_cast<std::int64_t>(below(1 << 20)) : 0};
    if (chance(0.05)) {
      node.after = {id_at<NodeId>(below(nodes_.size()))};
    }
    if (!node.inputs.empty()) {
      share_storage(node);
    }
    if (options_.rich) {
      add_arguments(node);
    }
    finish(std::move(node));
  }

  void choose_inputs(Node& node) {
    storages_of_inputs_.clear();
    writable_inputs_.clear();
    const std::size_t count = live_.empty() ? 0 : 1 + below(3);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t window =
          std::min<std::size_t>(live_.size(), chance(0.7) ? 8 : live_.size());
      const Live& live = live_[live_.size() - 1 - below(window)];
      node.inputs.push_back(live.ref);
      storages_of_inputs_.push_back(live.storage);
      writable_inputs_.push_back(live.writable);
    }
  }

  // Makes the first output a view of an input, or the op a write in place; the old names of what it
  // writes are then not read again.
  void share_storage(Node& node) {
    const auto input = static_cast<std::uint32_t>(below(node.inputs.size()));
    const Node& producer = nodes_[index(node.inputs[input].node)];
    if (options_.views && chance(0.1)) {
      node.outputs[0] = producer.outputs[node.inputs[input].output];
      node.outputs[0].alias_of = input;
      return;
    }
    const bool twice = std::count(storages_of_inputs_.begin(), storages_of_inputs_.end(),
                                  storages_of_inputs_[input]) > 1;
    if (options_.writes && writable_inputs_[input] && !twice && chance(0.15)) {
      node.outputs[0] = producer.outputs[node.inputs[input].output];
      node.outputs[0].alias_of = input;
      node.mutates = {input};
      std::erase_if(live_,
                    [&](const Live& live) { return live.storage == storages_of_inputs_[input]; });
    }
  }

  void add_arguments(Node& node) {
    const auto inputs = static_cast<std::uint32_t>(node.inputs.size());
    const auto integer = [&] { return static_cast<std::int64_t>(rng_.next()); };
    std::vector<ArgumentValue> values{std::monostate{},
                                      chance(0.5),
                                      integer(),
                                      odd_number(),
                                      odd_text(),
                                      std::vector<bool>{},
                                      std::vector<bool>{true, false},
                                      std::vector<std::int64_t>{},
                                      std::vector<std::int64_t>{integer(), 0},
                                      std::vector<double>{},
                                      std::vector<double>{odd_number(), 2.0},
                                      InputListArgument{},
                                      InputListArgument{{std::nullopt, std::nullopt}},
                                      static_cast<DType>(1 + below(15)),
                                      static_cast<MemoryFormat>(below(4)),
                                      Layout::kStrided,
                                      DeviceArgument{"cuda:0"}};
    if (inputs > 0) {
      values.emplace_back(InputArgument{inputs - 1});
      values.emplace_back(InputListArgument{{0U, std::nullopt, inputs - 1}});
    }
    rng_.shuffle(std::span<ArgumentValue>(values));
    const std::size_t count = below(6);
    for (std::size_t i = 0; i < count; ++i) {
      node.arguments.push_back({(chance(0.2) ? odd_text() : "arg") + std::to_string(i), values[i]});
    }
  }

  void add_outputs() {
    const std::size_t first = live_.size() > 4 ? live_.size() - 4 : 0;
    const std::size_t count = live_.size();
    for (std::size_t i = first; i < count; ++i) {
      Node node;
      node.kind = NodeKind::kOutput;
      node.name = name("output");
      node.pass = Pass::kUpdate;
      node.inputs = {live_[i].ref};
      node.output_role = i == first ? OutputRole::kLoss : OutputRole::kResult;
      if (options_.rich && !states_.empty() && chance(0.6)) {
        node.output_role = chance(0.5) ? OutputRole::kGradient : OutputRole::kStateWrite;
        node.target = states_[below(states_.size())];
      }
      storages_of_inputs_.clear();
      finish(std::move(node));
    }
  }

  KindTimes times_of(const Graph& graph, std::size_t kind) {
    KindTimes times;
    times.kind = options_.kinds[kind];
    times.info = {"a machine", "no library",           "drawn at random",
                  1,           "2026-01-01T00:00:00Z", "random"};
    if (options_.rich) {
      times.info = {odd_text(), odd_text(), "", static_cast<int>(below(100)), "", odd_text()};
    }
    for (const Node& node : graph.nodes()) {
      times.ops.emplace_back();
      if (node.kind == NodeKind::kOp && !(kind > 0 && chance(options_.unsupported))) {
        // Between 1 us and 2 ms, evenly over the orders of magnitude; odd picoseconds.
        const std::int64_t scale = std::int64_t{1'000'000} << below(11);
        const SimTime time{scale +
                           static_cast<std::int64_t>(below(static_cast<std::size_t>(scale)))};
        const SimTime median =
            chance(0.5) ? time : time + SimTime{static_cast<std::int64_t>(below(1000))};
        times.ops.back() = OpTime{time, median, std::nullopt};
        if (options_.rich && chance(0.3)) {
          times.ops.back()->busy = median + SimTime{static_cast<std::int64_t>(below(1'000'000))};
        }
      }
    }
    return times;
  }

  Rng rng_;
  RandomGraphOptions options_;
  std::vector<Node> nodes_;
  std::vector<Live> live_;
  std::vector<NodeId> states_;
  std::vector<NodeId> parameters_;
  std::vector<std::size_t> storages_of_inputs_;  // of the node being made
  std::vector<bool> writable_inputs_;
  std::size_t num_storages_ = 0;
};

}  // namespace

Workload random_workload(std::uint64_t seed, const RandomGraphOptions& options) {
  return WorkloadMaker(seed, options).make();
}

Cluster random_cluster(std::uint64_t seed, const RandomClusterOptions& options) {
  Rng rng(seed);
  const auto range = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(high - low)));
  };
  std::vector<MemoryPool> pools;
  if (options.pools && rng.below(2) == 0) {
    pools.push_back({"host", Bytes{range(std::int64_t{1} << 30, std::int64_t{1} << 33)}});
  }
  std::vector<Device> devices;
  for (std::size_t i = 0; i < options.devices; ++i) {
    Device device;
    device.name = "dev:" + std::to_string(i);
    device.kind = options.kinds[i < options.kinds.size() ? i : rng.below(options.kinds.size())];
    device.memory = Bytes{range(std::int64_t{1} << 26, std::int64_t{1} << 33)};
    device.overhead = SimTime{range(0, 5'000'000)};
    if (!pools.empty() && rng.below(2) == 0) {
      device.pool = 0;
      device.cores = {static_cast<int>(i)};
    }
    devices.push_back(std::move(device));
  }
  std::vector<Link> links;
  const bool bus = rng.below(3) == 0;
  for (std::size_t a = 0; a < options.devices; ++a) {
    for (std::size_t b = a + 1; b < options.devices; ++b) {
      if (links.empty() || !bus) {
        Link link;
        link.name = "link" + std::to_string(links.size());
        link.shared = bus;
        link.latency = SimTime{range(0, 50'000'000)};
        if (!options.hand_offs || rng.below(2) == 0) {
          link.bytes_per_second = static_cast<double>(range(1'000'000'000, 50'000'000'000)) / 3;
        }
        links.push_back(std::move(link));
      }
      links.back().pairs.emplace_back(id_at<DeviceId>(a), id_at<DeviceId>(b));
      links.back().pairs.emplace_back(id_at<DeviceId>(b), id_at<DeviceId>(a));
    }
  }
  return {"random", std::move(devices), std::move(links), std::move(pools)};
}

Placement random_placement(std::uint64_t seed, const Workload& workload, const Cluster& cluster,
                           bool priorities) {
  Rng rng(seed);
  const Graph& graph = workload.graph;
  std::vector<std::vector<bool>> fits(graph.num_colocation_classes(),
                                      std::vector<bool>(cluster.size(), true));
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    const KindTimes* times = workload.times.find(cluster.device(id_at<DeviceId>(d)).kind);
    for (std::size_t i = 0; i < graph.size(); ++i) {
      const NodeId id = id_at<NodeId>(i);
      if (times != nullptr && graph.node(id).kind == NodeKind::kOp && !times->ops[i]) {
        fits[graph.colocation_class(id)][d] = false;
      }
    }
  }
  std::vector<DeviceId> of_class;
  for (const std::vector<bool>& fit : fits) {
    std::vector<DeviceId> choices;
    for (std::size_t d = 0; d < fit.size(); ++d) {
      if (fit[d]) {
        choices.push_back(id_at<DeviceId>(d));
      }
    }
    of_class.push_back(choices.empty() ? DeviceId{0} : choices[rng.below(choices.size())]);
  }
  Placement placement;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    placement.device.push_back(of_class[graph.colocation_class(id_at<NodeId>(i))]);
  }
  if (priorities) {
    for (std::size_t i = 0; i < graph.size(); ++i) {
      placement.priority.push_back(static_cast<std::int64_t>(i));
    }
    rng.shuffle(std::span<std::int64_t>(placement.priority));
  }
  return placement;
}

}  // namespace placer::test
