#include "placer/placement/diff.h"

#include <map>

#include <gmock/gmock.h>

#include "placer/base/random.h"

namespace placer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

MovedPart module_part(const std::string& path, std::size_t nodes) {
  return {.path = path, .nodes = nodes, .whole_module = true, .from = "a", .to = "b"};
}
MovedPart node_part(const std::string& path) {
  return {.path = path, .nodes = 1, .whole_module = false, .from = "a", .to = "b"};
}

TEST(MovedParts, NothingMoved) {
  EXPECT_THAT(moved_parts({}), IsEmpty());
  EXPECT_THAT(moved_parts({{"x", "a", "a"}, {"y.z", "b", "b"}}), IsEmpty());
}

TEST(MovedParts, EverythingIsOnePart) {
  EXPECT_THAT(moved_parts({{"x", "a", "b"}, {"y.z", "a", "b"}}), ElementsAre(module_part("", 2)));
}

TEST(MovedParts, WholeModulesAreOnePartAndOthersAreToldNodeByNode) {
  EXPECT_THAT(moved_parts({{"layer1.conv", "a", "b"},
                           {"layer1.norm", "a", "b"},
                           {"layer2.conv", "a", "b"},
                           {"layer2.norm", "a", "a"},
                           {"loss", "a", "a"}}),
              ElementsAre(module_part("layer1", 2), node_part("layer2.conv")));
}

// "layer1" and "layer10", "layer1-b": a module's nodes are its own only.
TEST(MovedParts, PrefixesOfNamesAreNoModules) {
  EXPECT_THAT(moved_parts({{"layer1.a", "a", "b"},
                           {"layer1-b.c", "a", "a"},
                           {"layer10.a", "a", "a"},
                           {"layer1.d", "a", "b"}}),
              ElementsAre(module_part("layer1", 2)));
}

TEST(MovedParts, AModuleWhoseNodesWentToDifferentDevicesIsDivided) {
  EXPECT_THAT(moved_parts({{"m.x", "a", "b"}, {"m.y", "a", "c"}}),
              ElementsAre(node_part("m.x"), MovedPart{"m.y", 1, false, "a", "c"}));
}

// Applying the parts to the first placement gives the second; parts never overlap.
TEST(MovedParts, TellEverythingThatMovedAndNothingElse) {
  Rng random(7);
  const std::string devices[] = {"a", "b", "c"};
  for (int round = 0; round < 200; ++round) {
    std::map<std::string, PlacedNode> nodes;
    for (int i = 0; i < 12; ++i) {
      std::string path;
      for (std::uint64_t depth = 1 + random.below(3); depth > 0; --depth) {
        path +=
            (path.empty() ? "" : ".") + std::string(1, static_cast<char>('p' + random.below(2)));
      }
      nodes[path] = {path, devices[random.below(2)], devices[random.below(2)]};
    }
    std::vector<PlacedNode> list;
    std::size_t moved = 0;
    for (const auto& [path, node] : nodes) {
      list.push_back(node);
      moved += node.from != node.to ? 1 : 0;
    }
    std::size_t told = 0;
    for (const MovedPart& part : moved_parts(list)) {
      told += part.nodes;
      std::size_t inside = 0;
      for (const auto& [path, node] : nodes) {
        const bool member = part.whole_module ? part.path.empty() || path == part.path ||
                                                    path.starts_with(part.path + ".")
                                              : path == part.path;
        if (member) {
          ++inside;
          EXPECT_EQ(node.from, part.from) << path;
          EXPECT_EQ(node.to, part.to) << path;
        }
      }
      EXPECT_EQ(inside, part.nodes) << part.path;
    }
    EXPECT_EQ(told, moved);
  }
}

}  // namespace
}  // namespace placer
