#include "tests/profiler/executable_graph.h"

#include <sched.h>

namespace placer::testing {

TensorSpec float_tensor(std::vector<std::int64_t> shape) {
  TensorSpec spec;
  spec.dtype = DType::kFloat32;
  spec.bytes = bytes_of(DType::kFloat32, shape).value();
  spec.shape = std::move(shape);
  return spec;
}

TensorSpec alias_of(std::uint32_t input, std::vector<std::int64_t> shape) {
  TensorSpec spec = float_tensor(std::move(shape));
  spec.alias_of = input;
  return spec;
}

Node& ExecutableGraph::add(Node node) {
  nodes_.push_back(std::move(node));
  return nodes_.back();
}

TensorRef ExecutableGraph::input(const std::string& name, std::vector<std::int64_t> shape) {
  Node node;
  node.name = name;
  node.kind = NodeKind::kInput;
  node.origin = name;
  node.outputs = {float_tensor(std::move(shape))};
  add(std::move(node));
  return {id_at<NodeId>(nodes_.size() - 1), 0};
}

TensorRef ExecutableGraph::state(const std::string& name, std::vector<std::int64_t> shape,
                                 std::vector<double> values) {
  const TensorRef ref = input(name, std::move(shape));
  last().kind = NodeKind::kState;
  last().values = std::move(values);
  return ref;
}

TensorRef ExecutableGraph::op(const std::string& name, const std::string& op,
                              std::vector<TensorRef> inputs, std::vector<Argument> arguments,
                              TensorSpec result) {
  const auto dot = op.rfind('.');
  Node node;
  node.name = name;
  node.op = op.substr(0, dot);
  node.overload = op.substr(dot + 1);
  node.inputs = std::move(inputs);
  node.arguments = std::move(arguments);
  node.outputs = {std::move(result)};
  add(std::move(node));
  return {id_at<NodeId>(nodes_.size() - 1), 0};
}

TensorRef ExecutableGraph::binary(const std::string& name, const std::string& op, TensorRef self,
                                  TensorRef other, std::vector<std::int64_t> shape) {
  return this->op(name, op, {self, other},
                  {{"self", InputArgument{0}}, {"other", InputArgument{1}}},
                  float_tensor(std::move(shape)));
}

TensorRef ExecutableGraph::unary(const std::string& name, const std::string& op, TensorRef self,
                                 std::vector<std::int64_t> shape) {
  return this->op(name, op, {self}, {{"self", InputArgument{0}}}, float_tensor(std::move(shape)));
}

NodeId ExecutableGraph::output(const std::string& name, TensorRef value, OutputRole role,
                               NodeId target) {
  Node node;
  node.name = name;
  node.kind = NodeKind::kOutput;
  node.inputs = {value};
  node.output_role = role;
  if (role == OutputRole::kGradient || role == OutputRole::kStateWrite) {
    node.target = target;
  }
  add(std::move(node));
  return id_at<NodeId>(nodes_.size() - 1);
}

Graph ExecutableGraph::build() const {
  GraphInfo info;
  info.name = "test";
  return build_graph_or_die(std::move(info), nodes_);
}

std::vector<int> usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> processors;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) {
      processors.push_back(i);
    }
  }
  return processors;
}

Graph diamond() {
  ExecutableGraph graph;
  const TensorRef x = graph.state("x", {2}, {-1, 2});
  const TensorRef sum = graph.binary("sum", "aten.add.Tensor", x, x, {2});
  const TensorRef left = graph.unary("left", "aten.relu.default", sum, {2});
  const TensorRef right = graph.unary("right", "aten.neg.default", sum, {2});
  graph.output("y", graph.binary("product", "aten.mul.Tensor", left, right, {2}));
  return graph.build();
}

Graph kib_chain(int length) {
  ExecutableGraph made;
  TensorRef value = made.state("x", {256});
  for (int i = 0; i < length; ++i) {
    value = made.unary("op" + std::to_string(i), "aten.neg.default", value, {256});
  }
  made.output("y", value);
  return made.build();
}

Graph dropouts(int count, bool waits) {
  ExecutableGraph made;
  const TensorRef x = made.state("x.weight", {64});  // ones
  if (waits) {
    TensorSpec places = float_tensor({64, 1});
    places.dtype = DType::kInt64;
    places.bytes = Bytes{64 * 8};
    made.output("places", made.op("where", "aten.nonzero.default", {x},
                                  {{"self", InputArgument{0}}}, places));
  }
  for (int i = 0; i < count; ++i) {
    Node drop;
    drop.name = "drop" + std::to_string(i);
    drop.op = "aten.native_dropout";
    drop.overload = "default";
    drop.inputs = {x};
    drop.arguments = {{"input", InputArgument{0}}, {"p", 0.5}, {"train", true}};
    TensorSpec mask;
    mask.dtype = DType::kBool;
    mask.shape = {64};
    mask.bytes = {64};
    drop.outputs = {float_tensor({64}), mask};
    made.add(drop);
    const TensorRef dropped{id_at<NodeId>(made.size() - 1), 0};
    made.output("y" + std::to_string(i), dropped);
  }
  return made.build();
}

Graph update_after_late_reader(int length) {
  ExecutableGraph made;
  const TensorRef w = made.state("w", {2}, {1, 3});
  TensorRef slow = made.state("v", {2}, {0, 0});
  for (int i = 0; i < length; ++i) {
    slow = made.unary("slow" + std::to_string(i), "aten.neg.default", slow, {2});
  }
  made.output("before", made.binary("reader", "aten.add.Tensor", slow, w, {2}));
  const TensorRef updated =
      made.op("update", "aten.add_.Tensor", {w, w},
              {{"self", InputArgument{0}}, {"other", InputArgument{1}}}, alias_of(0, {2}));
  made.last().mutates = {0};
  made.output("after", made.unary("copy", "aten.neg.default", updated, {2}));
  return made.build();
}

Graph op_that_throws() {
  ExecutableGraph made;
  const TensorRef n = made.state("n", {1}, {5});
  const TensorRef wide = made.state("wide", {3});
  const TensorRef next = made.binary("next", "aten.add.Tensor", n, n, {1});
  made.output("written", next, OutputRole::kStateWrite, n.node);
  const TensorRef bad =
      made.op("bad", "aten.mm.default", {next, wide},
              {{"self", InputArgument{0}}, {"mat2", InputArgument{1}}}, float_tensor({1}));
  made.output("y", made.unary("after", "aten.neg.default", bad, {1}));
  return made.build();
}

Cluster core_cluster(std::size_t devices, Bytes memory) {
  const std::vector<int> processors = usable_processors();
  std::vector<Device> list;
  Link link;
  link.name = "hand-off";
  link.latency = from_microseconds(20);
  for (std::size_t i = 0; i < devices; ++i) {
    Device device;
    device.name = "cpu:" + std::to_string(i);
    device.kind = "cpu-core";
    device.memory = memory;
    device.cores = {processors[i % processors.size()]};
    list.push_back(std::move(device));
    for (std::size_t j = 0; j < devices; ++j) {
      if (i != j) {
        link.pairs.emplace_back(id_at<DeviceId>(i), id_at<DeviceId>(j));
      }
    }
  }
  std::vector<Link> links;
  if (devices > 1) {
    links.push_back(std::move(link));
  }
  return {"cores", std::move(list), std::move(links)};
}

}  // namespace placer::testing
