#include "placer/algorithm/block_graph.h"

#include <algorithm>
#include <utility>

#include "placer/base/disjoint_sets.h"
#include "placer/base/min_heap.h"

namespace placer {
namespace {

using Adjacency = std::vector<std::vector<std::uint32_t>>;

void sort_unique(std::vector<std::uint32_t>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

// Which nodes are together before components are: units, and what is attached to them.
class Attachment {
 public:
  explicit Attachment(const Problem& problem)
      : graph_(problem.costs.graph()),
        constraints_(problem.constraints),
        sets_(constraints_.num_units),
        allowed_(constraints_.num_units),
        forward_(constraints_.num_units, false) {
    for (std::size_t v = 0; v < graph_.size(); ++v) {
      const std::uint32_t unit = constraints_.unit_of[v];
      allowed_[unit] = constraints_.allowed[v];
      forward_[unit] = forward_[unit] || orders(id_at<NodeId>(v));
    }
  }

  // True for nodes that the order of blocks is made of.
  [[nodiscard]] bool orders(NodeId node) const {
    const Node& of = graph_.node(node);
    return of.kind == NodeKind::kOp && of.pass == Pass::kForward;
  }
  [[nodiscard]] std::uint32_t find(NodeId node) const {
    return sets_.find(constraints_.unit_of[index(node)]);
  }

  // True when anything was attached.
  bool attach_all() {
    for (std::size_t v = 0; v < graph_.size(); ++v) {
      const auto node = id_at<NodeId>(v);
      if (graph_.node(node).kind == NodeKind::kOp && !forward_[find(node)]) {
        attach_to_last_input(node);
      }
    }
    for (std::size_t v = 0; v < graph_.size(); ++v) {
      const auto node = id_at<NodeId>(v);
      if (graph_.node(node).kind != NodeKind::kOp && !forward_[find(node)]) {
        attach_to_first_reader(node);
      }
    }
    return any_;
  }

 private:
  void attach_to_last_input(NodeId node) {
    std::optional<NodeId> last;
    for (const TensorRef input : graph_.node(node).inputs) {
      if (forward_[find(input.node)] && (!last || input.node > *last)) {
        last = input.node;
      }
    }
    if (last) {
      unite(find(*last), find(node));
    }
  }

  void attach_to_first_reader(NodeId node) {
    for (const Use& use : graph_.uses(node)) {
      if (forward_[find(use.consumer)] && unite(find(use.consumer), find(node))) {
        return;
      }
    }
  }

  // False where no device may have both.
  bool unite(std::uint32_t host, std::uint32_t guest) {
    if ((allowed_[host] & allowed_[guest]) == 0) {
      return false;
    }
    sets_.attach(guest, host);
    allowed_[host] &= allowed_[guest];
    any_ = true;
    return true;
  }

  const Graph& graph_;
  const Constraints& constraints_;
  DisjointSets sets_;                   // of units
  std::vector<std::uint64_t> allowed_;  // [units]: of roots
  std::vector<bool> forward_;           // [units]: has a node that orders
  bool any_ = false;
};

// Tarjan's strongly connected components, without recursion (Tarjan, SIAM J. Comput. 1972).
class Components {
 public:
  explicit Components(const Adjacency& after)
      : after_(after), component_(after.size(), kNone), low_(after.size()), order_(after.size()) {
    for (std::uint32_t v = 0; v < after.size(); ++v) {
      if (order_[v] == 0) {
        visit(v);
      }
    }
  }
  [[nodiscard]] const std::vector<std::uint32_t>& of() const { return component_; }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  void enter(std::uint32_t v) {
    low_[v] = order_[v] = ++clock_;
    open_.push_back(v);
    path_.emplace_back(v, 0);
  }

  void visit(std::uint32_t start) {
    enter(start);
    while (!path_.empty()) {
      auto& [v, next] = path_.back();
      if (next < after_[v].size()) {
        const std::uint32_t w = after_[v][next++];
        if (order_[w] == 0) {
          enter(w);
        } else if (component_[w] == kNone) {
          low_[v] = std::min(low_[v], order_[w]);
        }
        continue;
      }
      const std::uint32_t done = v;
      path_.pop_back();
      if (!path_.empty()) {
        low_[path_.back().first] = std::min(low_[path_.back().first], low_[done]);
      }
      if (low_[done] == order_[done]) {
        close(done);
      }
    }
  }

  void close(std::uint32_t v) {
    std::uint32_t member = kNone;
    do {
      member = open_.back();
      open_.pop_back();
      component_[member] = static_cast<std::uint32_t>(count_);
    } while (member != v);
    ++count_;
  }

  const Adjacency& after_;
  std::vector<std::uint32_t> component_;
  std::vector<std::uint32_t> low_;
  std::vector<std::uint32_t> order_;  // of discovery, from 1
  std::vector<std::uint32_t> open_;
  std::vector<std::pair<std::uint32_t, std::size_t>> path_;
  std::uint32_t clock_ = 0;
  std::size_t count_ = 0;
};

// Numbers by topological order; among those that are ready the one with the lowest first node.
std::vector<std::uint32_t> topological_number(const Adjacency& after,
                                              const std::vector<std::uint32_t>& first_node) {
  std::vector<std::uint32_t> waiting(after.size(), 0);
  for (const auto& list : after) {
    for (const std::uint32_t w : list) {
      ++waiting[w];
    }
  }
  using Entry = std::pair<std::uint32_t, std::uint32_t>;  // first node, vertex
  MinHeap<Entry> ready;
  for (std::uint32_t v = 0; v < after.size(); ++v) {
    if (waiting[v] == 0) {
      ready.emplace(first_node[v], v);
    }
  }
  std::vector<std::uint32_t> number(after.size());
  for (std::uint32_t next = 0; !ready.empty(); ++next) {
    const std::uint32_t v = take_least(ready).second;
    number[v] = next;
    for (const std::uint32_t w : after[v]) {
      if (--waiting[w] == 0) {
        ready.emplace(first_node[w], w);
      }
    }
  }
  return number;
}

// The edges of `after` between different classes, renamed; each once.
Adjacency renamed(const Adjacency& after, const std::vector<std::uint32_t>& name,
                  std::size_t count) {
  Adjacency result(count);
  for (std::size_t v = 0; v < after.size(); ++v) {
    for (const std::uint32_t w : after[v]) {
      if (name[v] != name[w]) {
        result[name[v]].push_back(name[w]);
      }
    }
  }
  std::for_each(result.begin(), result.end(), sort_unique);
  return result;
}

// Edges between units, by root, of the nodes that order.
Adjacency unit_edges(const Graph& graph, const Attachment& attachment, std::size_t units) {
  Adjacency after(units);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const auto node = id_at<NodeId>(v);
    for (const Use& use : graph.uses(node)) {
      if (attachment.orders(node) && attachment.orders(use.consumer) &&
          attachment.find(node) != attachment.find(use.consumer)) {
        after[attachment.find(node)].push_back(attachment.find(use.consumer));
      }
    }
  }
  std::for_each(after.begin(), after.end(), sort_unique);
  return after;
}

}  // namespace

BlockGraph::BlockGraph(const Problem& problem) : block_of(problem.costs.graph().size()) {
  const Graph& graph = problem.costs.graph();
  Attachment attachment(problem);
  attached = attachment.attach_all();
  const Adjacency of_units = unit_edges(graph, attachment, problem.constraints.num_units);
  const Components components(of_units);
  constexpr auto kNone = ~std::uint32_t{0};
  std::vector<std::uint32_t> first(components.count(), kNone);
  for (std::uint32_t v = 0; v < graph.size(); ++v) {
    std::uint32_t& of = first[components.of()[attachment.find(id_at<NodeId>(v))]];
    of = std::min(of, v);
  }
  // Units that were attached leave components without nodes: these come last and are dropped.
  const Adjacency of_components = renamed(of_units, components.of(), components.count());
  std::vector<std::uint32_t> number = topological_number(of_components, first);
  std::vector<std::uint32_t> kept(components.count(), kNone);
  std::vector<std::uint32_t> by_number(components.count());
  for (std::uint32_t c = 0; c < components.count(); ++c) {
    by_number[number[c]] = c;
  }
  std::uint32_t count = 0;
  for (const std::uint32_t c : by_number) {
    kept[c] = first[c] == kNone ? kNone : count++;
  }
  nodes.resize(count);
  before.resize(count);
  after.resize(count);
  allowed.assign(count, ~std::uint64_t{0});
  memory.resize(count);
  const LoadModel model(problem.costs);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const auto node = id_at<NodeId>(v);
    const std::uint32_t block = kept[components.of()[attachment.find(node)]];
    block_of[v] = block;
    nodes[block].push_back(node);
    allowed[block] &= problem.constraints.allowed[v];
    memory[block] += model.memory(node);
  }
  for (std::size_t c = 0; c < components.count(); ++c) {
    for (const std::uint32_t w : of_components[c]) {
      after[kept[c]].push_back(kept[w]);
      before[kept[w]].push_back(kept[c]);
    }
  }
  add_tensors(graph);
}

void BlockGraph::add_tensors(const Graph& graph) {
  tensors = crossing_tensors(graph, block_of);
  owned.resize(size());
  received.resize(size());
  for (std::uint32_t id = 0; id < tensors.size(); ++id) {
    owned[tensors[id].owner].push_back(id);
    for (const std::uint32_t reader : tensors[id].readers) {
      received[reader].push_back(id);
    }
  }
}

}  // namespace placer
