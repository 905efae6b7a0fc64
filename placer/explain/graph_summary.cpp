#include "placer/explain/graph_summary.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>

#include <fmt/format.h>

#include "placer/graph/orders.h"

namespace placer {
namespace {

constexpr std::size_t kListed = 10;
constexpr std::size_t kMostLevels = 8;

// The first `levels` parts of a dotted path.
std::string_view prefix(std::string_view module, std::size_t levels) {
  std::size_t end = 0;
  for (std::size_t level = 0; level < levels && end < module.size(); ++level) {
    end = std::min(module.find('.', end + (level == 0 ? 0 : 1)), module.size());
  }
  return module.substr(0, end);
}

class Summarizer {
 public:
  explicit Summarizer(const Workload& workload)
      : graph_(workload.graph), kinds_(workload.times.kinds()) {}

  GraphSummary run() {
    count_nodes();
    count_memory();
    count_colocation();
    count_ops();
    count_modules();
    summarize_kinds();
    list_largest();
    list_slowest();
    warn_of_times();
    warn_of_execution();
    warn_of_unused();
    return std::move(summary_);
  }

 private:
  [[nodiscard]] std::vector<SimTime> times_of(std::size_t node) const {
    std::vector<SimTime> times;
    for (const KindTimes& kind : kinds_) {
      times.push_back(kind.ops[node] ? kind.ops[node]->time : SimTime{});
    }
    return times;
  }
  static void add(std::vector<SimTime>& sums, const std::vector<SimTime>& times) {
    sums.resize(times.size());
    for (std::size_t k = 0; k < times.size(); ++k) {
      sums[k] += times[k];
    }
  }
  [[nodiscard]] bool is_op(std::size_t node) const {
    return graph_.nodes()[node].kind == NodeKind::kOp;
  }
  // Memory that the node's own outputs need.
  [[nodiscard]] static Bytes owned(const Node& node) {
    Bytes bytes;
    for (const TensorSpec& output : node.outputs) {
      bytes += output.alias_of ? Bytes{} : output.bytes;
    }
    return bytes;
  }

  void count_nodes() {
    for (const Node& node : graph_.nodes()) {
      ++summary_.nodes[static_cast<std::size_t>(node.kind)];
      summary_.edges += node.inputs.size() + node.after.size();
      if (node.kind == NodeKind::kOp) {
        ++summary_.ops_by_pass[static_cast<std::size_t>(node.pass)];
      }
    }
  }

  void count_memory() {
    std::set<std::size_t> kept;  // storages, each counted once
    for (const Node& node : graph_.nodes()) {
      const Bytes bytes = owned(node);
      summary_.resident += node.resident;
      switch (node.kind) {
        case NodeKind::kInput:
        case NodeKind::kConstant:
          summary_.inputs += bytes;
          break;
        case NodeKind::kState:
          state_bytes(node.state_role) += bytes;
          break;
        case NodeKind::kOp:
          summary_.results[static_cast<std::size_t>(node.pass)] += bytes;
          summary_.largest_workspace = std::max(summary_.largest_workspace, node.workspace);
          break;
        case NodeKind::kOutput: {
          const TensorRef storage = graph_.storage(node.inputs[0]);
          if (node.output_role == OutputRole::kGradient &&
              kept.insert(graph_.tensor_index(storage)).second) {
            summary_.gradients += graph_.tensor(storage).bytes;
          }
        }
      }
    }
  }

  Bytes& state_bytes(StateRole role) {
    switch (role) {
      case StateRole::kBuffer:
        return summary_.buffers;
      case StateRole::kOptimizer:
        return summary_.optimizer;
      default:
        return summary_.parameters;
    }
  }

  void count_colocation() {
    std::set<std::string_view> keys;
    std::vector<std::size_t> sizes(graph_.num_colocation_classes(), 0);
    for (std::size_t i = 0; i < graph_.size(); ++i) {
      const Node& node = graph_.nodes()[i];
      if (!node.colocate.empty()) {
        keys.insert(node.colocate);
      }
      ++sizes[graph_.colocation_class(id_at<NodeId>(i))];
    }
    summary_.colocation_keys = keys.size();
    summary_.colocation_classes = sizes.size();
    const auto largest = std::max_element(sizes.begin(), sizes.end());
    summary_.largest_class = *largest;
    const auto number = static_cast<std::uint32_t>(largest - sizes.begin());
    for (std::size_t i = 0; i < graph_.size(); ++i) {
      if (graph_.colocation_class(id_at<NodeId>(i)) == number) {
        summary_.largest_class_node = graph_.nodes()[i].name;
        return;
      }
    }
  }

