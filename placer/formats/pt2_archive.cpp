#include "placer/formats/pt2_archive.h"

#include <algorithm>

#include <zip.h>

#include "placer/base/error.h"
#include "placer/base/text.h"
#include "placer/base/units.h"
#include "placer/formats/model_kind.h"

namespace placer {
namespace {

constexpr std::string_view kFormatMember = "archive_format";
constexpr std::string_view kVersionMember = "archive_version";
constexpr std::uint64_t kSmallMember = 4096;

Error bad(const std::string& file, std::string where, const std::string& text) {
  return {ErrorKind::kBadInput, file, std::move(where), text};
}

// The folder that holds archive_format, with its slash; empty when the file lies at the top.
std::string root_of(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const std::size_t slash = name.find('/');
    if (slash != std::string::npos && std::string_view(name).substr(slash + 1) == kFormatMember) {
      return name.substr(0, slash + 1);
    }
  }
  return "";
}

}  // namespace

void Pt2Archive::Close::operator()(zip* archive) const {
  zip_discard(archive);
}

Pt2Archive::Pt2Archive(const std::filesystem::path& path) : file_(path.string()) {
  int code = 0;
  archive_.reset(zip_open(file_.c_str(), ZIP_RDONLY, &code));
  if (!archive_) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw bad(file_, "", not_a_pt2(path, "cannot be opened as a .pt2 archive: " + reason));
  }
  index_members();
  check_version();
}

void Pt2Archive::index_members() {
  std::vector<std::string> names;
  const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
  names.reserve(static_cast<std::size_t>(count));
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* name = zip_get_name(archive_.get(), static_cast<zip_uint64_t>(i), 0);
    names.emplace_back(name == nullptr ? "" : name);
  }
  const std::string root = root_of(names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].starts_with(root)) {
      continue;
    }
    std::string member = names[i].substr(root.size());
    if (member.starts_with("models/") && member.ends_with(".json")) {
      models_.push_back(member.substr(7, member.size() - 12));
    }
    if (!members_.emplace(std::move(member), i).second) {
      throw bad(file_, names[i], "stands twice in the archive");
    }
  }
  std::sort(models_.begin(), models_.end());
}

void Pt2Archive::check_version() const {
  if (!has(kFormatMember)) {
    throw bad(file_, "",
              not_a_pt2(file_, "has no member archive_format, which every .pt2 archive has"));
  }
  const std::string format(trimmed(read(kFormatMember, kSmallMember)));
  if (format != "pt2") {
    throw bad(file_, std::string(kFormatMember), "is \"" + format + "\", expected \"pt2\"");
  }
  const std::string version(trimmed(read(kVersionMember, kSmallMember)));
  if (version != "0") {
    throw bad(
        file_, std::string(kVersionMember),
        "is \"" + version +
            "\", this placer reads version \"0\": update placer, or save with torch 2.8 to 2.11");
  }
}

bool Pt2Archive::has(std::string_view member) const {
  return members_.contains(std::string(member));
}

std::string Pt2Archive::read(std::string_view member, std::uint64_t limit) const {
  const std::string where(member);
  const auto entry = members_.find(where);
  if (entry == members_.end()) {
    throw bad(file_, where, "is missing from the archive");
  }
  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_stat_index(archive_.get(), entry->second, 0, &stat) != 0 ||
      (stat.valid & ZIP_STAT_SIZE) == 0) {
    throw bad(file_, where, "has no size in the archive's directory");
  }
  if (stat.size > limit) {
    throw bad(file_, where,
              "has " + to_string(Bytes{static_cast<std::int64_t>(stat.size)}) +
                  ", expected at most " + to_string(Bytes{static_cast<std::int64_t>(limit)}));
  }
  const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> stream(
      zip_fopen_index(archive_.get(), entry->second, 0), &zip_fclose);
  if (!stream) {
    throw bad(file_, where, std::string("is damaged: ") + zip_strerror(archive_.get()));
  }
  // Memory is asked for as bytes arrive: the directory may claim any size.
  constexpr std::uint64_t kPiece = std::uint64_t{16} << 20;
  std::string content;
  std::uint64_t done = 0;
  while (done < stat.size) {
    content.resize(std::min(stat.size, std::max(2 * done, kPiece)));
    const zip_int64_t got = zip_fread(stream.get(), content.data() + done, content.size() - done);
    if (got <= 0) {
      throw bad(file_, where,
                std::string("is damaged: ") +
                    (got == 0 ? "ends too early" : zip_file_strerror(stream.get())));
    }
    done += static_cast<std::uint64_t>(got);
  }
  // libzip compares the CRC when it meets the end.
  char beyond = 0;
  if (zip_fread(stream.get(), &beyond, 1) != 0) {
    throw bad(file_, where, std::string("is damaged: ") + zip_file_strerror(stream.get()));
  }
  return content;
}

std::string Pt2Archive::model_named(std::string_view wanted) const {
  std::string list;
  for (const std::string& model : models_) {
    if (model == wanted) {
      return model;
    }
    list += (list.empty() ? "" : ", ") + model;
  }
  if (models_.empty()) {
    throw bad(file_, "models", "there is no exported program in the archive");
  }
  if (wanted.empty() && models_.size() == 1) {
    return models_.front();
  }
  throw bad(file_, "models",
            (wanted.empty() ? "there are several models"
                            : "there is no model \"" + std::string(wanted) + "\"") +
                ", choose one of: " + list);
}

}  // namespace placer
