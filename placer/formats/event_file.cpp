#include "placer/formats/event_file.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"

namespace placer {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "events.out.tfevents.";

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  constexpr std::uint32_t kPolynomial = 0x82f63b78;  // 0x1edc6f41, bits reversed
  std::array<std::uint32_t, 256> table = {};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? kPolynomial : 0);
    table[i] = value;
  }
  return table;
}

template <typename T>
void put_little_endian(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out += static_cast<char>(value >> (8 * i) & 0xff);
  }
}

// A Protocol Buffers message of the few kinds of fields that events have. Numbers and types are
// those of tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
class Message {
 public:
  void add_varint(std::uint32_t field, std::uint64_t value) {
    put_key(field, 0);
    put_varint(value);
  }
  void add_double(std::uint32_t field, double value) {
    put_key(field, 1);
    put_little_endian(bytes_, std::bit_cast<std::uint64_t>(value));
  }
  void add_bytes(std::uint32_t field, std::string_view value) {
    put_key(field, 2);
    put_varint(value.size());
    bytes_ += value;
  }
  void add_float(std::uint32_t field, float value) {
    put_key(field, 5);
    put_little_endian(bytes_, std::bit_cast<std::uint32_t>(value));
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void put_key(std::uint32_t field, std::uint32_t wire_type) { put_varint(field << 3 | wire_type); }
  void put_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>((value & 0x7f) | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

Message event_at(double wall_time, std::uint64_t step) {
  Message event;
  event.add_double(1, wall_time);
  if (step != 0) event.add_varint(2, step);  // as protobuf itself, which leaves zeros out
  return event;
}

std::string version_event(double wall_time) {
  Message event = event_at(wall_time, 0);
  event.add_bytes(3, "brain.Event:2");
  return event.bytes();
}

std::string start_event(double wall_time, std::uint64_t step) {
  constexpr std::uint64_t kStart = 1;  // SessionLog.SessionStatus
  Message log;
  log.add_varint(1, kStart);
  Message event = event_at(wall_time, step);
  event.add_bytes(7, log.bytes());
  return event.bytes();
}

std::string scalars_event(double wall_time, std::uint64_t step, const nlohmann::ordered_json& of) {
  Message summary;
  for (const auto& [name, value] : of.items()) {
    if (!value.is_number() || name == "step") continue;
    Message scalar;
    scalar.add_bytes(1, name);
    scalar.add_float(2, value.get<float>());
    summary.add_bytes(1, scalar.bytes());
  }
  Message event = event_at(wall_time, step);
  event.add_bytes(5, summary.bytes());
  return event.bytes();
}

// A checksum of data that holds its own checksum says little: TFRecord turns it about.
std::uint32_t masked_crc(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xa282ead8U;
}

std::string framed(std::string_view payload) {
  std::string record;
  put_little_endian(record, std::uint64_t{payload.size()});
  put_little_endian(record, masked_crc(record));
  record += payload;
  put_little_endian(record, masked_crc(payload));
  return record;
}

// Seconds in the name of an event file; 0: it is none.
std::int64_t time_in(const std::string& name) {
  std::int64_t seconds = 0;
  if (name.starts_with(kPrefix)) {
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), seconds);
  }
  return seconds;
}

// Later than those in the folder: readers go through files by name.
fs::path new_name(const fs::path& folder, double now) {
  auto seconds = static_cast<std::int64_t>(now);
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    seconds = std::max(seconds, time_in(entry.path().filename().string()) + 1);
  }
  std::array<char, 256> host = {};
  if (gethostname(host.data(), host.size() - 1) != 0) host = {"localhost"};
  return folder / fmt::format("{}{:010}.{}.{}.0", kPrefix, seconds, host.data(), getpid());
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = make_crc_table();
  std::uint32_t value = ~0U;
  for (const char byte : bytes) {
    value = kTable[(value ^ static_cast<unsigned char>(byte)) & 0xff] ^ value >> 8;
  }
  return ~value;
}

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

EventWriter::EventWriter(const fs::path& folder, UnixClock clock) : clock_(std::move(clock)) {
  const double now = clock_();
  try {
    fs::create_directories(folder);
    file_ = new_name(folder, now);
  } catch (const fs::filesystem_error& problem) {
    throw usage_error(folder.string() + ": " + problem.code().message());
  }
  out_.open(file_, std::ios::binary);
  if (!out_) throw usage_error(folder.string() + ": files cannot be written there");
  write(version_event(now));
}

void EventWriter::add(std::string_view metrics) {
  const auto object = nlohmann::ordered_json::parse(metrics, nullptr, false);
  PLACER_CHECK(object.is_object() && object.contains("step") && object["step"].is_number_unsigned(),
               "metrics are a JSON object with a step");
  const auto step = object["step"].get<std::uint64_t>();
  const double now = clock_();
  if (!started_) write(start_event(now, step));
  started_ = true;
  write(scalars_event(now, step, object));
}

void EventWriter::write(std::string_view event) {
  out_ << framed(event) << std::flush;
  if (!out_) throw Error(ErrorKind::kInternal, file_.string(), "", "cannot be written");
}

}  // namespace placer
