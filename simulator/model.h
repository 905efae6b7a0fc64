#pragma once

// Which parts of a step are modelled. Each can be switched off by itself, so that simpler published
// models are reproduced exactly; docs/simulator.md says which model is which set of switches.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "placer/base/units.h"

namespace placer::sim {

// Which of its ready ops a device takes next; ties by lowest index.
enum class Order : std::uint8_t {
  kPriority,   // the highest priority: the executor's rule
  kReadyTime,  // the one that became ready first
  // The next of one global order: by priority, and every op after what it waits for. A device waits
  // for that op though others are ready, and links are reserved when the first reader on a device
  // comes up, in this order. One pass without events.
  kFixed,
};

// What a copy holds from its start to its release.
enum class Contention : std::uint8_t {
  kBothEnds,  // egress of the sender and ingress of the receiver, at the same time
  kSender,    // the egress alone
  // One channel per device for both directions; the receiver's may be taken after the sender's
  // (Baechi).
  kChannel,
  kNone,
};

// How often a tensor travels that several ops on other devices read.
enum class Sending : std::uint8_t {
  kPerDevice,  // once to every device
  kPerReader,  // once for every op
  kOnce,       // once to all devices together, at the pace of the slowest link (Placeto)
};

// What Device::overhead does.
enum class Launch : std::uint8_t {
  kOfDevice,      // as the cluster says of each device
  kSerial,        // every op takes so much longer
  kAsynchronous,  // a thread of the host per device launches its ops in order, ahead of their starts
  kNone,
};

struct Model {
  Order order = Order::kPriority;
  Contention contention = Contention::kBothEnds;
  Sending sending = Sending::kPerDevice;
  Launch launch = Launch::kOfDevice;
  bool shared_buses = true;  // pairs of a shared link transfer one after the other
  bool overlap = true;       // copies run beside ops; else they hold both devices
  bool slow_down = true;     // working devices of a memory pool slow one another down
  bool memory = true;        // else nothing is out of memory, and peaks read 0
  SimTime idle_after_op;     // of the device, after ops that take time
  SimTime idle_after_copy;   // of what the copy held

  bool operator==(const Model&) const = default;
};

// "default": all of the above as initialised.
// "ideal":   list scheduling's model (Topcuoglu et al., TPDS 2002): free links, no overheads, no
//            memory.
// "placeto": the simulator of Placeto (Addanki et al., NeurIPS 2019).
// "baechi":  the scheduler of Baechi (Jeon et al., SoCC 2020), without its memory limits.
// Nothing for other names.
[[nodiscard]] std::optional<Model> model_named(std::string_view name);

// "default", "ideal", ... or how it differs from the default: "order fixed, no memory".
[[nodiscard]] std::string describe(const Model& model);

}  // namespace placer::sim
