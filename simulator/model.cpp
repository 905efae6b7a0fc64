#include "simulator/model.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace placer::sim {

namespace {

struct Preset {
  std::string_view name;
  Model model;
};

constexpr SimTime kPlacetoOpIdle{5'700'000};
constexpr SimTime kPlacetoBusIdle{25'000'000};

const std::array<Preset, 4>& presets() {
  static const std::array<Preset, 4> kAll = {{
      {"default", {}},
      {"ideal",
       {.order = Order::kPriority,
        .contention = Contention::kNone,
        .sending = Sending::kPerDevice,
        .launch = Launch::kNone,
        .shared_buses = false,
        .overlap = true,
        .slow_down = false,
        .memory = false,
        .idle_after_op = {},
        .idle_after_copy = {}}},
      {"placeto",
       {.order = Order::kReadyTime,
        .contention = Contention::kSender,
        .sending = Sending::kOnce,
        .launch = Launch::kNone,
        .shared_buses = false,
        .overlap = true,
        .slow_down = false,
        .memory = false,
        .idle_after_op = kPlacetoOpIdle,
        .idle_after_copy = kPlacetoBusIdle}},
      {"baechi",
       {.order = Order::kReadyTime,
        .contention = Contention::kChannel,
        .sending = Sending::kPerDevice,
        .launch = Launch::kNone,
        .shared_buses = false,
        .overlap = true,
        .slow_down = false,
        .memory = false,
        .idle_after_op = {},
        .idle_after_copy = {}}},
  }};
  return kAll;
}

// What a switch is called where it is not as in the default; the default's is empty.
constexpr std::array<std::string_view, 3> kOrders = {"", "order fifo", "order fixed"};
constexpr std::array<std::string_view, 4> kContentions = {"", "contention sender",
                                                          "contention channel", "contention none"};
constexpr std::array<std::string_view, 3> kSendings = {"", "sending per-reader", "sending once"};
constexpr std::array<std::string_view, 4> kLaunches = {"", "launch serial", "launch asynchronous",
                                                       "launch none"};

}  // namespace

std::optional<Model> model_named(std::string_view name) {
  for (const Preset& preset : presets()) {
    if (preset.name == name) return preset.model;
  }
  return std::nullopt;
}

std::string describe(const Model& model) {
  for (const Preset& preset : presets()) {
    if (preset.model == model) return std::string(preset.name);
  }
  std::string text;
  const auto add = [&](std::string_view difference) {
    if (difference.empty()) return;
    if (!text.empty()) text += ", ";
    text += difference;
  };
  add(kOrders[static_cast<std::size_t>(model.order)]);
  add(kContentions[static_cast<std::size_t>(model.contention)]);
  add(kSendings[static_cast<std::size_t>(model.sending)]);
  add(kLaunches[static_cast<std::size_t>(model.launch)]);
  if (!model.shared_buses) add("no buses");
  if (!model.overlap) add("no overlap");
  if (!model.slow_down) add("no slow-down");
  if (!model.memory) add("no memory");
  if (model.idle_after_op.ps > 0) add("idle " + to_string(model.idle_after_op) + " after ops");
  if (model.idle_after_copy.ps > 0) {
    add("idle " + to_string(model.idle_after_copy) + " after copies");
  }
  return text;
}

}  // namespace placer::sim
