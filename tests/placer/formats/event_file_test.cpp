#include "placer/formats/event_file.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <gmock/gmock.h>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "tests/support/process.h"

namespace placer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// What a reader sees of one event; written from the formats' descriptions, not from the writer.
struct Event {
  double wall_time = 0;
  std::uint64_t step = 0;
  std::string file_version;
  bool starts = false;
  std::vector<std::pair<std::string, float>> scalars;
};

class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
  }
  template <typename T>
  T fixed() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));  // little-endian, as this machine
    return value;
  }
  std::string_view bytes() { return take(varint()); }

 private:
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) throw std::runtime_error("a message ends too early");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view rest_;
};

std::pair<std::string, float> scalar_of(std::string_view bytes) {
  std::pair<std::string, float> scalar;
  for (Fields fields(bytes); !fields.empty();) {
    const std::uint64_t key = fields.varint();
    if (key == (1 << 3 | 2)) scalar.first = fields.bytes();
    if (key == (2 << 3 | 5)) scalar.second = fields.fixed<float>();
  }
  return scalar;
}

Event event_of(std::string_view bytes) {
  Event event;
  for (Fields fields(bytes); !fields.empty();) {
    switch (fields.varint()) {
      case 1 << 3 | 1:
        event.wall_time = fields.fixed<double>();
        break;
      case 2 << 3:
        event.step = fields.varint();
        break;
      case 3 << 3 | 2:
        event.file_version = fields.bytes();
        break;
      case 5 << 3 | 2:
        for (Fields values(fields.bytes()); !values.empty();) {
          EXPECT_EQ(values.varint(), 1U << 3 | 2);
          event.scalars.push_back(scalar_of(values.bytes()));
        }
        break;
      case 7 << 3 | 2:
        event.starts = fields.bytes() == std::string_view("\x08\x01", 2);
        break;
      default:
        ADD_FAILURE() << "an unknown field";
        return event;
    }
  }
  return event;
}

