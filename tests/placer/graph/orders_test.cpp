#include "placer/graph/orders.h"

#include <gmock/gmock.h>

namespace placer {
namespace {

using testing::ElementsAre;

Node op(const std::string& name, const std::vector<std::size_t>& inputs) {
  Node node;
  node.name = name;
  node.op = "work";
  for (const std::size_t input : inputs) {
    node.inputs.push_back({id_at<NodeId>(input), 0});
  }
  node.outputs = {{DType::kOpaque, {}, Bytes{8}, {}}};
  return node;
}

// a -> b -> d and a -> c -> d with times 1, 2, 5, 3.
Graph diamond() {
  return build_graph_or_die({}, {op("a", {}), op("b", {0}), op("c", {0}), op("d", {1, 2})});
}

constexpr std::array<SimTime, 4> kTimes{SimTime{1}, SimTime{2}, SimTime{5}, SimTime{3}};

TEST(Orders, UpwardRankIsTheLongestRestOfTheStep) {
  // d: 3; c: 5 + 3; b: 2 + 3; a: 1 + 8.
  EXPECT_THAT(upward_ranks(diamond(), kTimes, nullptr),
              ElementsAre(SimTime{9}, SimTime{5}, SimTime{8}, SimTime{3}));
}

TEST(Orders, UpwardRankCountsEdges) {
  // 10 for each of the two edges on the way: 9 + 20.
  const auto ten = [](NodeId, const Use&) { return SimTime{10}; };
  EXPECT_EQ(upward_ranks(diamond(), kTimes, ten)[0], SimTime{29});
}

TEST(Orders, CriticalPathTakesTheLongerBranch) {
  EXPECT_THAT(critical_path(diamond(), kTimes),
              ElementsAre(id_at<NodeId>(0), id_at<NodeId>(2), id_at<NodeId>(3)));
}

}  // namespace
}  // namespace placer
