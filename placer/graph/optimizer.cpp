#include "placer/graph/optimizer.h"

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace placer {
namespace {

constexpr double kSgdRate = 0.01;    // a common choice; torch.optim.SGD's default is 0.001
constexpr double kAdamRate = 0.001;  // torch.optim.Adam's default

class Appender {
 public:
  Appender(std::vector<Node>& nodes, const OptimizerOptions& options)
      : nodes_(nodes), options_(options) {
    for (const Node& node : nodes) {
      names_.insert(node.name);
    }
  }

  std::size_t run() {
    collect_gradients();
    if (parameters_.empty()) {
      return 0;
    }
    const TensorRef step = options_.kind == Optimizer::kAdam ? step_counter() : TensorRef{};
    for (const NodeId parameter : parameters_) {
      if (options_.kind == Optimizer::kAdam) {
        adam(parameter, step);
      } else {
        sgd(parameter);
      }
    }
    return parameters_.size();
  }

 private:
  NodeId push(Node node) {
    while (!names_.insert(node.name).second) {
      node.name += "_";
    }
    nodes_.push_back(std::move(node));
    return id_at<NodeId>(nodes_.size() - 1);
  }

  void collect_gradients() {
    const std::size_t size = nodes_.size();
    for (std::size_t i = 0; i < size; ++i) {
      if (nodes_[i].kind != NodeKind::kOutput || nodes_[i].output_role != OutputRole::kGradient) {
        continue;
      }
      const NodeId parameter = *nodes_[i].target;
      const TensorRef gradient = nodes_[i].inputs[0];
      const auto [known, fresh] = gradient_.emplace(index(parameter), gradient);
      if (fresh) {
        parameters_.push_back(parameter);
      } else {
        known->second = sum(parameter, known->second, gradient);
      }
    }
  }

  // A tied parameter collects a gradient from every use.
  TensorRef sum(NodeId parameter, TensorRef a, TensorRef b) {
    Node node;
    node.name = nodes_[index(parameter)].name + ".grad.sum";
    node.pass = Pass::kBackward;
    node.module = nodes_[index(parameter)].module;
    node.op = "aten.add";
    node.overload = "Tensor";
    node.inputs = {a, b};
    node.arguments = {{"self", InputArgument{0}}, {"other", InputArgument{1}}};
    node.outputs = nodes_[index(parameter)].outputs;
    return {push(std::move(node)), 0};
  }

  TensorRef slot(NodeId parameter, const std::string& name) {
    const Node& owner = nodes_[index(parameter)];
    Node node;
    node.name = owner.name + "." + name;
    node.kind = NodeKind::kState;
    node.pass = Pass::kUpdate;
    node.module = owner.module;
    node.state_role = StateRole::kOptimizer;
    node.origin = "optimizer." + name + "." + owner.origin;
    node.target = parameter;
    node.outputs = owner.outputs;
    return {push(std::move(node)), 0};
  }

  TensorRef step_counter() {
    Node state;
    state.name = "optimizer.step";
    state.kind = NodeKind::kState;
    state.pass = Pass::kUpdate;
    state.state_role = StateRole::kOptimizer;
    state.origin = "optimizer.step";
    const TensorSpec scalar{DType::kFloat32, {}, Bytes{4}, std::nullopt};
    state.outputs = {scalar};
    Node count;
    count.name = "optimizer.step.update";
    count.pass = Pass::kUpdate;
    count.op = "aten.add_";
    count.overload = "Tensor";
    count.inputs = {{push(std::move(state)), 0}};
    count.arguments = {{"self", InputArgument{0}}, {"other", std::int64_t{1}}};
    count.mutates = {0};
    count.outputs = {scalar};
    count.outputs[0].alias_of = 0;
    return {push(std::move(count)), 0};
  }

  // What both updates have in common: the parameter and its gradient as lists of one.
  Node update(NodeId parameter, std::string op) const {
    const Node& owner = nodes_[index(parameter)];
    Node node;
    node.name = owner.name + ".update";
    node.pass = Pass::kUpdate;
    node.module = owner.module;
    node.op = std::move(op);
    node.overload = "default";
    node.inputs = {{parameter, 0}, gradient_.at(index(parameter))};
    node.arguments = {{"self", InputListArgument{{0}}}, {"grads", InputListArgument{{1}}}};
    node.mutates = {0};
    return node;
  }

  void sgd(NodeId parameter) {
    Node node = update(parameter, "aten._fused_sgd_");
    InputListArgument buffers;
    if (options_.momentum != 0) {
      node.inputs.push_back(slot(parameter, "momentum_buffer"));
      node.mutates.push_back(2);
      buffers.inputs = {2};
    }
    const double rate = options_.learning_rate == 0 ? kSgdRate : options_.learning_rate;
    node.arguments.insert(node.arguments.end(), {{"momentum_buffer_list", buffers},
                                                 {"weight_decay", 0.0},
                                                 {"momentum", options_.momentum},
                                                 {"lr", rate},
                                                 {"dampening", 0.0},
                                                 {"nesterov", false},
                                                 {"maximize", false},
                                                 {"is_first_step", false}});
    push(std::move(node));
  }

  void adam(NodeId parameter, TensorRef step) {
    Node node = update(parameter, "aten._fused_adam_");
    node.inputs.push_back(slot(parameter, "exp_avg"));
    node.inputs.push_back(slot(parameter, "exp_avg_sq"));
    node.inputs.push_back(step);
    node.mutates = {0, 2, 3};
    const double rate = options_.learning_rate == 0 ? kAdamRate : options_.learning_rate;
    node.arguments.insert(node.arguments.end(), {{"exp_avgs", InputListArgument{{2}}},
                                                 {"exp_avg_sqs", InputListArgument{{3}}},
                                                 {"max_exp_avg_sqs", InputListArgument{}},
                                                 {"state_steps", InputListArgument{{4}}},
                                                 {"lr", rate},
                                                 {"beta1", options_.beta1},
                                                 {"beta2", options_.beta2},
                                                 {"weight_decay", 0.0},
                                                 {"eps", options_.epsilon},
                                                 {"amsgrad", false},
                                                 {"maximize", false}});
    push(std::move(node));
  }

  std::vector<Node>& nodes_;
  const OptimizerOptions& options_;
  std::unordered_set<std::string> names_;
  std::vector<NodeId> parameters_;  // with a gradient, in the order of the outputs
  std::unordered_map<std::size_t, TensorRef> gradient_;  // by parameter
};

}  // namespace

std::size_t append_optimizer(std::vector<Node>& nodes, const OptimizerOptions& options) {
  return options.kind == Optimizer::kNone ? 0 : Appender(nodes, options).run();
}

std::string_view name_of(Optimizer optimizer) {
  switch (optimizer) {
    case Optimizer::kSgd:
      return "sgd";
    case Optimizer::kAdam:
      return "adam";
    default:
      return "none";
  }
}

}  // namespace placer
