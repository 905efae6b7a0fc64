#pragma once

// Op times kept for other graphs: a JSON file from keys (operator, arguments, layouts, machine,
// library, method) to times.

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "placer/cost/op_times.h"

namespace placer::profile {

class ProfileCache {
 public:
  // Reads the file if it is there; one that is damaged or of another version counts as empty and is
  // replaced. Empty path: nothing is kept.
  explicit ProfileCache(std::filesystem::path file);

  [[nodiscard]] std::optional<OpTime> find(const std::string& key) const;
  void set(const std::string& key, const OpTime& time) { entries_[key] = time; }
  // Replaces the file; entries that another process has written meanwhile are kept.
  void save() const;

 private:
  std::filesystem::path file_;
  std::map<std::string, OpTime> entries_;
};

// ${XDG_CACHE_HOME:-~/.cache}/placer/op_times.json, or empty where neither is set.
[[nodiscard]] std::filesystem::path default_profile_cache();

}  // namespace placer::profile
