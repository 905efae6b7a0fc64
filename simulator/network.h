#pragma once

// What copies hold: egress and ingress of devices, buses, and where copies do not overlap with ops
// the devices. Reservations are made once, in the order of the calls, and never fill gaps.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "simulator/compiled_graph.h"

namespace placer::sim {

struct Reservation {
  std::int64_t start = 0;
  std::int64_t released = 0;  // arrival: a latency later
};

class Network {
 public:
  explicit Network(const CompiledGraph& graph)
      : device_free(graph.num_devices),
        egress_(graph.num_devices),
        ingress_(graph.num_devices),
        bus_(graph.num_buses) {}

  void clear() {
    std::ranges::fill(device_free, 0);
    std::ranges::fill(egress_, 0);
    std::ranges::fill(ingress_, 0);
    std::ranges::fill(bus_, 0);
  }

  // Takes what a copy needs of a value that was made at `made`, for all of `destinations` (a mask
  // of devices, not empty) together.
  Reservation reserve(const CompiledGraph& graph, std::uint32_t value, std::uint32_t from,
                      std::uint64_t destinations, std::int64_t made) {
    switch (graph.model.contention) {
      case Contention::kBothEnds:
        return reserve_ports<true, true>(graph, value, from, destinations, made);
      case Contention::kSender:
        return reserve_ports<true, false>(graph, value, from, destinations, made);
      case Contention::kChannel:
        return reserve_channels(graph, value, from, destinations, made);
      case Contention::kNone:
        return reserve_ports<false, false>(graph, value, from, destinations, made);
    }
    return {};
  }

  // The latest time until which a sender stays idle after a copy.
  [[nodiscard]] std::int64_t last_free() const { return std::ranges::max(egress_); }

  std::vector<std::int64_t> device_free;  // [devices]: no op starts before

 private:
  template <bool kSends, bool kReceives>
  Reservation reserve_ports(const CompiledGraph& graph, std::uint32_t value, std::uint32_t from,
                            std::uint64_t destinations, std::int64_t made) {
    const bool overlap = graph.model.overlap;
    std::int64_t start = made;
    std::int64_t time = 0;
    if (kSends) start = std::max(start, egress_[from]);
    if (!overlap) start = std::max(start, device_free[from]);
    for_each(destinations, [&](std::uint32_t to) {
      const CompiledLink& link = graph.link(from, to);
      if (kReceives) start = std::max(start, ingress_[to]);
      if (!overlap) start = std::max(start, device_free[to]);
      start = std::max(start, bus_[link.bus]);
      time = std::max(time, graph.occupancy(value, link));
    });
    const std::int64_t released = start + time;
    const std::int64_t free = released + graph.model.idle_after_copy.ps;
    if (kSends) egress_[from] = free;
    if (!overlap) device_free[from] = released;
    for_each(destinations, [&](std::uint32_t to) {
      const CompiledLink& link = graph.link(from, to);
      if (kReceives) ingress_[to] = free;
      if (!overlap) device_free[to] = released;
      if (link.bus != 0) bus_[link.bus] = free;
    });
    return {start, released};
  }

  // A device sends and receives through one channel; it receives after the sender has begun.
  Reservation reserve_channels(const CompiledGraph& graph, std::uint32_t value, std::uint32_t from,
                               std::uint64_t destinations, std::int64_t made) {
    const bool overlap = graph.model.overlap;
    std::int64_t start = std::max(made, egress_[from]);
    if (!overlap) start = std::max(start, device_free[from]);
    std::int64_t released = start;
    std::int64_t sent = start;
    for_each(destinations, [&](std::uint32_t to) {
      const CompiledLink& link = graph.link(from, to);
      const std::int64_t time = graph.occupancy(value, link);
      std::int64_t receive = std::max({start, egress_[to], bus_[link.bus]});
      if (!overlap) receive = std::max(receive, device_free[to]);
      egress_[to] = receive + time + graph.model.idle_after_copy.ps;
      if (!overlap) device_free[to] = receive + time;
      if (link.bus != 0) bus_[link.bus] = egress_[to];
      sent = std::max(sent, start + time);
      released = std::max(released, receive + time);
    });
    egress_[from] = sent + graph.model.idle_after_copy.ps;
    if (!overlap) device_free[from] = sent;
    return {start, released};
  }

  template <typename Do>
  static void for_each(std::uint64_t devices, Do act) {
    for (; devices != 0; devices &= devices - 1) {
      act(static_cast<std::uint32_t>(std::countr_zero(devices)));
    }
  }

  std::vector<std::int64_t> egress_;   // [devices]; of both directions under Contention::kChannel
  std::vector<std::int64_t> ingress_;  // [devices]
  std::vector<std::int64_t> bus_;      // [buses]
};

}  // namespace placer::sim
