#pragma once

// What makes a thread a CPU device: its processors and how many threads an op may use.

#include <cstdint>
#include <string>
#include <vector>

#include "placer/cluster/cluster.h"

namespace placer::profile {

struct DeviceThread {
  std::vector<int> cores;  // processors that it may run on
  int op_threads = 1;      // of one op: 1 for "cpu:N", all of them for "cpu"
};

// "cpu:N" is a thread on the device's own processor, "cpu" one whose ops use all of its processors.
//   throws  Error(kDevice) for another kind of device, or a processor that this process may not use
[[nodiscard]] DeviceThread device_thread(const Device& device);

// To be called on the worker's own thread, first thing: pins it and sets its OpenMP team.
void become(const DeviceThread& thread, const Device& device);

// The same for a thread that only serves a GPU: named, and what little it does on the host is done by
// itself alone.
void become_helper(const std::string& name);

// Makes malloc keep what ops free for the next op instead of giving it back to the system:
// activations are allocated anew in every step, and every page that was given back costs a fault.
// For the whole process.
void keep_freed_memory();

}  // namespace placer::profile
