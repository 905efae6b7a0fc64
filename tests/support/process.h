#pragma once

// Runs the program as a user does, through the shell.

#include <filesystem>
#include <string>

namespace placer::test {

struct ProcessResult {
  int status = 0;  // exit status, or 128 + signal
  std::string out;
  std::string err;
};

// Runs `sh -c command` in `folder`. PLACER in the command's environment is the program under test
// (quote it: "$PLACER").
[[nodiscard]] ProcessResult run_shell(const std::string& command,
                                      const std::filesystem::path& folder);

// The program under test; empty when this build has none.
[[nodiscard]] std::string program_path();

// A fresh folder, removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace placer::test
