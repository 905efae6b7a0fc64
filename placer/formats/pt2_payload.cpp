#include "placer/formats/pt2_payload.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "placer/base/error.h"
#include "placer/formats/json_tree.h"

namespace placer {
namespace {

constexpr std::uint64_t kMostProgram = std::uint64_t{1} << 30;
constexpr std::uint64_t kMostConfig = std::uint64_t{256} << 20;
constexpr std::uint64_t kMostRecord = std::uint64_t{1} << 40;

void read_config(const Pt2Archive& archive, const std::string& member, const std::string& folder,
                 std::map<std::string, Pt2Record>& records) {
  if (!archive.has(member)) {
    return;
  }
  const JsonDocument document =
      parse_json(archive.read(member, kMostConfig), archive.file() + ":" + member);
  std::size_t symbolic = 0;
  for (const JsonView entry : document.root().at("config", "an object by tensor name").members()) {
    Pt2Record record;
    const JsonView path = entry.at("path_name", "the name of a record");
    record.member = folder + std::string(path.as_name("the name of a record"));
    const auto pickled = entry.find("use_pickle");
    record.pickled = pickled && pickled->as_bool();
    if (const auto meta = entry.find("tensor_meta"); meta && meta->is_object() && !record.pickled) {
      record.layout = read_pt2_tensor(*meta, symbolic);
    }
    if (!records.emplace(entry.key(), std::move(record)).second) {
      entry.fail("is a weight and a constant");
    }
  }
}

// Elements that a storage must have; nothing when that overflows or lies before its start.
std::optional<std::int64_t> needed_elements(const Pt2Tensor& layout) {
  constexpr std::int64_t kMost = std::int64_t{1} << 48;
  if (layout.offset < 0 || layout.offset > kMost) {
    return std::nullopt;
  }
  if (layout.numel() == 0) {
    return 0;
  }
  std::int64_t last = layout.offset;
  for (std::size_t i = 0; i < layout.sizes.size(); ++i) {
    if (layout.strides[i] < 0 ||
        (layout.sizes[i] > 1 && layout.strides[i] > (kMost - last) / (layout.sizes[i] - 1))) {
      return std::nullopt;
    }
    last += (layout.sizes[i] - 1) * layout.strides[i];
  }
  return last + 1;
}

template <typename T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// IEEE 754 binary16.
double half_value(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 31) {
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  return sign *
         (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

template <typename T>
double integer_value(const char* at) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  const auto value = static_cast<double>(load<T>(at));
  return std::abs(value) <= kExact ? value : std::numeric_limits<double>::quiet_NaN();
}

// NaN for what a double cannot hold.
double element(DType dtype, const char* at) {
  switch (dtype) {
    case DType::kBool:
      return *at != 0 ? 1 : 0;
    case DType::kUint8:
      return integer_value<std::uint8_t>(at);
    case DType::kInt8:
      return integer_value<std::int8_t>(at);
    case DType::kInt16:
      return integer_value<std::int16_t>(at);
    case DType::kInt32:
      return integer_value<std::int32_t>(at);
    case DType::kInt64:
      return integer_value<std::int64_t>(at);
    case DType::kUint16:
      return integer_value<std::uint16_t>(at);
    case DType::kUint32:
      return integer_value<std::uint32_t>(at);
    case DType::kUint64:
      return integer_value<std::uint64_t>(at);
    case DType::kFloat16:
      return half_value(load<std::uint16_t>(at));
    case DType::kBFloat16:
      return std::bit_cast<float>(std::uint32_t{load<std::uint16_t>(at)} << 16);
    case DType::kFloat32:
      return load<float>(at);
    case DType::kFloat64:
      return load<double>(at);
    default:
      return std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace

std::string read_pt2_program_text(const Pt2Archive& archive, const std::string& model) {
  return archive.read("models/" + model + ".json", kMostProgram);
}

std::map<std::string, Pt2Record> read_pt2_records(const Pt2Archive& archive,
                                                  const std::string& model) {
  static_assert(std::endian::native == std::endian::little);
  std::map<std::string, Pt2Record> records;
  read_config(archive, "data/weights/" + model + "_weights_config.json", "data/weights/", records);
  read_config(archive, "data/constants/" + model + "_constants_config.json", "data/constants/",
              records);
  return records;
}

RawTensor read_pt2_tensor_data(const Pt2Archive& archive, const std::string& name,
                               const Pt2Record& record) {
  const auto fail = [&](const std::string& text) {
    throw Error(ErrorKind::kBadInput, archive.file(), record.member, "\"" + name + "\" " + text);
  };
  if (record.pickled || !record.layout) {
    fail("is pickled, and nothing is unpickled: export a model whose parameters are plain tensors");
  }
  const Pt2Tensor& layout = *record.layout;
  RawTensor tensor{layout.dtype, layout.sizes, layout.strides, layout.offset,
                   archive.read(record.member, kMostRecord)};
  const auto needed = needed_elements(layout);
  const auto held = static_cast<std::int64_t>(tensor.data.size()) / item_size(layout.dtype);
  if (!needed || *needed > held) {
    fail("has a record of " + std::to_string(tensor.data.size()) + " bytes, too few for its shape");
  }
  return tensor;
}

std::optional<std::vector<double>> values_of(const RawTensor& tensor) {
  std::int64_t count = 1;
  for (const std::int64_t size : tensor.shape) {
    count *= size;
  }
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(count));
  std::vector<std::int64_t> at(tensor.shape.size(), 0);
  std::int64_t position = tensor.offset;
  const std::int64_t width = item_size(tensor.dtype);
  for (std::int64_t i = 0; i < count; ++i) {
    const double value = element(tensor.dtype, tensor.data.data() + position * width);
    if (!std::isfinite(value)) {
      return std::nullopt;
    }
    values.push_back(value);
    // The next index in row-major order, last dimension first.
    for (std::size_t d = at.size(); d-- > 0;) {
      position += tensor.strides[d];
      if (++at[d] < tensor.shape[d]) {
        break;
      }
      position -= at[d] * tensor.strides[d];
      at[d] = 0;
    }
  }
  return values;
}

}  // namespace placer
