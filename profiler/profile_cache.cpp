#include "profiler/profile_cache.h"

#include <cstdlib>
#include <utility>

#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"

namespace placer::profile {
namespace {

using Json = nlohmann::json;
constexpr int kVersion = 2;

// A time as [picoseconds, minimum, busy or null].
std::optional<OpTime> read_time(const Json& json) {
  if (!json.is_array() || json.size() != 3 || !json[0].is_number_integer() ||
      !json[1].is_number_integer()) {
    return std::nullopt;
  }
  OpTime time{SimTime{json[0].get<std::int64_t>()}, SimTime{json[1].get<std::int64_t>()}, {}};
  if (json[2].is_number_integer()) {
    time.busy = SimTime{json[2].get<std::int64_t>()};
  }
  return time;
}

std::map<std::string, OpTime> read_entries(const std::filesystem::path& file) {
  std::map<std::string, OpTime> entries;
  std::error_code code;
  if (file.empty() || !std::filesystem::exists(file, code)) {
    return entries;
  }
  const std::string text = read_file(file);
  const Json json = Json::parse(text, nullptr, false);
  // A cache of another version, or torn, is written anew; anybody else's file is not.
  if (text.find("placer.profile-cache") == std::string::npos && !text.empty()) {
    throw Error(ErrorKind::kBadInput, file.string(), "",
                "is no cache of op times: name another file, or one that is not there yet");
  }
  // Compared as values, so that one of another type is different and not an error.
  if (!json.is_object() || !json.contains("times") ||
      json.value("format", Json()) != Json("placer.profile-cache") ||
      json.value("version", Json()) != Json(kVersion)) {
    return entries;
  }
  for (const auto& [key, value] : json["times"].items()) {
    if (const auto time = read_time(value)) {
      entries.emplace(key, *time);
    }
  }
  return entries;
}

}  // namespace

ProfileCache::ProfileCache(std::filesystem::path file)
    : file_(std::move(file)), entries_(read_entries(file_)) {}

std::optional<OpTime> ProfileCache::find(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? std::nullopt : std::optional(found->second);
}

void ProfileCache::save() const {
  if (file_.empty()) {
    return;
  }
  auto merged = read_entries(file_);
  for (const auto& [key, time] : entries_) {
    merged[key] = time;
  }
  Json times = Json::object();
  for (const auto& [key, time] : merged) {
    times[key] = {time.time.ps, time.minimum.ps, time.busy ? Json(time.busy->ps) : Json()};
  }
  if (file_.has_parent_path()) {
    std::filesystem::create_directories(file_.parent_path());
  }
  write_file(
      file_,
      Json{{"format", "placer.profile-cache"}, {"version", kVersion}, {"times", std::move(times)}}
              .dump(0) +
          "\n");
}

std::filesystem::path default_profile_cache() {
  const char* cache = std::getenv("XDG_CACHE_HOME");  // NOLINT(concurrency-mt-unsafe): read only
  const char* home = std::getenv("HOME");             // NOLINT(concurrency-mt-unsafe): read only
  if (cache != nullptr && *cache != '\0') {
    return std::filesystem::path(cache) / "placer" / "op_times.json";
  }
  if (home != nullptr && *home != '\0') {
    return std::filesystem::path(home) / ".cache" / "placer" / "op_times.json";
  }
  return {};
}

}  // namespace placer::profile
