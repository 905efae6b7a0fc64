#include "placer/graph/node.h"

#include <array>

namespace placer {
namespace {

template <std::size_t N, typename Enum>
std::string_view named(const std::array<std::string_view, N>& names, Enum value) {
  return names[static_cast<std::size_t>(value)];
}

}  // namespace

std::string_view name_of(NodeKind kind) {
  static constexpr std::array<std::string_view, 5> kNames{"input", "state", "constant", "op",
                                                          "output"};
  return named(kNames, kind);
}

std::string_view name_of(Pass pass) {
  static constexpr std::array<std::string_view, 3> kNames{"forward", "backward", "update"};
  return named(kNames, pass);
}

std::string_view name_of(StateRole role) {
  static constexpr std::array<std::string_view, 3> kNames{"parameter", "buffer", "optimizer"};
  return named(kNames, role);
}

std::string_view name_of(OutputRole role) {
  static constexpr std::array<std::string_view, 4> kNames{"loss", "gradient", "state_write",
                                                          "result"};
  return named(kNames, role);
}

std::string_view name_of(MemoryFormat format) {
  static constexpr std::array<std::string_view, 4> kNames{"contiguous", "channels_last",
                                                          "channels_last_3d", "preserve"};
  return named(kNames, format);
}

}  // namespace placer
