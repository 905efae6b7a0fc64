#pragma once

// The zip container of a .pt2 file: one root folder, members read whole with their CRC checked.
//
//   <root>/archive_format            "pt2"
//   <root>/archive_version           "0"
//   <root>/models/<model>.json       the exported program
//   <root>/data/weights/...          raw tensors and <model>_weights_config.json
//   <root>/data/constants/...        the same for constants and non-persistent buffers
//
// Not thread-safe (libzip keeps a position in the file).

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct zip;

namespace placer {

class Pt2Archive {
 public:
  // Throws Error(kBadInput) when the file is not such an archive; the text says what it looks like
  // instead and what to do.
  explicit Pt2Archive(const std::filesystem::path& path);

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] bool has(std::string_view member) const;
  // The content of a member, named without the root folder. Throws Error(kBadInput) when it is
  // missing, damaged (CRC, truncated) or larger than `limit` bytes.
  [[nodiscard]] std::string read(std::string_view member, std::uint64_t limit) const;
  // Names of the models in it, sorted.
  [[nodiscard]] const std::vector<std::string>& models() const { return models_; }
  // `wanted`, or the only model when that is empty. Throws Error(kBadInput) listing the models
  // otherwise.
  [[nodiscard]] std::string model_named(std::string_view wanted) const;

 private:
  struct Close {
    void operator()(zip* archive) const;
  };

  void index_members();
  void check_version() const;

  std::string file_;
  std::unique_ptr<zip, Close> archive_;
  // Without the root folder -> number in the zip.
  std::unordered_map<std::string, std::uint64_t> members_;
  std::vector<std::string> models_;
};

}  // namespace placer
