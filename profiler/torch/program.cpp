#include "profiler/torch/program.h"

#include <algorithm>

#include "placer/base/error.h"

namespace placer::profile {

namespace {

void sort_unique(std::vector<std::uint32_t>& items) {
  std::ranges::sort(items);
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

class ProgramMaker {
 public:
  explicit ProgramMaker(const Graph& graph) : graph_(graph) {}

  Program make() {
    const std::size_t nodes = graph_.size();
    program_.dependencies.assign(nodes, 0);
    program_.allocates.assign(nodes, 0);
    program_.readers.assign(graph_.num_tensors(), 0);
    program_.handles.assign(graph_.num_tensors(), 0);
    program_.bytes.assign(graph_.num_tensors(), 0);
    successors_.resize(nodes);
    for (std::size_t i = 0; i < nodes; ++i) {
      add_tensors(i);
      add_dependencies(i);
    }
    for (std::size_t i = 0; i < nodes; ++i) {
      add_releases(i);
      program_.successors.items.insert(program_.successors.items.end(), successors_[i].begin(),
                                       successors_[i].end());
      program_.successors.end_list();
    }
    return std::move(program_);
  }

 private:
  [[nodiscard]] const Node& node(std::size_t i) const { return graph_.nodes()[i]; }
  [[nodiscard]] std::uint32_t tensor(TensorRef ref) const {
    return static_cast<std::uint32_t>(graph_.tensor_index(ref));
  }
  [[nodiscard]] bool made_in_step(TensorRef ref) const {
    return graph_.node(ref.node).kind == NodeKind::kOp;
  }

  void add_tensors(std::size_t i) {
    const bool op = node(i).kind == NodeKind::kOp;
    if (op) {
      program_.ops.push_back(static_cast<std::uint32_t>(i));
    } else if (node(i).kind != NodeKind::kOutput) {
      program_.sources.push_back(static_cast<std::uint32_t>(i));
    }
    for (std::uint32_t k = 0; k < node(i).outputs.size(); ++k) {
      const TensorRef ref{id_at<NodeId>(i), k};
      const TensorRef owner = graph_.storage(ref);
      program_.node_of.push_back(static_cast<std::uint32_t>(i));
      program_.storage.push_back(tensor(owner));
      if (op && made_in_step(owner)) {
        ++program_.handles[tensor(owner)];
      }
      if (op && owner == ref) {
        program_.bytes[tensor(ref)] = node(i).outputs[k].bytes.count;
        program_.allocates[i] += node(i).outputs[k].bytes.count;
      }
    }
    for (const TensorRef input : node(i).inputs) {
      program_.inputs.items.push_back(tensor(input));
    }
    program_.inputs.end_list();
  }

  // The ops that `before` stands for as a predecessor: an output ends with the op that makes its
  // value, a source is there from the start.
  void collect_ops(NodeId before, std::vector<std::uint32_t>& ops) const {
    const Node& predecessor = graph_.node(before);
    if (predecessor.kind == NodeKind::kOp) {
      ops.push_back(static_cast<std::uint32_t>(index(before)));
    } else if (predecessor.kind == NodeKind::kOutput) {
      collect_ops(predecessor.inputs.front().node, ops);
      for (const NodeId control : graph_.controls(before)) {
        collect_ops(control, ops);
      }
    }
  }

  void add_dependencies(std::size_t i) {
    if (node(i).kind != NodeKind::kOp) {
      return;
    }
    std::vector<std::uint32_t> before;
    for (const TensorRef input : node(i).inputs) {
      collect_ops(input.node, before);
    }
    for (const NodeId control : graph_.controls(id_at<NodeId>(i))) {
      collect_ops(control, before);
    }
    sort_unique(before);
    program_.dependencies[i] = static_cast<std::uint32_t>(before.size());
    for (const std::uint32_t op : before) {
      successors_[op].push_back(static_cast<std::uint32_t>(i));
    }
  }

  void add_releases(std::size_t i) {
    std::vector<std::uint32_t> released;
    if (node(i).kind == NodeKind::kOp) {
      for (const TensorRef input : node(i).inputs) {
        if (made_in_step(input)) {
          released.push_back(tensor(input));
        }
      }
      // What nobody reads goes when its producer ends.
      for (std::uint32_t k = 0; k < node(i).outputs.size(); ++k) {
        const auto uses = graph_.uses(id_at<NodeId>(i));
        if (std::ranges::none_of(uses, [&](const Use& use) { return use.output == k; })) {
          released.push_back(tensor({id_at<NodeId>(i), k}));
        }
      }
      sort_unique(released);
    }
    for (const std::uint32_t value : released) {
      ++program_.readers[value];
    }
    if (node(i).kind == NodeKind::kOutput && made_in_step(node(i).inputs.front())) {
      ++program_.readers[tensor(node(i).inputs.front())];
    }
    program_.releases.items.insert(program_.releases.items.end(), released.begin(), released.end());
    program_.releases.end_list();
  }

  const Graph& graph_;
  Program program_;
  std::vector<std::vector<std::uint32_t>> successors_;
};

}  // namespace

Program make_program(const Graph& graph) {
  return ProgramMaker(graph).make();
}

Lowered lower(const Graph& graph, const Cluster& cluster, const Program& program,
              const Placement& placement, std::span<const std::int64_t> priority) {
  PLACER_CHECK(placement.device.size() == graph.size(), "a placement gives every node a device");
  PLACER_CHECK(placement.priority.empty() || placement.priority.size() == graph.size(),
               "a priority per node");
  if (!placement.priority.empty()) {
    priority = placement.priority;
  }
  Lowered lowered;
  lowered.order.resize(cluster.size());
  lowered.ready.resize(cluster.size());
  lowered.resident.resize(cluster.size());
  lowered.rank.assign(graph.size(), 0);
  for (const DeviceId device : placement.device) {
    PLACER_CHECK(index(device) < cluster.size(), "a placement names devices of its cluster");
    lowered.device.push_back(static_cast<std::uint32_t>(index(device)));
  }
  for (const std::uint32_t op : program.ops) {
    lowered.order[lowered.device[op]].push_back(op);
  }
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    auto& order = lowered.order[d];
    if (!priority.empty()) {
      std::ranges::stable_sort(
          order, [&](std::uint32_t a, std::uint32_t b) { return priority[a] > priority[b]; });
    }
    for (std::uint32_t position = 0; position < order.size(); ++position) {
      lowered.rank[order[position]] = position;
      if (program.dependencies[order[position]] == 0) {
        lowered.ready[d].push_back(position);
      }
    }
  }
  for (const std::uint32_t source : program.sources) {
    for (const TensorSpec& output : graph.nodes()[source].outputs) {
      lowered.resident[lowered.device[source]] += output.bytes;
    }
  }
  return lowered;
}

}  // namespace placer::profile
