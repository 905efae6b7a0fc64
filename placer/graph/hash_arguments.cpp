#include "placer/graph/hash_arguments.h"

#include <type_traits>

namespace placer {
namespace {

struct HashValue {
  Hasher& hasher;

  void operator()(std::monostate) const { hasher.add("none"); }
  void operator()(bool value) const { hasher.add(std::int64_t{value}); }
  void operator()(std::int64_t value) const { hasher.add(value); }
  void operator()(double value) const { hasher.add(value); }
  void operator()(const std::string& value) const { hasher.add(value); }
  void operator()(const InputArgument& value) const { hasher.add(std::int64_t{value.input}); }
  void operator()(const InputListArgument& value) const {
    for (const auto& input : value.inputs) {
      hasher.add(input ? std::int64_t{*input} : -1);
    }
  }
  void operator()(const DeviceArgument& value) const { hasher.add(value.device); }
  void operator()(DType value) const { hasher.add(name_of(value)); }
  void operator()(MemoryFormat value) const { hasher.add(name_of(value)); }
  void operator()(Layout /*value*/) const { hasher.add("strided"); }
  template <typename T>
  void operator()(const std::vector<T>& values) const {
    hasher.add(static_cast<std::int64_t>(values.size()));
    for (const auto value : values) {
      if constexpr (std::is_same_v<T, double>) {
        hasher.add(value);
      } else {
        hasher.add(static_cast<std::int64_t>(value));
      }
    }
  }
};

}  // namespace

void hash_arguments(Hasher& hasher, std::span<const Argument> arguments) {
  for (const Argument& argument : arguments) {
    hasher.add(argument.name).add(static_cast<std::int64_t>(argument.value.index()));
    std::visit(HashValue{hasher}, argument.value);
  }
}

}  // namespace placer
