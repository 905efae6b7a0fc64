#pragma once

// What a run leaves on disk (docs/run-directory.md): enough to read it, to repeat it, and to go on
// after a kill.
//
//   config.json            as resolved, paths absolute
//   command.txt env.json   the command line; versions and machine
//   metrics.jsonl          one flat object per update of a learner
//   results/NAME.json      placement of every algorithm that has finished
//   checkpoints/NAME.ckpt  of algorithms that can be resumed
//   best_placement.json    best so far, by simulated time
//   improvements/          NAME-EVALUATIONS.json: every placement that was the fastest of a learner
//                          from measured steps when it was measured

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "placer/formats/event_file.h"
#include "placer/formats/formats.h"

namespace placer::cli {

class RunDirectory {
 public:
  // Nothing is kept, but algorithms have a scratch folder for checkpoints, which goes when this
  // does.
  RunDirectory();
  ~RunDirectory();
  RunDirectory(RunDirectory&& other) noexcept;
  RunDirectory& operator=(RunDirectory&& other) noexcept;
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;
  // Makes the folder. Throws Error(kUsage) when it already holds a run (resume it, or name
  // another).
  [[nodiscard]] static RunDirectory create(const std::filesystem::path& path, const Config& config,
                                           const std::string& command);
  // Opens a run to go on with. Throws Error(kBadInput) when there is none.
  [[nodiscard]] static RunDirectory open(const std::filesystem::path& path);

  [[nodiscard]] bool exists() const { return !path_.empty(); }
  [[nodiscard]] Config config() const;
  [[nodiscard]] std::string checkpoint(const std::string& algorithm) const;

  [[nodiscard]] std::optional<PlacementFile> result(const std::string& algorithm) const;
  void keep_result(const std::string& algorithm, const PlacementFile& placement) const;
  void keep_best(const PlacementFile& placement) const;
  // `evaluations`: of the algorithm, this placement's included.
  void keep_improvement(const std::string& algorithm, std::uint64_t evaluations,
                        const PlacementFile& placement) const;

  // From now on metrics also become event files of this folder, in a folder for each algorithm.
  // Throws Error(kUsage) where none can be made.
  void add_event_files(const std::filesystem::path& folder);

  // Appends a line that a learner gave, with the algorithm's name put in. Updates that stand in the
  // file already (a run that goes on repeats those since its last checkpoint, bit for bit) are left
  // out.
  void add_metrics(const std::string& algorithm, const std::string& json);

 private:
  explicit RunDirectory(const std::filesystem::path& path);
  void read_metrics();
  void add_events(const std::string& algorithm, const std::string& json);

  std::filesystem::path path_;     // empty: nothing is kept
  std::filesystem::path scratch_;  // then: checkpoints; empty when it was moved from
  std::ofstream metrics_;
  std::map<std::string, std::int64_t> last_step_;  // by algorithm
  std::filesystem::path event_folder_;             // empty: no event files
  std::map<std::string, EventWriter> events_;      // by algorithm
};

}  // namespace placer::cli
