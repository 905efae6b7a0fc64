#include "placer/formats/export_dot.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "placer/base/error.h"

namespace placer {
namespace {

constexpr std::uint32_t kNoBox = ~std::uint32_t{0};

struct Box {
  std::string title;
  std::size_t device = 0;
  Pass pass = Pass::kForward;
  std::size_t ops = 0;
  double time_us = 0;
};

struct Picture {
  std::vector<Box> boxes;
  std::vector<std::uint32_t> box_of;  // [graph.size()], kNoBox for nodes that are not ops
};

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
    }
    result += c;
  }
  return result + "\"";
}

// The path's first `depth` names.
std::string outer_module(const std::string& path, std::size_t depth) {
  std::size_t end = 0;
  for (std::size_t level = 0; level < depth && end < path.size(); ++level) {
    end = std::min(path.find('.', end == 0 ? 0 : end + 1), path.size());
  }
  return path.substr(0, end);
}

// Boxes of modules cut at `depth`; without a depth, every op for itself.
Picture make_boxes(const Graph& graph, const Placement& placement, std::span<const double> weight,
                   std::optional<std::size_t> depth) {
  Picture picture;
  picture.box_of.assign(graph.size(), kNoBox);
  std::map<std::tuple<std::string, Pass, std::size_t>, std::uint32_t> known;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const Node& node = graph.nodes()[v];
    if (node.kind != NodeKind::kOp) {
      continue;
    }
    const std::size_t device = index(placement.device[v]);
    std::string title = depth ? outer_module(node.module, *depth) : node.name;
    const auto next = static_cast<std::uint32_t>(picture.boxes.size());
    const auto [entry, is_new] = known.try_emplace({title, node.pass, device}, next);
    if (is_new) {
      picture.boxes.push_back({title.empty() ? "(no module)" : title, device, node.pass, 0, 0});
    }
    Box& box = picture.boxes[entry->second];
    ++box.ops;
    box.time_us += weight[v];
    picture.box_of[v] = entry->second;
  }
  return picture;
}

Picture choose_boxes(const Graph& graph, const Placement& placement, std::span<const double> weight,
                     std::size_t max_boxes) {
  Picture picture = make_boxes(graph, placement, weight, std::nullopt);
  std::size_t depth = 0;
  for (const Node& node : graph.nodes()) {
    depth = std::max(depth, static_cast<std::size_t>(
                                std::count(node.module.begin(), node.module.end(), '.') + 1));
  }
  while (picture.boxes.size() > max_boxes) {
    picture = make_boxes(graph, placement, weight, depth);
    if (depth == 0) {
      break;
    }
    --depth;
  }
  return picture;
}

std::string_view color_of(Pass pass) {
  switch (pass) {
    case Pass::kForward:
      return "#dbe9f6";
    case Pass::kBackward:
      return "#fde5cd";
    case Pass::kUpdate:
      return "#dcefdc";
  }
  return "white";
}

std::string box_line(std::size_t id, const Box& box) {
  std::string label = box.title;
  if (box.ops > 1) {
    label += fmt::format("\n{} ops", box.ops);
  }
  if (box.time_us > 0) {
    label += fmt::format("\n{:.3g} ms", box.time_us / 1000);
  }
  std::string escaped = quoted(label);
  for (auto at = escaped.find('\n'); at != std::string::npos; at = escaped.find('\n')) {
    escaped.replace(at, 1, "\\n");
  }
  return fmt::format("    b{} [label={}, fillcolor=\"{}\"];\n", id, escaped, color_of(box.pass));
}

// Bytes between boxes; a tensor once for each box that reads it.
std::map<std::pair<std::uint32_t, std::uint32_t>, Bytes> edges_of(const Graph& graph,
                                                                  const Picture& picture) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, Bytes> edges;
  std::map<std::tuple<std::size_t, std::uint32_t, std::uint32_t>, bool> counted;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      const std::uint32_t from = picture.box_of[v];
      const std::uint32_t to = picture.box_of[index(use.consumer)];
      if (use.output == Use::kControl || from == kNoBox || to == kNoBox || from == to ||
          !counted.try_emplace({v, use.output, to}, true).second) {
        continue;
      }
      edges[{from, to}] += graph.tensor({id_at<NodeId>(v), use.output}).bytes;
    }
  }
  return edges;
}

}  // namespace

std::string write_dot(const Graph& graph, const Cluster& cluster, const Placement& placement,
                      std::span<const double> weight, const DotOptions& options) {
  PLACER_CHECK(placement.device.size() == graph.size() && weight.size() == graph.size(),
               "of another graph");
  const Picture picture = choose_boxes(graph, placement, weight, options.max_boxes);
  std::string out = fmt::format(
      "digraph {} {{\n  rankdir=TB;\n  node [shape=box, style=filled, fontname=\"sans-serif\"];\n",
      quoted(graph.info().name));
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    std::string boxes;
    for (std::size_t b = 0; b < picture.boxes.size(); ++b) {
      if (picture.boxes[b].device == d) {
        boxes += box_line(b, picture.boxes[b]);
      }
    }
    if (!boxes.empty()) {
      out += fmt::format("  subgraph cluster_{} {{\n    label={};\n{}  }}\n", d,
                         quoted(cluster.devices()[d].name), boxes);
    }
  }
  for (const auto& [ends, bytes] : edges_of(graph, picture)) {
    const bool crosses = picture.boxes[ends.first].device != picture.boxes[ends.second].device;
    out += fmt::format("  b{} -> b{}", ends.first, ends.second);
    out += crosses ? fmt::format(" [color=red, label=\"{}\"];\n", to_string(bytes)) : ";\n";
  }
  return out + "}\n";
}

}  // namespace placer