  void count_ops() {
    std::map<std::string_view, OpCount> by_name;
    for (std::size_t i = 0; i < graph_.size(); ++i) {
      const Node& node = graph_.nodes()[i];
      if (node.kind == NodeKind::kOp) {
        OpCount& entry = by_name[node.op];
        ++entry.count;
        ++entry.by_pass[static_cast<std::size_t>(node.pass)];
        entry.outputs += owned(node);
        add(entry.time, times_of(i));
      }
    }
    for (auto& [name, entry] : by_name) {
      entry.op = name;
      summary_.ops.push_back(std::move(entry));
    }
    std::stable_sort(summary_.ops.begin(), summary_.ops.end(),
                     [](const OpCount& a, const OpCount& b) {
                       const SimTime of_a = a.time.empty() ? SimTime{} : a.time[0];
                       const SimTime of_b = b.time.empty() ? SimTime{} : b.time[0];
                       return std::tie(of_b, b.count) < std::tie(of_a, a.count);
                     });
  }

  // The fewest parts of module paths that tell at least two modules apart.
  [[nodiscard]] std::size_t dividing_level() const {
    for (std::size_t level = 1; level < kMostLevels; ++level) {
      std::optional<std::string_view> first;
      for (const Node& node : graph_.nodes()) {
        const std::string_view module = prefix(node.module, level);
        if (!module.empty() && first.value_or(module) != module) {
          return level;
        }
        if (!module.empty()) {
          first = module;
        }
      }
    }
    return kMostLevels;
  }

  void count_modules() {
    const std::size_t level = dividing_level();
    std::map<std::string_view, std::size_t> position;
    for (std::size_t i = 0; i < graph_.size(); ++i) {
      const Node& node = graph_.nodes()[i];
      const bool parameter =
          node.kind == NodeKind::kState && node.state_role == StateRole::kParameter;
      if (node.kind != NodeKind::kOp && !parameter) {
        continue;
      }
      const std::string_view name = prefix(node.module, level);
      const auto [found, fresh] = position.emplace(name, summary_.modules.size());
      if (fresh) {
        summary_.modules.push_back(
            {.module = std::string(name), .ops = 0, .parameters = {}, .time = {}});
      }
      ModuleSummary& module = summary_.modules[found->second];
      module.ops += parameter ? 0 : 1;
      module.parameters += parameter ? owned(node) : Bytes{};
      add(module.time, times_of(i));
    }
  }

  void summarize_kinds() {
    for (const KindTimes& kind : kinds_) {
      KindSummary entry;
      entry.kind = kind.kind;
      std::vector<SimTime> times(graph_.size());
      for (std::size_t i = 0; i < graph_.size(); ++i) {
        if (kind.ops[i]) {
          times[i] = kind.ops[i]->time;
          ++entry.timed;
          entry.total += times[i];
          entry.by_pass[static_cast<std::size_t>(graph_.nodes()[i].pass)] += times[i];
        }
      }
      for (const NodeId node : critical_path(graph_, times)) {
        entry.critical_path += times[index(node)];
        entry.path_ops += is_op(index(node)) ? 1 : 0;
      }
      summary_.kinds.push_back(std::move(entry));
    }
  }

  void list_largest() {
    std::vector<TensorRef> owners;
    for (std::size_t i = 0; i < graph_.size(); ++i) {
      const std::size_t outputs = graph_.nodes()[i].outputs.size();
      for (std::uint32_t k = 0; k < outputs; ++k) {
        if (!graph_.nodes()[i].outputs[k].alias_of) {
          owners.push_back({id_at<NodeId>(i), k});
        }
      }
    }
    std::stable_sort(owners.begin(), owners.end(), [&](TensorRef a, TensorRef b) {
      return graph_.tensor(a).bytes > graph_.tensor(b).bytes;
    });
    owners.resize(std::min(owners.size(), kListed));
    summary_.largest = std::move(owners);
  }

