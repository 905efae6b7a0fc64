#pragma once

// Small graphs that can be executed, for tests of the executor: a builder that spares the
// repetition.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "placer/cluster/cluster.h"
#include "placer/graph/graph.h"

namespace placer::testing {

[[nodiscard]] TensorSpec float_tensor(std::vector<std::int64_t> shape);
// What an op gives that writes input `input` in place or views it.
[[nodiscard]] TensorSpec alias_of(std::uint32_t input, std::vector<std::int64_t> shape);

class ExecutableGraph {
 public:
  TensorRef input(const std::string& name, std::vector<std::int64_t> shape);
  TensorRef state(const std::string& name, std::vector<std::int64_t> shape,
                  std::vector<double> values = {});
  // op: "aten.add.Tensor". Arguments are given by name; InputArgument{i} is inputs[i].
  TensorRef op(const std::string& name, const std::string& op, std::vector<TensorRef> inputs,
               std::vector<Argument> arguments, TensorSpec result);
  Node& add(Node node);
  NodeId output(const std::string& name, TensorRef value, OutputRole role = OutputRole::kResult,
                NodeId target = {});
  Node& last() { return nodes_.back(); }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

  // y = x op other, for binary ops with arguments "self" and "other".
  TensorRef binary(const std::string& name, const std::string& op, TensorRef self, TensorRef other,
                   std::vector<std::int64_t> shape);
  TensorRef unary(const std::string& name, const std::string& op, TensorRef self,
                  std::vector<std::int64_t> shape);

  [[nodiscard]] Graph build() const;

 private:
  std::vector<Node> nodes_;
};

// y = relu(x + x) * -(x + x) with x = [-1, 2], a state: x, sum, left, right, product, y.
[[nodiscard]] Graph diamond();
// x, then a chain of `length` ops on 1 KiB each, then y.
[[nodiscard]] Graph kib_chain(int length);
// `count` dropouts of the same 64 ones, their results y0, y1, ... With `waits` also "where", the
// places of the ones, whose number the host waits for.
[[nodiscard]] Graph dropouts(int count, bool waits = false);

// State w = [1, 3] is doubled in place ("update", then "copy" and output "after"), while its old value is
// read ("reader", output "before") behind a chain of `length` ops.
[[nodiscard]] Graph update_after_late_reader(int length);
// State n = [5], and "bad", whose operator throws: "next" of n would be n's new value.
[[nodiscard]] Graph op_that_throws();

// "cpu:0" ... on the machine's processors in turn, so that there may be more devices than
// processors; hand-off links.
[[nodiscard]] Cluster core_cluster(std::size_t devices, Bytes memory = {std::int64_t{1} << 40});
// The processors that this process may use.
[[nodiscard]] std::vector<int> usable_processors();

}  // namespace placer::testing
