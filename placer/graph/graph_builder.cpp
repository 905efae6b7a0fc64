#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_map>

#include "placer/base/disjoint_sets.h"
#include "placer/base/error.h"
#include "placer/base/hash.h"
#include "placer/base/min_heap.h"
#include "placer/graph/check_nodes.h"
#include "placer/graph/graph.h"
#include "placer/graph/hash_arguments.h"
#include "placer/graph/write_hazards.h"

namespace placer {
namespace {

using Adjacency = std::vector<std::vector<std::uint32_t>>;

// Whether every node stands after all that it refers to, as in the files that we write: then the
// file's order is the topological one.
bool is_in_order(const std::vector<Node>& nodes) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto later = [i](NodeId id) { return index(id) >= i; };
    if (std::any_of(nodes[i].inputs.begin(), nodes[i].inputs.end(),
                    [&](TensorRef ref) { return later(ref.node); }) ||
        std::any_of(nodes[i].after.begin(), nodes[i].after.end(), later)) {
      return false;
    }
  }
  return true;
}

// Positions in a topological order: ascending position among the nodes that are ready. Shorter than
// `nodes` when there is a cycle.
std::vector<std::uint32_t> topological_order(const std::vector<Node>& nodes) {
  const std::size_t size = nodes.size();
  std::vector<std::uint32_t> order;
  if (is_in_order(nodes)) {
    order.resize(size);
    std::iota(order.begin(), order.end(), 0U);
    return order;
  }
  std::vector<std::uint32_t> waiting(size, 0);
  Adjacency successors(size);
  const auto add = [&](std::size_t from, std::size_t to) {
    successors[from].push_back(static_cast<std::uint32_t>(to));
    ++waiting[to];
  };
  for (std::size_t i = 0; i < size; ++i) {
    for (const TensorRef input : nodes[i].inputs) {
      add(index(input.node), i);
    }
    for (const NodeId before : nodes[i].after) {
      add(index(before), i);
    }
  }
  MinHeap<std::uint32_t> ready;
  for (std::size_t i = 0; i < size; ++i) {
    if (waiting[i] == 0) {
      ready.push(static_cast<std::uint32_t>(i));
    }
  }
  order.reserve(size);
  while (!ready.empty()) {
    const std::uint32_t next = take_least(ready);
    order.push_back(next);
    for (const std::uint32_t successor : successors[next]) {
      if (--waiting[successor] == 0) {
        ready.push(successor);
      }
    }
  }
  return order;
}

// Names the lowest node on a cycle: one that never became ready and is reached from itself.
GraphDefect cycle_defect(const std::vector<Node>& nodes, const std::vector<std::uint32_t>& order) {
  std::vector<bool> done(nodes.size(), false);
  for (const std::uint32_t node : order) {
    done[node] = true;
  }
  // Walking back along unfinished predecessors must come to a node for the second time: that one is
  // on a cycle.
  std::size_t at =
      static_cast<std::size_t>(std::find(done.begin(), done.end(), false) - done.begin());
  std::vector<bool> visited(nodes.size(), false);
  while (!visited[at]) {
    visited[at] = true;
    const Node& node = nodes[at];
    const auto unfinished = [&](NodeId id) { return !done[index(id)]; };
    const auto input = std::find_if(node.inputs.begin(), node.inputs.end(),
                                    [&](TensorRef ref) { return unfinished(ref.node); });
    if (input != node.inputs.end()) {
      at = index(input->node);
      continue;
    }
    const auto before = std::find_if(node.after.begin(), node.after.end(), unfinished);
    if (before == node.after.end()) {
      break;  // held back by an in-place write: as good a place as any
    }
    at = index(*before);
  }
  return {id_at<NodeId>(at), "inputs",
          "\"" + nodes[at].name + "\" depends on itself: the graph has a cycle"};
}

void renumber(std::vector<Node>& nodes, const std::vector<std::uint32_t>& order) {
  std::vector<NodeId> new_id(nodes.size());
  std::vector<Node> sorted;
  sorted.reserve(nodes.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    new_id[order[i]] = id_at<NodeId>(i);
    sorted.push_back(std::move(nodes[order[i]]));
  }
  for (Node& node : sorted) {
    for (TensorRef& input : node.inputs) {
      input.node = new_id[index(input.node)];
    }
    for (NodeId& before : node.after) {
      before = new_id[index(before)];
    }
    if (node.target) {
      node.target = new_id[index(*node.target)];
    }
  }
  nodes = std::move(sorted);
}

}  // namespace

