#include "placer/formats/weights.h"

#include <algorithm>
#include <map>
#include <utility>

#include "placer/base/error.h"
#include "placer/base/hash.h"
#include "placer/formats/pt2_archive.h"
#include "placer/formats/pt2_payload.h"

namespace placer {
namespace {

class Pt2Weights final : public WeightArchive {
 public:
  Pt2Weights(Pt2Archive archive, const std::string& model)
      : archive_(std::move(archive)), records_(read_pt2_records(archive_, model)) {}

  std::optional<RawTensor> read(std::string_view name) override {
    const auto record = records_.find(std::string(name));
    if (record == records_.end()) {
      return std::nullopt;
    }
    return read_pt2_tensor_data(archive_, record->first, record->second);
  }

 private:
  Pt2Archive archive_;
  std::map<std::string, Pt2Record> records_;
};

}  // namespace

std::unique_ptr<WeightArchive> open_weights(const std::filesystem::path& path,
                                            std::string_view expected_hash,
                                            std::string_view model) {
  Pt2Archive archive(path);
  // An archive of other weights for the graph may have its one model under another name.
  const auto& models = archive.models();
  const bool here = std::find(models.begin(), models.end(), model) != models.end();
  const std::string name = archive.model_named(here ? model : "");
  if (!expected_hash.empty() && hash_text(read_pt2_program_text(archive, name)) != expected_hash) {
    throw Error(ErrorKind::kBadInput, archive.file(), "",
                "holds another model than the graph was imported from (their programs differ): "
                "name the right file with --weights, "
                "or import this one");
  }
  return std::make_unique<Pt2Weights>(std::move(archive), name);
}

}  // namespace placer