  void list_slowest() {
    if (kinds_.empty()) {
      return;
    }
    const auto& times = kinds_[0].ops;
    std::vector<NodeId> ops;
    for (std::size_t i = 0; i < graph_.size(); ++i) {
      if (times[i]) {
        ops.push_back(id_at<NodeId>(i));
      }
    }
    std::stable_sort(ops.begin(), ops.end(), [&](NodeId a, NodeId b) {
      return times[index(a)]->time > times[index(b)]->time;
    });
    ops.resize(std::min(ops.size(), kListed));
    summary_.slowest = std::move(ops);
  }

  void warn(std::string text) { summary_.warnings.push_back(std::move(text)); }

  [[nodiscard]] std::size_t num_ops() const {
    return summary_.nodes[static_cast<std::size_t>(NodeKind::kOp)];
  }

  void warn_of_times() {
    if (kinds_.empty()) {
      warn("no op times: run `placer profile` before placing or simulating");
    }
    for (const KindSummary& kind : summary_.kinds) {
      if (kind.timed < num_ops()) {
        const auto untimed = [&](const Node& node) {
          const auto i = static_cast<std::size_t>(&node - graph_.nodes().data());
          return node.kind == NodeKind::kOp && !times(kind.kind)[i];
        };
        const auto first = std::find_if(graph_.nodes().begin(), graph_.nodes().end(), untimed);
        warn(fmt::format(
            "{} of {} ops have no time on {} and cannot be placed there, such as \"{}\"",
            num_ops() - kind.timed, num_ops(), kind.kind, first->name));
      }
    }
  }

  [[nodiscard]] const std::vector<std::optional<OpTime>>& times(std::string_view kind) const {
    return std::find_if(kinds_.begin(), kinds_.end(),
                        [&](const KindTimes& entry) { return entry.kind == kind; })
        ->ops;
  }

  // An op that reads tensors but says nothing of its parameters, or makes tensors without a shape,
  // is a weight in a schedule, not something to run.
  void warn_of_execution() {
    const auto only_simulated = [](const Node& node) {
      return node.kind == NodeKind::kOp &&
             ((node.arguments.empty() && !node.inputs.empty()) ||
              std::any_of(node.outputs.begin(), node.outputs.end(), [](const TensorSpec& output) {
                return output.dtype == DType::kOpaque && output.bytes != Bytes{};
              }));
    };
    const auto nodes = graph_.nodes();
    const auto count = std::count_if(nodes.begin(), nodes.end(), only_simulated);
    if (count != 0) {
      const auto first = std::find_if(nodes.begin(), nodes.end(), only_simulated);
      warn(
          fmt::format("{} of {} ops can be simulated but not executed (no arguments or no shapes), "
                      "such as \"{}\"",
                      count, num_ops(), first->name));
    }
  }

  void warn_of_unused() {
    std::size_t sources = 0;
    std::size_t ops = 0;
    std::string first_source;
    std::string first_op;
    for (std::size_t i = 0; i < graph_.size(); ++i) {
      const Node& node = graph_.nodes()[i];
      const bool used = !graph_.uses(id_at<NodeId>(i)).empty() || is_target_[i];
      if (used || node.kind == NodeKind::kOutput || !node.mutates.empty()) {
        continue;
      }
      (node.kind == NodeKind::kOp ? ops : sources) += 1;
      std::string& first = node.kind == NodeKind::kOp ? first_op : first_source;
      first = first.empty() ? node.name : first;
    }
    if (sources != 0) {
      warn(fmt::format("{} inputs, states or constants are never read, such as \"{}\"", sources,
                       first_source));
    }
    if (ops != 0) {
      warn(fmt::format("the results of {} ops are never read, such as \"{}\"", ops, first_op));
    }
  }

  // Nodes that outputs or slots belong to.
  [[nodiscard]] static std::vector<bool> targets(const Graph& graph) {
    std::vector<bool> is_target(graph.size(), false);
    for (const Node& node : graph.nodes()) {
      if (node.target) {
        is_target[index(*node.target)] = true;
      }
    }
    return is_target;
  }

  const Graph& graph_;
  const std::vector<KindTimes>& kinds_;
  std::vector<bool> is_target_ = targets(graph_);
  GraphSummary summary_;
};

}  // namespace

double KindSummary::parallelism() const {
  return critical_path.ps == 0
             ? 0.0
             : static_cast<double>(total.ps) / static_cast<double>(critical_path.ps);
}

GraphSummary summarize(const Workload& workload) {
  return Summarizer(workload).run();
}

}  // namespace placer