// Fills a Graph step by step; each step relies on those before.
class GraphBuilder {
 public:
  GraphBuilder(GraphInfo info, std::vector<Node> nodes) {
    graph_.info_ = std::move(info);
    graph_.nodes_ = std::move(nodes);
  }

  std::optional<GraphDefect> run() {
    if (auto defect = check_nodes(graph_.nodes_)) {
      return defect;
    }
    const std::vector<std::uint32_t> order = topological_order(graph_.nodes_);
    if (order.size() != graph_.size()) {
      return cycle_defect(graph_.nodes_, order);
    }
    if (!std::is_sorted(order.begin(), order.end())) {
      renumber(graph_.nodes_, order);
    }
    index_tensors();
    WriteHazards hazards(graph_);
    if (auto defect = hazards.find()) {
      defect->node = id_at<NodeId>(order[index(defect->node)]);
      return defect;
    }
    index_names();
    index_edges(hazards.controls());
    find_colocation_classes();
    compute_hash();
    return std::nullopt;
  }

  Graph take() { return std::move(graph_); }

 private:
  struct ProducedUse {
    NodeId producer{};
    Use use;
  };

  void index_tensors() {
    auto& g = graph_;
    g.first_tensor_.assign(g.size() + 1, 0);
    for (std::size_t i = 0; i < g.size(); ++i) {
      g.first_tensor_[i + 1] =
          g.first_tensor_[i] + static_cast<std::uint32_t>(g.nodes_[i].outputs.size());
    }
    g.storage_.reserve(g.first_tensor_.back());
    for (std::size_t i = 0; i < g.size(); ++i) {
      const Node& node = g.nodes_[i];
      for (std::uint32_t k = 0; k < node.outputs.size(); ++k) {
        const auto base = node.outputs[k].alias_of;
        // Inputs come first in topological order, so that their storage is known.
        g.storage_.push_back(base ? g.storage(node.inputs[*base]) : TensorRef{id_at<NodeId>(i), k});
      }
    }
  }

  void index_names() {
    auto& names = graph_.by_name_;
    names.reserve(graph_.size());
    for (std::size_t i = 0; i < graph_.size(); ++i) {
      names.push_back(id_at<NodeId>(i));
    }
    std::sort(names.begin(), names.end(),
              [&](NodeId a, NodeId b) { return graph_.node(a).name < graph_.node(b).name; });
  }

  //   write_controls  [size]: readers that must end before a write
  void index_edges(const std::vector<std::vector<NodeId>>& write_controls) {
    auto& g = graph_;
    std::vector<ProducedUse> uses;
    g.first_control_.assign(1, 0);
    std::vector<NodeId> producers;
    std::vector<NodeId> controls;
    for (std::size_t i = 0; i < g.size(); ++i) {
      const NodeId id = id_at<NodeId>(i);
      const Node& node = g.nodes_[i];
      producers.clear();
      for (const TensorRef input : node.inputs) {
        uses.push_back({input.node, {id, input.output}});
        producers.push_back(input.node);
      }
      controls.assign(node.after.begin(), node.after.end());
      controls.insert(controls.end(), write_controls[i].begin(), write_controls[i].end());
      std::sort(controls.begin(), controls.end());
      controls.erase(std::unique(controls.begin(), controls.end()), controls.end());
      std::erase_if(controls, [&](NodeId before) {
        return std::find(producers.begin(), producers.end(), before) != producers.end();
      });
      for (const NodeId before : controls) {
        uses.push_back({before, {id, Use::kControl}});
      }
      g.controls_.insert(g.controls_.end(), controls.begin(), controls.end());
      g.first_control_.push_back(static_cast<std::uint32_t>(g.controls_.size()));
    }
    index_uses(uses);
  }

