#include "placer/formats/imported_workload.h"

#include <filesystem>
#include <unordered_map>
#include <utility>

#include "placer/base/error.h"
#include "placer/base/hash.h"
#include "placer/formats/json_text.h"

namespace placer {
namespace {

// "vgg16" of data/vgg16.graph.txt.zst.
std::string stem_of(const std::string& file) {
  std::filesystem::path name = std::filesystem::path(file).filename();
  for (const char* suffix : {".zst", ".json", ".txt", ".graph"}) {
    if (name.extension() == suffix) {
      name.replace_extension();
    }
  }
  return name.string();
}

}  // namespace

OpTime stated_time(double microseconds) {
  PLACER_CHECK(microseconds >= 0 && microseconds <= kMostStatedMicroseconds, "checked by readers");
  std::string spelling;
  append_number(spelling, microseconds);
  SimTime time = from_microseconds(microseconds);
  if (spelling.find('.') != std::string::npos) {
    time = microseconds_spelled(spelling, microseconds);
  }
  OpTime result{time, time};
  if (time.microseconds() != microseconds) {
    result.exact_us = microseconds;
  }
  return result;
}

bool StatedTotal::add(SimTime time) {
  if (time > kMaxSimTime - total_) {
    return false;
  }
  total_ += time;
  return true;
}

KindTimes times_in_order(const std::string& kind, const std::string& origin,
                         const std::vector<std::optional<OpTime>>& times,
                         const std::vector<std::size_t>& order) {
  KindTimes result{kind, {}, {}};
  result.info.workload = origin;
  result.ops.reserve(order.size());
  for (const std::size_t position : order) {
    result.ops.push_back(times[position]);
  }
  return result;
}

OrderedGraph build_imported(GraphInfo info, std::vector<Node> nodes, const std::string& file,
                            const std::function<std::string(std::size_t)>& place_of) {
  std::unordered_map<std::string, std::size_t> positions;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    positions.emplace(nodes[i].name, i);
  }
  auto built = build_graph(std::move(info), std::move(nodes));
  if (const auto* defect = std::get_if<GraphDefect>(&built)) {
    throw Error(ErrorKind::kBadInput, file, place_of(index(defect->node)), defect->text);
  }
  OrderedGraph result{std::get<Graph>(std::move(built)), {}};
  for (const Node& node : result.graph.nodes()) {
    result.order.push_back(positions.at(node.name));
  }
  return result;
}

GraphInfo imported_info(std::string_view text, const std::string& file, const std::string& name,
                        const std::string& producer) {
  GraphInfo info;
  info.name = name.empty() ? stem_of(file) : name;
  info.source = std::filesystem::path(file).filename().string();
  info.source_hash = hash_text(text);
  info.producer = producer;
  return info;
}

Link link_of_all(std::string name, std::size_t devices, double bytes_per_second) {
  Link link{.name = std::move(name),
            .pairs = {},
            .latency = {},
            .bytes_per_second = bytes_per_second,
            .shared = false,
            .transfer_scale = 1};
  for (std::size_t from = 0; from < devices; ++from) {
    for (std::size_t to = 0; to < devices; ++to) {
      if (from != to) {
        link.pairs.emplace_back(id_at<DeviceId>(from), id_at<DeviceId>(to));
      }
    }
  }
  return link;
}

}  // namespace placer
