#pragma once

// The machine: devices that run ops, links that move tensors, pools of memory that devices share.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "placer/base/ids.h"
#include "placer/base/units.h"

namespace placer {

inline constexpr std::size_t kMaxDevices = 64;  // sets of devices are 64-bit masks
// What stands for unlimited: 64 devices of this size stay below 2^62 bytes together.
inline constexpr Bytes kMostMemory{std::int64_t{1} << 56};
// A device's memory for people: "16.0 GiB", "unlimited".
[[nodiscard]] std::string memory_text(Bytes memory);

struct Device {
  std::string name;  // "cpu:0", "cpu", "cuda:1"
  std::string kind;  // devices of one kind have the same op times: "cpu-core", "cpu-all",
                     // "cuda:NVIDIA H200"
  Bytes memory;      // what placements may use; 0: it can hold nothing
  // Index into Cluster::pools() when its memory is shared with others.
  std::optional<std::uint32_t> pool;
  std::vector<int> cores;  // CPU devices: the processors it is pinned to
  SimTime overhead;        // host time that every op costs on it beyond the op's own time
  // The host launches ahead, as on a GPU: `overhead` is host time per launch, and an op starts no
  // earlier than its launch ends. Else every op takes `overhead` longer.
  bool asynchronous_launch = false;
};

// Memory that several devices draw from (the cores of one machine): counted once.
struct MemoryPool {
  std::string name;
  Bytes memory;
};

struct Link {
  std::string name;
  std::vector<std::pair<DeviceId, DeviceId>> pairs;  // directed: (from, to)
  SimTime latency;
  // Nothing: the devices share memory, a transfer is a hand-off that takes the latency, copies
  // nothing and holds nothing.
  std::optional<double> bytes_per_second;
  bool shared = false;  // its pairs cannot transfer at the same time (a bus)
  // Of transfer times that the graph states: 2 where a tensor passes through the host's memory.
  double transfer_scale = 1;
};

// True for CPU devices. Closed-form objectives charge them nothing for transfers.
[[nodiscard]] inline bool is_host(const Device& device) {
  return device.kind.starts_with("cpu");
}

class Cluster {
 public:
  // Throws LogicError unless: 1..kMaxDevices devices, unique non-empty names, every ordered pair of
  // devices on exactly one link, pool indices in range. Readers check the same first and name the
  // place.
  Cluster(std::string name, std::vector<Device> devices, std::vector<Link> links,
          std::vector<MemoryPool> pools = {});

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::size_t size() const { return devices_.size(); }
  [[nodiscard]] std::span<const Device> devices() const { return devices_; }
  [[nodiscard]] const Device& device(DeviceId id) const { return devices_[index(id)]; }
  [[nodiscard]] std::span<const Link> links() const { return links_; }
  [[nodiscard]] std::span<const MemoryPool> pools() const { return pools_; }
  [[nodiscard]] std::optional<DeviceId> find(std::string_view name) const;
  // from != to.
  [[nodiscard]] LinkId link_between(DeviceId from, DeviceId to) const {
    return link_of_[index(from) * size() + index(to)];
  }
  [[nodiscard]] const Link& link(LinkId id) const { return links_[index(id)]; }
  // Kinds in order of first appearance.
  [[nodiscard]] std::vector<std::string> kinds() const;
  [[nodiscard]] const std::string& hash() const { return hash_; }

 private:
  std::string name_;
  std::vector<Device> devices_;
  std::vector<Link> links_;
  std::vector<MemoryPool> pools_;
  std::vector<LinkId> link_of_;  // [size x size]
  std::string hash_;
};

}  // namespace placer
