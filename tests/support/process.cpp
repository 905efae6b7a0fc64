#include "tests/support/process.h"

#include <sys/wait.h>

#include <cstdlib>
#include <stdexcept>

#include "placer/base/files.h"

namespace placer::test {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "placer-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error("no temporary folder");
  }
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string program_path() {
  // Set by ctest, and by nobody while tests run.
  const char* program = std::getenv("PLACER_PROGRAM");  // NOLINT(concurrency-mt-unsafe)
  return program != nullptr && fs::exists(program) ? program : "";
}

ProcessResult run_shell(const std::string& command, const fs::path& folder) {
  const TemporaryFolder streams;
  const std::string out = (streams.path() / "out").string();
  const std::string err = (streams.path() / "err").string();
  const std::string line = "cd '" + folder.string() + "' && export PLACER='" + program_path() +
                           "' && { " + command + "\n} >'" + out + "' 2>'" + err + "' </dev/null";
  // Tests start one program at a time.
  const int status = std::system(line.c_str());  // NOLINT(concurrency-mt-unsafe)
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(out),
          read_file(err)};
}

}  // namespace placer::test
