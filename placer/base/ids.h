#pragma once

// Typed indices. A NodeId of a graph, a DeviceId of a cluster and so on are dense, start at 0 and
// index plain vectors, so that every loop has one deterministic order. Mixing two kinds of id does
// not compile.

#include <cstddef>
#include <cstdint>

namespace placer {

enum class NodeId : std::uint32_t {};
enum class DeviceId : std::uint32_t {};
enum class LinkId : std::uint32_t {};
enum class GroupId : std::uint32_t {};

template <typename Id>
[[nodiscard]] constexpr std::size_t index(Id id) {
  return static_cast<std::size_t>(id);
}

template <typename Id>
[[nodiscard]] constexpr Id id_at(std::size_t position) {
  return static_cast<Id>(position);
}

}  // namespace placer
