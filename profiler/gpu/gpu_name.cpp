#include "profiler/gpu/gpu_name.h"

#include <charconv>
#include <map>
#include <string_view>

#include "placer/base/error.h"

namespace placer::profile {
namespace {

// A number as it is printed: digits, no leading zero, not beyond LibTorch's numbers of devices.
std::optional<int> plain_number(std::string_view text) {
  int number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, problem] = std::from_chars(text.data(), last, number);
  const bool plain = problem == std::errc{} && end == last && number >= 0 && number < 128 &&
                     std::to_string(number) == text;
  return plain ? std::optional(number) : std::nullopt;
}

}  // namespace

std::optional<GpuName> parse_gpu_name(const std::string& name) {
  constexpr std::string_view kPrefix = "cuda:";
  if (!name.starts_with(kPrefix)) {
    return std::nullopt;
  }
  const std::string_view numbers = std::string_view(name).substr(kPrefix.size());
  const auto dot = numbers.find('.');
  const auto gpu = plain_number(numbers.substr(0, dot));
  if (!gpu || dot == std::string_view::npos) {
    return gpu ? std::optional(GpuName{*gpu, {}}) : std::nullopt;
  }
  const auto part = plain_number(numbers.substr(dot + 1));
  return part ? std::optional(GpuName{*gpu, part}) : std::nullopt;
}

std::vector<std::optional<GpuPlace>> gpu_places(const Cluster& cluster) {
  std::vector<std::optional<GpuName>> names;
  std::map<int, int> devices_of;  // a GPU's
  for (const Device& device : cluster.devices()) {
    names.push_back(parse_gpu_name(device.name));
    if (names.back()) {
      ++devices_of[names.back()->gpu];
    }
  }
  std::vector<std::optional<GpuPlace>> places;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i]) {
      places.emplace_back();
      continue;
    }
    const GpuName& name = *names[i];
    const int count = devices_of.at(name.gpu);
    if (name.part ? *name.part >= count : count > 1) {
      throw Error(ErrorKind::kDevice,
                  "device \"" + cluster.device(id_at<DeviceId>(i)).name +
                      "\": a GPU is either one device, or its parts are numbered from 0 (placer "
                      "devices --split)");
    }
    places.push_back(GpuPlace{name.gpu, {name.part.value_or(0), count}});
  }
  return places;
}

}  // namespace placer::profile