  // Sorts the uses by producer, consumer and output, each once.
  void index_uses(const std::vector<ProducedUse>& uses) {
    auto& g = graph_;
    std::vector<std::uint32_t> end(g.size() + 1, 0);
    for (const ProducedUse& use : uses) {
      ++end[index(use.producer) + 1];
    }
    std::partial_sum(end.begin(), end.end(), end.begin());
    std::vector<Use> sorted(uses.size());
    for (const ProducedUse& use : uses) {
      sorted[end[index(use.producer)]++] = use.use;  // then end[i] is where the uses of i end
    }
    g.uses_.reserve(uses.size());
    g.first_use_.assign(1, 0);
    const auto key = [](const Use& use) { return std::pair(use.consumer, use.output); };
    for (std::size_t i = 0; i < g.size(); ++i) {
      const auto first = sorted.begin() + (i == 0 ? 0 : end[i - 1]);
      const auto last = sorted.begin() + end[i];
      std::sort(first, last, [&](const Use& a, const Use& b) { return key(a) < key(b); });
      g.uses_.insert(
          g.uses_.end(), first,
          std::unique(first, last, [&](const Use& a, const Use& b) { return key(a) == key(b); }));
      g.first_use_.push_back(static_cast<std::uint32_t>(g.uses_.size()));
    }
  }

  void find_colocation_classes() {
    auto& g = graph_;
    DisjointSets sets(g.size());
    const auto unite = [&](NodeId a, NodeId b) {
      sets.unite(static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b));
    };
    std::unordered_map<std::string_view, NodeId> by_key;
    for (std::size_t i = 0; i < g.size(); ++i) {
      const NodeId id = id_at<NodeId>(i);
      const Node& node = g.nodes_[i];
      if (!node.colocate.empty()) {
        unite(by_key.emplace(node.colocate, id).first->second, id);
      }
      for (const TensorSpec& output : node.outputs) {
        if (output.alias_of) {
          unite(node.inputs[*output.alias_of].node, id);
        }
      }
      for (const std::uint32_t written : node.mutates) {
        unite(g.storage(node.inputs[written]).node, id);
      }
      if (node.kind == NodeKind::kOutput) {
        const bool write = node.output_role == OutputRole::kStateWrite;
        unite(write ? *node.target : node.inputs[0].node, id);
      }
    }
    auto [class_of, count] = sets.numbered();
    g.class_of_ = std::move(class_of);
    g.num_classes_ = count;
  }

  void compute_hash();

  Graph graph_;
};

namespace {

void hash_edges(Hasher& hasher, const Node& node) {
  for (const TensorRef input : node.inputs) {
    hasher.add(static_cast<std::int64_t>(index(input.node))).add(std::int64_t{input.output});
  }
  hasher.add("after");
  for (const NodeId before : node.after) {
    hasher.add(static_cast<std::int64_t>(index(before)));
  }
  hasher.add("mutates");
  for (const std::uint32_t written : node.mutates) {
    hasher.add(std::int64_t{written});
  }
  hasher.add("target").add(node.target ? static_cast<std::int64_t>(index(*node.target)) : -1);
}

void hash_node(Hasher& hasher, const Node& node) {
  hasher.add(node.name).add(name_of(node.kind)).add(name_of(node.pass)).add(node.module);
  hasher.add(node.colocate).add(node.op).add(node.overload).add(node.workspace.count);
  if (node.resident.count != 0) hasher.add("resident").add(node.resident.count);
  hash_edges(hasher, node);
  hash_arguments(hasher, node.arguments);
  for (const TensorSpec& output : node.outputs) {
    hasher.add(name_of(output.dtype)).add(output.bytes.count);
    if (output.transfer_us) hasher.add("transfer").add(*output.transfer_us);
    hasher.add(output.alias_of ? std::int64_t{*output.alias_of} : -1);
    for (const std::int64_t size : output.shape) {
      hasher.add(size);
    }
  }
  for (const double value : node.values) {
    hasher.add(value);
  }
}

}  // namespace

void GraphBuilder::compute_hash() {
  Hasher hasher;
  for (const Node& node : graph_.nodes_) {
    hash_node(hasher, node);
  }
  graph_.hash_ = hasher.digest();
}

std::variant<Graph, GraphDefect> build_graph(GraphInfo info, std::vector<Node> nodes) {
  GraphBuilder builder(std::move(info), std::move(nodes));
  if (auto defect = builder.run()) {
    return *std::move(defect);
  }
  return builder.take();
}

Graph build_graph_or_die(GraphInfo info, std::vector<Node> nodes) {
  auto result = build_graph(std::move(info), std::move(nodes));
  if (const auto* defect = std::get_if<GraphDefect>(&result)) {
    fail_check(
        "build_graph", __FILE__, __LINE__,
        "node " + std::to_string(index(defect->node)) + " " + defect->field + ": " + defect->text);
  }
  return std::get<Graph>(std::move(result));
}

}  // namespace placer
