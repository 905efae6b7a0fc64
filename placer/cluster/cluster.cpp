#include "placer/cluster/cluster.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "placer/base/error.h"
#include "placer/base/hash.h"

namespace placer {
namespace {

constexpr LinkId kNoLink{std::numeric_limits<std::uint32_t>::max()};

std::string hash_of(const Cluster& cluster) {
  Hasher hasher;
  for (const Device& device : cluster.devices()) {
    hasher.add(device.name).add(device.kind).add(device.memory.count).add(device.overhead.ps);
    hasher.add(device.pool ? std::int64_t{*device.pool} : -1);
    if (device.asynchronous_launch) hasher.add("asynchronous");
  }
  for (const MemoryPool& pool : cluster.pools()) {
    hasher.add(pool.name).add(pool.memory.count);
  }
  for (const Link& link : cluster.links()) {
    hasher.add(link.name).add(link.latency.ps).add(std::int64_t{link.shared});
    hasher.add(link.bytes_per_second.value_or(-1));
    if (link.transfer_scale != 1) hasher.add(link.transfer_scale);
    for (const auto& [from, to] : link.pairs) {
      hasher.add(static_cast<std::int64_t>(index(from))).add(static_cast<std::int64_t>(index(to)));
    }
  }
  return hasher.digest();
}

}  // namespace

std::string memory_text(Bytes memory) {
  return memory < kMostMemory ? to_string(memory) : "unlimited";
}

Cluster::Cluster(std::string name, std::vector<Device> devices, std::vector<Link> links,
                 std::vector<MemoryPool> pools)
    : name_(std::move(name)),
      devices_(std::move(devices)),
      links_(std::move(links)),
      pools_(std::move(pools)),
      link_of_(devices_.size() * devices_.size(), kNoLink) {
  PLACER_CHECK(!devices_.empty() && devices_.size() <= kMaxDevices, "1 to 64 devices");
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    PLACER_CHECK(!devices_[i].name.empty() && find(devices_[i].name) == id_at<DeviceId>(i),
                 "device names are unique");
    PLACER_CHECK(!devices_[i].pool || *devices_[i].pool < pools_.size(), "pool exists");
  }
  for (std::size_t i = 0; i < links_.size(); ++i) {
    for (const auto& [from, to] : links_[i].pairs) {
      PLACER_CHECK(index(from) < size() && index(to) < size() && from != to, "devices exist");
      LinkId& slot = link_of_[index(from) * size() + index(to)];
      PLACER_CHECK(slot == kNoLink, "one link per pair");
      slot = id_at<LinkId>(i);
    }
  }
  for (std::size_t i = 0; i < link_of_.size(); ++i) {
    PLACER_CHECK(i / size() == i % size() || link_of_[i] != kNoLink, "a link for every pair");
  }
  hash_ = hash_of(*this);
}

std::optional<DeviceId> Cluster::find(std::string_view name) const {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    if (devices_[i].name == name) {
      return id_at<DeviceId>(i);
    }
  }
  return std::nullopt;
}

std::vector<std::string> Cluster::kinds() const {
  std::vector<std::string> kinds;
  for (const Device& device : devices_) {
    if (std::find(kinds.begin(), kinds.end(), device.kind) == kinds.end()) {
      kinds.push_back(device.kind);
    }
  }
  return kinds;
}

}  // namespace placer
