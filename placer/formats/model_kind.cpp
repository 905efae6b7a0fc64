#include "placer/formats/model_kind.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string_view>
#include <system_error>

#include <zip.h>

namespace placer {
namespace {

constexpr const char* kExport =
    "export the model with tools/export (placer_export), or with torch.export.export and "
    "torch.export.save";

// The first bytes of the file, at most 64.
std::string head_of(const std::filesystem::path& path) {
  std::string head(64, '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return head;
}

struct ZipContent {
  bool old_export = false;
  bool script = false;
  bool pickle = false;
  bool numpy = false;
};

ZipContent look_into_zip(const std::filesystem::path& path) {
  ZipContent content;
  int code = 0;
  const std::unique_ptr<zip_t, decltype(&zip_discard)> archive(
      zip_open(path.c_str(), ZIP_RDONLY, &code), &zip_discard);
  if (!archive) {
    return content;
  }
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* raw = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i), 0);
    const std::string_view name = raw == nullptr ? "" : raw;
    content.old_export = content.old_export || name.ends_with("serialized_exported_program.json");
    content.script = content.script || name.ends_with("/constants.pkl");
    content.pickle = content.pickle || name.ends_with("/data.pkl");
    content.numpy = content.numpy || name.ends_with(".npy");
  }
  return content;
}

std::string describe_zip(const std::filesystem::path& path) {
  const ZipContent content = look_into_zip(path);
  if (content.old_export) {
    return "it was saved by torch before 2.8: save it again with torch 2.8 or later "
           "(torch.export.load, torch.export.save)";
  }
  if (content.script) {
    return std::string("this is a TorchScript file, which does not hold shapes: ") + kExport;
  }
  if (content.pickle) {
    return std::string(
               "this is a checkpoint (weights without a program), and it is never unpickled: ") +
           kExport;
  }
  if (content.numpy) {
    return std::string("this is a NumPy archive: ") + kExport;
  }
  return "";
}

// A safetensors file starts with the length of its JSON header.
bool is_safetensors(std::string_view head) {
  if (head.size() < 10 || head[8] != '{') {
    return false;
  }
  std::uint64_t size = 0;
  for (std::size_t i = 8; i-- > 0;) {
    size = size << 8 | static_cast<unsigned char>(head[i]);
  }
  return size < (std::uint64_t{1} << 30);
}

// ModelProto: field 1 (ir_version) as a small number, then another length-delimited or numeric
// field.
bool is_onnx(const std::filesystem::path& path, std::string_view head) {
  const bool starts_like = head.size() > 4 && head[0] == '\x08' && head[1] > 0 && head[1] < 64;
  return starts_like && (path.extension() == ".onnx" || head[2] == '\x12' || head[2] == '\x3a' ||
                         head[2] == '\x42');
}

std::string describe(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return "there is no such file";
  }
  if (std::filesystem::is_directory(status)) {
    return "this is a folder, expected a .pt2 file";
  }
  const std::string head = head_of(path);
  const std::string_view view = head;
  if (view.empty()) {
    return "the file is empty";
  }
  if (view.starts_with("PK")) {
    return describe_zip(path);
  }
  if (is_safetensors(view)) {
    return std::string("this is a safetensors file (weights without a program): ") + kExport;
  }
  if (view.starts_with("\x80") || view.starts_with("\x8a\x0a")) {
    return std::string(
               "this is a pickle (weights without a program), and it is never unpickled: ") +
           kExport;
  }
  if (view.substr(std::min<std::size_t>(4, view.size())).starts_with("ET")) {
    return std::string("this is an ExecuTorch program, already lowered for a device: ") + kExport;
  }
  if (view.starts_with("GGUF")) {
    return std::string("this is a GGUF file (weights without a program): ") + kExport;
  }
  if (view.starts_with("\x89HDF")) {
    return std::string("this is an HDF5 file: ") + kExport;
  }
  if (is_onnx(path, view)) {
    return std::string("this is an ONNX model, which this version does not import: ") + kExport;
  }
  if (view.starts_with("\x28\xB5\x2F\xFD") || view.find_first_not_of(" \t\r\n") == view.find('{')) {
    return "this looks like JSON: if placer wrote it, it needs no import; see what it is with "
           "`placer inspect`";
  }
  return "";
}

}  // namespace

std::string not_a_pt2(const std::filesystem::path& path, const std::string& problem) {
  const std::string kind = describe(path);
  return kind.empty() ? problem : problem + "; " + kind;
}

}  // namespace placer
