#include "tools/placer/shared.h"

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <iostream>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/files.h"
#include "placer/base/text.h"
#include "placer/formats/formats.h"
#include "tools/placer/build_info.h"

namespace placer::cli {
namespace {

// Rewrites one line of the terminal, a few times a second, and removes it when it is done.
class ProgressLine {
 public:
  ProgressLine() = default;
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() {
    if (shown_) {
      std::cerr << "\r\033[K" << std::flush;
    }
  }

  void show(const ProgressReport& report) {
    const auto now = std::chrono::steady_clock::now();
    if (report.stage != stage_) {
      stage_ = report.stage;
      begin_ = now;
    } else if (now - last_ < std::chrono::milliseconds(200)) {
      return;
    }
    last_ = now;
    shown_ = true;
    std::string line = fmt::format("\r\033[K{}", report.stage);
    if (report.total > 0) {
      const double share = std::min(1.0, report.done / report.total);
      line += fmt::format(" {:.0f}%", 100 * share);
      const double passed = std::chrono::duration<double>(now - begin_).count();
      if (share > 0.02 && passed > 1) {
        line += fmt::format(", {:.0f} s left", passed * (1 - share) / share);
      }
    }
    if (!report.running.empty()) {
      line += " (" + report.running + ")";
    }
    if (report.best_ms) {
      line += fmt::format(", best {:.3f} ms", *report.best_ms);
    }
    std::cerr << line << std::flush;
  }

 private:
  std::string stage_;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point last_;
  bool shown_ = false;
};

}  // namespace

void Shared::note(const std::string& text) const {
  if (!quiet) {
    std::cerr << text << "\n";
  }
}

void Shared::warn(const std::string& text) const {
  std::cerr << "warning: " << text << "\n";
}

ProgressSink Shared::progress() const {
  if (quiet || json || isatty(STDERR_FILENO) == 0) {
    return nullptr;
  }
  auto line = std::make_shared<ProgressLine>();
  return [line](const ProgressReport& report) { line->show(report); };
}

double micros(SimTime time) {
  return static_cast<double>(time.ps) / 1e6;
}

std::string percent(SimTime part, SimTime whole) {
  if (whole.ps == 0) {
    return "-";
  }
  return fmt::format("{:.1f}%", 100 * static_cast<double>(part.ps) / static_cast<double>(whole.ps));
}

Workload load_graph(const std::string& path) {
  return read_graph(read_file(path), path);
}

Cluster load_cluster(const std::string& path) {
  return read_cluster(read_file(path), path);
}

std::string tool_name() {
  return "placer " + tool_version();
}

std::string now_iso() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

CLI::Validator whole_number(std::uint64_t least) {
  return {[least](const std::string& text) {
            std::uint64_t value = 0;
            const char* const end = text.data() + text.size();
            const auto [stop, problem] = std::from_chars(text.data(), end, value);
            const bool valid = problem == std::errc{} && stop == end && value >= least;
            return valid ? "" : fmt::format("{}: expected a whole number from {}", text, least);
          },
          ""};
}

CLI::Validator above_zero() {
  return {[](const std::string& text) {
            double value = 0;
            const char* const end = text.data() + text.size();
            const auto [stop, problem] = std::from_chars(text.data(), end, value);
            const bool valid =
                problem == std::errc{} && stop == end && value > 0 && std::isfinite(value);
            return valid ? "" : text + ": expected a number above 0";
          },
          ""};
}

ErrorKind failure_kind(InfeasibleReason reason) {
  const bool too_large =
      reason == InfeasibleReason::kOutOfMemory || reason == InfeasibleReason::kUnsupported;
  return too_large ? ErrorKind::kInfeasible : ErrorKind::kDevice;
}

void require_writable(const std::string& path, const std::vector<std::string>& inputs) {
  namespace fs = std::filesystem;
  if (path.empty() || path == "-") {
    return;
  }
  std::error_code missing;
  for (const std::string& input : inputs) {
    if (!input.empty() && fs::equivalent(path, input, missing)) {
      throw usage_error(path +
                        " is read by this command, so it cannot be written: name another file");
    }
  }
  const fs::path folder = fs::absolute(path).parent_path();
  if (fs::is_directory(path)) {
    throw usage_error(path + " is a folder: expected the name of a file to write");
  }
  if (!fs::is_directory(folder)) {
    throw usage_error(path + ": there is no folder " + folder.string());
  }
  if (::access(folder.c_str(), W_OK) != 0) {
    throw usage_error(path + ": files cannot be written in " + folder.string());
  }
}

std::string error_json(int status, const std::string& text) {
  return nlohmann::json{{"error", {{"code", status}, {"message", text}}}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string unknown_subcommand_hint(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("-")) {
      const bool known = std::find(names.begin(), names.end(), word) != names.end();
      const std::string hint = known ? "" : did_you_mean(word, names);
      return hint.empty() ? "" : fmt::format("placer: unknown command \"{}\"{}\n", word, hint);
    }
  }
  return "";
}

}  // namespace placer::cli
