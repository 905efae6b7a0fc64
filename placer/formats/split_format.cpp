#include "placer/formats/split_format.h"

#include "placer/formats/json_quantities.h"

namespace placer {
namespace {

void read_side(JsonView devices, std::string_view kind, PlacementFile& file) {
  constexpr std::string_view kWhat = "a list of devices with their nodes";
  std::size_t number = 0;
  for (const JsonView device : devices.elements(kWhat)) {
    const std::string name = std::string(kind) + ":" + std::to_string(number++);
    if (!device.is_object()) {
      device.fail_expected("a device with its nodes");
    }
    for (const JsonView node :
         device.at("nodes", "a list of ids").elements("a list of ids of nodes")) {
      const std::string id =
          std::to_string(read_whole(node, -kMostWholeDouble, "a whole number, the id of a node"));
      const auto [known, is_new] = file.assignment.emplace(id, name);
      if (!is_new) {
        node.fail("node " + id + " is on " + known->second + " already");
      }
    }
  }
}

}  // namespace

bool is_split(std::string_view text) {
  return text.find("\"format\"") == std::string_view::npos &&
         text.find("\"fpgas\"") != std::string_view::npos;
}

PlacementFile read_split(std::string_view text, const std::string& file) {
  const JsonDocument document = parse_json(text, file);
  const JsonView root = document.root();
  if (!root.is_object()) {
    root.fail_expected("a split: {\"cpus\": [...], \"fpgas\": [...]}");
  }
  PlacementFile placement;
  read_side(root.at("fpgas", "a list of accelerators"), "acc", placement);
  if (const auto hosts = root.find("cpus")) {
    read_side(*hosts, "cpu", placement);
  }
  if (placement.assignment.empty()) {
    root.fail("the split places no node");
  }
  return placement;
}

}  // namespace placer
