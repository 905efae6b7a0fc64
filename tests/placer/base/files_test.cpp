#include "placer/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "placer/base/error.h"

namespace placer {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Files : public testing::Test {
 protected:
  Files()
      : folder_(fs::path(testing::TempDir()) /
                (std::string("placer_files_") +
                 testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write_raw(const fs::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  }
  std::string read_raw(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  std::string error_of(const fs::path& path, std::size_t limit = 1 << 20) {
    try {
      (void)read_file(path, limit);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      return error.what();
    }
    return "no error";
  }

  fs::path folder_;
};

TEST_F(Files, PlainAndCompressedFilesReadBack) {
  const std::string content(100'000, 'x');
  for (const char* name : {"a.json", "a.json.zst"}) {
    write_file(folder_ / name, content);
    EXPECT_EQ(read_file(folder_ / name), content) << name;
  }
  EXPECT_LT(fs::file_size(folder_ / "a.json.zst"), 1000U);
}

TEST_F(Files, WritingLeavesNothingBesideTheTarget) {
  write_file(folder_ / "a.json", "one");
  write_file(folder_ / "a.json", "two");
  EXPECT_EQ(read_file(folder_ / "a.json"), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(Files, AFailedWriteKeepsTheOldContent) {
  fs::create_directories(folder_ / "target");
  write_raw(folder_ / "target" / "kept", "old");
  EXPECT_ANY_THROW(write_file(folder_ / "target", "new"));  // a folder cannot be replaced by a file
  EXPECT_EQ(read_raw(folder_ / "target" / "kept"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(Files, NamesWhatCannotBeRead) {
  EXPECT_THAT(error_of(folder_ / "missing.json"), HasSubstr("missing.json: cannot be read"));
  EXPECT_THAT(error_of(folder_), HasSubstr("is a folder"));
}

TEST_F(Files, RefusesTruncatedAndDamagedCompression) {
  std::string content(50'000, 'q');
  content += "end";
  write_file(folder_ / "a.zst", content);
  std::string packed = read_raw(folder_ / "a.zst");
  write_raw(folder_ / "short.zst", packed.substr(0, packed.size() / 2));
  EXPECT_THAT(error_of(folder_ / "short.zst"), HasSubstr("ends too early"));
  packed[6] = static_cast<char>(packed[6] ^ 0x55);
  write_raw(folder_ / "bad.zst", packed);
  EXPECT_THAT(error_of(folder_ / "bad.zst"), HasSubstr("Zstandard"));
}

TEST_F(Files, RefusesWhatExpandsBeyondTheLimit) {
  write_file(folder_ / "bomb.zst", std::string(5'000'000, '\0'));
  EXPECT_THAT(error_of(folder_ / "bomb.zst", 1 << 20), HasSubstr("more than 1.00 MiB"));
}

// Renaming would put a plain file in the place of a pipe or of /dev/null.
TEST_F(Files, APipeIsWrittenToAndStaysAPipe) {
  const std::filesystem::path path = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);  // NOLINT(*-vararg)
  ASSERT_GE(reader, 0);
  write_file(path, "text");
  std::string read(8, ' ');
  EXPECT_EQ(::read(reader, read.data(), read.size()), 4);
  EXPECT_EQ(read.substr(0, 4), "text");
  EXPECT_TRUE(std::filesystem::is_fifo(path));
  ::close(reader);
}

}  // namespace
}  // namespace placer
