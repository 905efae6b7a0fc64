// Every file under tests/malformed/ has one mistake. Its reader refuses it as bad input and names
// what is wrong and where; so does the program, with exit status 3.

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "placer/formats/import_dnn_partitioning.h"
#include "placer/formats/import_pipedream.h"
#include "placer/formats/import_task_graph.h"
#include "placer/formats/training_format.h"

namespace placer {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(PLACER_SOURCE_ROOT) / "tests/malformed";

// Path below the folder -> part of the message.
std::map<std::string, std::string> expectations() {
  std::map<std::string, std::string> expected;
  std::ifstream list(kFolder / "expected.txt");
  std::string line;
  while (std::getline(list, line)) {
    const std::size_t tab = line.find('\t');
    if (!line.starts_with('#') && tab != std::string::npos) {
      expected.emplace(line.substr(0, tab), line.substr(tab + 1));
    }
  }
  return expected;
}

void read_as(const std::string& format, const std::string& text, const std::string& file) {
  if (format == "graph") {
    (void)read_graph(text, file);
  } else if (format == "cluster") {
    (void)read_cluster(text, file);
  } else if (format == "placement") {
    (void)read_placement(text, file);
  } else if (format == "dnn-partitioning") {
    (void)import_dnn_partitioning(text, file);
  } else if (format == "pipedream") {
    (void)import_pipedream(text, file, {});
  } else if (format == "task-graph") {
    (void)import_task_graph(text, file);
  } else if (format == "training") {
    (void)read_training(text, file);
  } else {
    (void)read_config(text, file);
  }
}

// How the program is asked to read it.
std::string command_for(const std::string& format, const std::string& file) {
  const bool foreign =
      format == "dnn-partitioning" || format == "pipedream" || format == "task-graph";
  return foreign ? "import --from " + format + " -o '" + testing::TempDir() +
                       "/placer_refused.json' -c '" + testing::TempDir() +
                       "/placer_refused_cluster.json' '" + file + "'"
                 : "inspect '" + file + "'";
}

std::string format_of_path(const std::string& path) {
  return path.substr(0, path.find('/'));
}

TEST(Malformed, EveryFileIsListedAndEveryListedFileExists) {
  std::set<std::string> present;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kFolder)) {
    if (entry.is_regular_file() && entry.path() != kFolder / "expected.txt") {
      present.insert(entry.path().lexically_relative(kFolder).string());
    }
  }
  std::set<std::string> listed;
  for (const auto& [path, message] : expectations()) {
    listed.insert(path);
  }
  EXPECT_EQ(present, listed);
  EXPECT_GE(listed.size(), 200U);
}

TEST(Malformed, ReadersNameTheMistakeAndItsPlace) {
  for (const auto& [path, message] : expectations()) {
    SCOPED_TRACE(path);
    const std::string text = read_file(kFolder / path);
    try {
      read_as(format_of_path(path), text, path);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      EXPECT_EQ(error.file(), path);
      const std::string line = error.what();
      EXPECT_NE(line.find(message), std::string::npos) << line;
      EXPECT_EQ(line.find('\n'), std::string::npos) << line;
      EXPECT_LT(line.size(), 300U) << line;
    }
  }
}

// A process that links LibTorch takes half a second to start, so there every tenth file must do;
// the build without runs all.
TEST(Malformed, TheProgramExitsWithStatus3) {
  const char* const program =
      std::getenv("PLACER_PROGRAM");  // NOLINT(concurrency-mt-unsafe): read only
  if (program == nullptr || !std::filesystem::exists(program)) {
    GTEST_SKIP() << "the program is not built";
  }
  const auto run = [&](const std::string& arguments) {
    const std::string command = std::string("'") + program + "' " + arguments + " 2>&1";
    std::FILE* const pipe = popen(command.c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer{};
    while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr) {
      output += buffer.data();
    }
    const int status = pclose(pipe);
    return std::pair(WIFEXITED(status) ? WEXITSTATUS(status) : -1, output);
  };
  const bool slow = run("--version").second.find("LibTorch 2") != std::string::npos;
  std::size_t position = 0;
  for (const auto& [path, message] : expectations()) {
    if (slow && position++ % 10 != 0) {
      continue;
    }
    SCOPED_TRACE(path);
    const auto [status, output] = run(command_for(format_of_path(path), (kFolder / path).string()));
    EXPECT_EQ(status, 3) << output;
    EXPECT_NE(output.find(path), std::string::npos) << output;
  }
}

}  // namespace
}  // namespace placer