std::uint32_t masked(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

// Up to the first record that is torn or damaged, where TensorBoard stops too.
std::vector<Event> events_in(const std::string& file) {
  std::vector<Event> events;
  std::string_view rest = file;
  while (rest.size() >= 12) {
    Fields header(rest);
    const auto length = header.fixed<std::uint64_t>();
    if (header.fixed<std::uint32_t>() != masked(rest.substr(0, 8))) break;
    if (rest.size() < length + 16) break;
    const std::string_view payload = rest.substr(12, length);
    if (Fields(rest.substr(12 + length)).fixed<std::uint32_t>() != masked(payload)) break;
    events.push_back(event_of(payload));
    rest.remove_prefix(length + 16);
  }
  return events;
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

class EventFile : public testing::Test {
 protected:
  [[nodiscard]] EventWriter writer(double now) {
    return EventWriter(folder_.path() / "curves", [now] { return now; });
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "curves")) {
      names.push_back(entry.path().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  test::TemporaryFolder folder_;
};

// RFC 3720, appendix B.4, and the check value of the catalogue of CRC algorithms.
TEST(Crc32c, PublishedVectors) {
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  std::string rising;
  for (char i = 0; i < 32; ++i) rising += i;
  EXPECT_EQ(crc32c(rising), 0x46dd794eU);
  EXPECT_EQ(crc32c(std::string(rising.rbegin(), rising.rend())), 0x113fdb5cU);
}

// The first and the last record as TensorBoard's own writer makes them of the same events.
TEST_F(EventFile, BytesAreThoseOfTensorBoard) {
  EventWriter first = writer(0);
  EXPECT_EQ(read_file(first.file()), from_hex("1800000000000000a37f4b2209000000000000"
                                              "00001a0d627261696e2e4576656e743a32eedf28a3"));
  EventWriter second = writer(1);
  second.add(R"({"step": 3, "loss": 0.5})");
  const std::string scalars = from_hex(
      "1a00000000000000129bd82d09000000000000f03f10032a0d0a0b0a046c6f7373150000003f7fb84377");
  EXPECT_EQ(read_file(second.file()).substr(read_file(second.file()).size() - scalars.size()),
            scalars);
}

TEST_F(EventFile, EveryNumberIsAScalarAndNothingElseIs) {
  EventWriter events = writer(12.5);
  events.add(R"({"algorithm": "ppo", "step": 300, "reward_mean": -0.25, "entropy": null,
                 "evaluations": 2400, "on": true})");
  const std::vector<Event> read = events_in(read_file(events.file()));
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(read[0].file_version, "brain.Event:2");
  EXPECT_TRUE(read[1].starts);
  EXPECT_EQ(read[1].step, 300U);
  EXPECT_EQ(read[2].step, 300U);
  EXPECT_DOUBLE_EQ(read[2].wall_time, 12.5);
  EXPECT_THAT(read[2].scalars, ElementsAre(Pair("reward_mean", -0.25F), Pair("evaluations", 2400)));
}

TEST_F(EventFile, OnlyTheFirstStepStartsARun) {
  EventWriter events = writer(1);
  for (const char* line : {R"({"step": 0, "a": 1})", R"({"step": 1, "a": 2})"}) events.add(line);
  const std::vector<Event> read = events_in(read_file(events.file()));
  ASSERT_EQ(read.size(), 4U);
  EXPECT_TRUE(read[1].starts);
  EXPECT_EQ(read[2].step, 0U);
  EXPECT_EQ(read[3].step, 1U);
  EXPECT_FALSE(read[3].starts);
}

// A run that goes on from step 2 repeats it: its file comes after the first one's, whatever the
// clock says, and voids what that one holds of step 2 and later.
TEST_F(EventFile, ARunThatGoesOnWritesALaterFile) {
  const std::string before = [&] {
    EventWriter killed = writer(5000);
    killed.add(R"({"step": 1, "a": 1})");
    killed.add(R"({"step": 2, "a": 2})");
    return read_file(killed.file());
  }();
  EventWriter resumed = writer(4000);
  resumed.add(R"({"step": 2, "a": 2})");
  ASSERT_EQ(files().size(), 2U);
  EXPECT_THAT(files()[0], HasSubstr("events.out.tfevents.0000005000."));
  EXPECT_THAT(files()[1], HasSubstr("events.out.tfevents.0000005001."));
  EXPECT_EQ(files()[1], resumed.file());
  EXPECT_EQ(read_file(files()[0]), before);
  const std::vector<Event> read = events_in(read_file(resumed.file()));
  ASSERT_EQ(read.size(), 3U);
  EXPECT_TRUE(read[1].starts);
  EXPECT_EQ(read[1].step, 2U);
}

TEST_F(EventFile, WhatIsTornOrDamagedEndsTheReading) {
  EventWriter events = writer(1);
  events.add(R"({"step": 1, "a": 1})");
  std::string file = read_file(events.file());
  EXPECT_EQ(events_in(file).size(), 3U);
  EXPECT_EQ(events_in(file.substr(0, file.size() - 1)).size(), 2U);
  file[file.size() - 6] ^= 1;
  EXPECT_EQ(events_in(file).size(), 2U);
}

TEST_F(EventFile, AFolderThatCannotBeMadeIsAUsageError) {
  write_file(folder_.path() / "curves", "a file");
  EXPECT_THROW(static_cast<void>(writer(1)), Error);
}

TEST_F(EventFile, MetricsWithoutAStepAreABug) {
  EventWriter events = writer(1);
  EXPECT_THROW(events.add(R"({"a": 1})"), LogicError);
  EXPECT_THROW(events.add("[1]"), LogicError);
}

// The real reader, where this machine has it (pip install tensorboard).
TEST_F(EventFile, TensorBoardReadsIt) {
  const auto python = [&](const std::string& code) {
    return test::run_shell("python3 -c '" + code + "'", folder_.path()).status;
  };
  if (python("import tensorboard") != 0) GTEST_SKIP() << "python3 has no tensorboard";
  {
    EventWriter killed = writer(100);
    for (const char* line :
         {R"({"step": 1, "a": 1})", R"({"step": 2, "a": 9, "b": 9})", R"({"step": 3, "a": 9})"}) {
      killed.add(line);
    }
  }
  EventWriter resumed = writer(100);
  resumed.add(R"({"step": 2, "a": 0.5})");
  EXPECT_EQ(python("from tensorboard.backend.event_processing.event_accumulator import *\n"
                   "reader = EventAccumulator(\"curves\").Reload()\n"
                   "read = [(e.step, e.value) for e in reader.Scalars(\"a\")]\n"
                   "raise SystemExit(0 if read == [(1, 1), (2, 0.5)] else 7)\n"),
            0);
}

}  // namespace
}  // namespace placer
