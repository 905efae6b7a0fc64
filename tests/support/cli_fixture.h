#pragma once

// The program in a folder of its own: the base of every test of the command line.

#include <string>

#include <gtest/gtest.h>

#include "placer/base/files.h"
#include "tests/support/process.h"

namespace placer::test {

class CliFixture : public testing::Test {
 protected:
  // Fails where this build has no program. Derived fixtures call it first.
  void SetUp() override { ASSERT_FALSE(program_path().empty()); }

  // `placer arguments`, as a shell reads them, in the test's folder.
  [[nodiscard]] ProcessResult run(const std::string& arguments) const {
    return run_shell("\"$PLACER\" " + arguments, folder_.path());
  }
  // Its standard output; anything but exit status 0 fails the test.
  std::string ok(const std::string& arguments) const {
    const ProcessResult result = run(arguments);
    EXPECT_EQ(result.status, 0) << arguments << "\n" << result.err;
    return result.out;
  }
  // `placer arguments --run-dir r` that gets SIGINT, as from Ctrl-C, once it has begun.
  [[nodiscard]] ProcessResult run_and_interrupt(const std::string& arguments) const {
    // The shell's process becomes the program: one in the background would ignore the signal.
    return run_shell(
        "sh -c '(until test -s r/config.json; do sleep 0.05; done; sleep 0.2; "
        "kill -INT $$) & exec \"$PLACER\" " +
            arguments + " --run-dir r'",
        folder_.path());
  }
  void write(const std::string& name, const std::string& content) const {
    write_file(folder_.path() / name, content);
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    return read_file(folder_.path() / name);
  }

  TemporaryFolder folder_;
};

}  // namespace placer::test
