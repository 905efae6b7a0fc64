#include "tools/placer/place/run_directory.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "tools/placer/build_info.h"

namespace placer::cli {
namespace {

namespace fs = std::filesystem;

// Algorithm names such as "single:cpu:0" as file names.
std::string file_stem(std::string name) {
  for (char& c : name) {
    if (c == ':' || c == '/') {
      c = '-';
    }
  }
  return name;
}

// `said`: what the user gave for it.
void make_folder(const fs::path& path, const std::string& said) {
  std::error_code problem;
  fs::create_directories(path, problem);
  if (!problem && ::access(path.c_str(), W_OK) != 0) {
    problem = std::error_code(errno, std::generic_category());
  }
  if (problem) {
    throw usage_error(said + ": " + problem.message());
  }
}

}  // namespace

RunDirectory::RunDirectory() {
  std::string name = (fs::temp_directory_path() / "placer-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw Error(ErrorKind::kInternal, name, "", "no scratch folder can be made");
  }
  scratch_ = name;
}

RunDirectory::~RunDirectory() {
  if (!scratch_.empty()) {
    std::error_code ignored;  // a folder in the system's own for temporary files
    fs::remove_all(scratch_, ignored);
  }
}

RunDirectory::RunDirectory(RunDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      scratch_(std::exchange(other.scratch_, {})),
      metrics_(std::move(other.metrics_)),
      last_step_(std::move(other.last_step_)),
      event_folder_(std::move(other.event_folder_)),
      events_(std::move(other.events_)) {}

RunDirectory& RunDirectory::operator=(RunDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(scratch_, other.scratch_);
  std::swap(metrics_, other.metrics_);
  std::swap(last_step_, other.last_step_);
  std::swap(event_folder_, other.event_folder_);
  std::swap(events_, other.events_);
  return *this;
}

RunDirectory::RunDirectory(const fs::path& path) : path_(fs::absolute(path).lexically_normal()) {
  make_folder(path_ / "results", "--run-dir " + path.string());
  make_folder(path_ / "checkpoints", "--run-dir " + path.string());
  read_metrics();
}

RunDirectory RunDirectory::create(const fs::path& path, const Config& config,
                                  const std::string& command) {
  if (fs::exists(path / "config.json")) {
    throw usage_error(path.string() + " already holds a run: go on with it by --resume " +
                      path.string() + ", or name another folder");
  }
  RunDirectory run(path);
  write_file(path / "command.txt", command + "\n");
  write_file(path / "env.json", nlohmann::json{{"build", build_info()}}.dump(2) + "\n");
  write_file(path / "config.json", write_config(config));
  return run;
}

RunDirectory RunDirectory::open(const fs::path& path) {
  if (!fs::exists(path / "config.json")) {
    throw Error(ErrorKind::kBadInput, path.string(), "",
                "holds no run: expected config.json in it, as `placer place --run-dir` writes");
  }
  return RunDirectory(path);
}

Config RunDirectory::config() const {
  const fs::path file = path_ / "config.json";
  return read_config(read_file(file), file.string());
}

std::string RunDirectory::checkpoint(const std::string& algorithm) const {
  const fs::path folder = exists() ? path_ / "checkpoints" : scratch_;
  return (folder / (file_stem(algorithm) + ".ckpt")).string();
}

std::optional<PlacementFile> RunDirectory::result(const std::string& algorithm) const {
  const fs::path file = path_ / "results" / (file_stem(algorithm) + ".json");
  if (!exists() || !fs::exists(file)) {
    return std::nullopt;
  }
  return read_placement(read_file(file), file.string());
}

void RunDirectory::keep_result(const std::string& algorithm, const PlacementFile& placement) const {
  if (exists()) {
    write_file(path_ / "results" / (file_stem(algorithm) + ".json"), write_placement(placement));
  }
}

void RunDirectory::keep_best(const PlacementFile& placement) const {
  if (exists()) {
    write_file(path_ / "best_placement.json", write_placement(placement));
  }
}

void RunDirectory::keep_improvement(const std::string& algorithm, std::uint64_t evaluations,
                                    const PlacementFile& placement) const {
  if (!exists()) {
    return;
  }
  const fs::path folder = path_ / "improvements";
  make_folder(folder, folder.string());
  write_file(folder / fmt::format("{}-{:06}.json", file_stem(algorithm), evaluations),
             write_placement(placement));
}

void RunDirectory::read_metrics() {
  const fs::path file = path_ / "metrics.jsonl";
  std::string kept;
  if (fs::exists(file)) {
    std::istringstream lines(read_file(file));
    for (std::string line; std::getline(lines, line);) {
      const auto object = nlohmann::json::parse(line, nullptr, false);
      if (!object.is_object()) {
        break;  // torn by a kill
      }
      kept += line + "\n";
      last_step_[object.value("algorithm", "")] = object.value("step", std::int64_t{0});
    }
  }
  write_file(file, kept);
  metrics_.open(file, std::ios::app);
}

void RunDirectory::add_event_files(const fs::path& folder) {
  make_folder(folder, "--tensorboard " + folder.string());
  event_folder_ = folder;
}

void RunDirectory::add_events(const std::string& algorithm, const std::string& json) {
  if (event_folder_.empty()) {
    return;
  }
  const auto [writer, added] = events_.try_emplace(algorithm, event_folder_ / file_stem(algorithm));
  writer->second.add(json);
}

void RunDirectory::add_metrics(const std::string& algorithm, const std::string& json) {
  if (!exists() && event_folder_.empty()) {
    return;
  }
  auto object = nlohmann::ordered_json::parse(json);
  const std::int64_t step = object.value("step", std::int64_t{0});
  const auto last = last_step_.find(algorithm);
  if (last != last_step_.end() && step <= last->second) {
    return;
  }
  last_step_[algorithm] = step;
  add_events(algorithm, json);
  if (!exists()) {
    return;
  }
  nlohmann::ordered_json line{{"algorithm", algorithm}};
  line.update(object);
  metrics_ << line.dump() << std::endl;
}

}  // namespace placer::cli
