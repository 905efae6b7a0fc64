#pragma once

// TensorBoard event files: curves of a run, a scalar for each number of its metrics
// (docs/formats/event-file.md). Not thread-safe.
//
// A file is a row of records, each flushed as it is written. What a kill has torn is the last one,
// where readers stop; a run that goes on writes a file of its own, which readers take after the
// earlier ones of the folder.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace placer {

// Of CRC-32C (Castagnoli; RFC 3720, appendix B.4).
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);

// Seconds since 1970.
using UnixClock = std::function<double()>;
[[nodiscard]] double unix_seconds();

class EventWriter {
 public:
  // Makes the folder where there is none, and a new file in it with a later time in its name than
  // those that are there. Throws Error(kUsage) where it cannot.
  explicit EventWriter(const std::filesystem::path& folder, UnixClock clock = unix_seconds);

  // One flat JSON object of a learner's metrics. Its "step" is the step; every other number becomes
  // the scalar of that name, as a float; what is no number is left out. The first one also tells
  // readers that all of this step and later that earlier files hold is void.
  // Throws LogicError for what is no object with a step, Error(kInternal) when the disk is full.
  void add(std::string_view metrics);

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  void write(std::string_view event);

  UnixClock clock_;
  std::filesystem::path file_;
  std::ofstream out_;
  bool started_ = false;
};

}  // namespace placer
