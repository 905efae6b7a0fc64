// An archive made by tests/golden/pt2/make.py, damaged in every way that a reader must notice, and
// files that are something else.

#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <zip.h>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/base/random.h"
#include "tests/placer/formats/pt2_graph.h"

namespace placer {
namespace {

using nlohmann::json;
using test::graph_of;
using test::kStep;
using ::testing::HasSubstr;

using Members = std::map<std::string, std::string>;

Members members_of(const std::string& path) {
  int code = 0;
  const std::unique_ptr<zip_t, decltype(&zip_discard)> archive(
      zip_open(path.c_str(), ZIP_RDONLY, &code), &zip_discard);
  Members members;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive.get(), 0); ++i) {
    zip_stat_t stat;
    zip_stat_index(archive.get(), static_cast<zip_uint64_t>(i), 0, &stat);
    std::string content(stat.size, '\0');
    zip_file_t* file = zip_fopen_index(archive.get(), static_cast<zip_uint64_t>(i), 0);
    zip_fread(file, content.data(), content.size());
    zip_fclose(file);
    members.emplace(stat.name, std::move(content));
  }
  return members;
}

class DamagedPt2 : public ::testing::Test {
 protected:
  DamagedPt2() : members_(members_of(kStep)), model_(json::parse(members_.at(kModel))) {}

  // Writes the members, stored, under a name of this test's own.
  [[nodiscard]] std::string write() {
    if (members_.contains(kModel) && !model_.is_null()) {
      members_[kModel] = model_.dump();
    }
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string path = ::testing::TempDir() + "/" + test->name() + ".pt2";
    int code = 0;
    zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
    for (const auto& [name, content] : members_) {
      zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
      const zip_int64_t i = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
      zip_set_file_compression(archive, static_cast<zip_uint64_t>(i), ZIP_CM_STORE, 0);
    }
    EXPECT_EQ(zip_close(archive), 0);
    return path;
  }

  static std::string error_of(const std::string& path, Optimizer optimizer = Optimizer::kNone) {
    try {
      (void)graph_of(path, optimizer);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
      return error.what();
    }
    return "no error";
  }
  std::string error() { return error_of(write()); }

  json& graph() { return model_["graph_module"]["graph"]; }
  json& signature() { return model_["graph_module"]["signature"]; }
  json& argument(std::size_t node, std::size_t i) {
    return graph()["nodes"][node]["inputs"][i]["arg"];
  }

  static constexpr const char* kModel = "step/models/model.json";
  Members members_;
  json model_;
};

TEST_F(DamagedPt2, UntouchedItIsStillTheSameGraph) {
  EXPECT_EQ(graph_of(write()).hash(), graph_of(kStep).hash());
}

TEST_F(DamagedPt2, AnUnknownMajorVersionIsRefused) {
  model_["schema_version"]["major"] = 9;
  EXPECT_THAT(error(),
              HasSubstr("models/model.json:schema_version.major: the program has schema 9."));
}

TEST_F(DamagedPt2, ANewerMinorVersionIsNoted) {
  model_["schema_version"]["minor"] = 99;
  const ImportReport report = import_pt2(write(), {});
  EXPECT_THAT(report.notes, ::testing::Contains(HasSubstr("8.99")));
}

TEST_F(DamagedPt2, AnotherArchiveVersionIsRefused) {
  members_["step/archive_version"] = "1";
  EXPECT_THAT(error(), HasSubstr("archive_version: is \"1\", this placer reads version \"0\""));
}

TEST_F(DamagedPt2, AMissingProgramIsRefused) {
  members_.erase(kModel);
  EXPECT_THAT(error(), HasSubstr("there is no exported program"));
}

TEST_F(DamagedPt2, AMissingRecordIsRefusedWhenItIsNeeded) {
  const auto config = json::parse(members_.at("step/data/constants/model_constants_config.json"));
  const std::string record = config["config"]["position"]["path_name"];
  members_.erase("step/data/constants/" + record);
  EXPECT_THAT(error(), HasSubstr("data/constants/" + record + ": is missing from the archive"));
}

TEST_F(DamagedPt2, ARecordTooSmallForItsShapeIsRefused) {
  const auto config = json::parse(members_.at("step/data/constants/model_constants_config.json"));
  const std::string record = config["config"]["position"]["path_name"];
  members_["step/data/constants/" + record].resize(8);
  EXPECT_THAT(error(), HasSubstr("too few for its shape"));
}

TEST_F(DamagedPt2, ATruncatedArchiveIsRefused) {
  const std::string path = write();
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_THAT(error_of(path), HasSubstr("cannot be opened as a .pt2 archive"));
}

TEST_F(DamagedPt2, AFlippedBitIsNoticed) {
  const std::string path = write();
  std::string bytes = read_file(path);
  bytes[bytes.find("\"graph_module\"") + 3] ^= 1;
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_THAT(error_of(path), HasSubstr("models/model.json: is damaged"));
}

TEST_F(DamagedPt2, TextThatIsNotJsonIsRefused) {
  members_[kModel] = "{\"graph_module\": [1, 2";
  model_ = nullptr;
  EXPECT_THAT(error(), HasSubstr("models/model.json:"));
}

TEST_F(DamagedPt2, ADanglingTensorIsRefused) {
  argument(0, 0)["as_tensor"]["name"] = "nobody";
  EXPECT_THAT(error(), HasSubstr("graph_module.graph.nodes[0].inputs[0].arg.as_tensor.name: there "
                                 "is no tensor \"nobody\""));
}

TEST_F(DamagedPt2, ATensorReadBeforeItIsMadeIsRefused) {
  std::swap(graph()["nodes"][0], graph()["nodes"][3]);
  EXPECT_THAT(error(), HasSubstr("at this point of the program"));
}

TEST_F(DamagedPt2, ATensorMadeTwiceIsRefused) {
  graph()["nodes"][1]["outputs"] = graph()["nodes"][0]["outputs"];
  EXPECT_THAT(error(), HasSubstr("is made twice"));
}

TEST_F(DamagedPt2, ATensorWithoutDescriptionIsRefused) {
  graph()["tensor_values"].erase("convolution");
  EXPECT_THAT(error(), HasSubstr("has no description in tensor_values"));
}

TEST_F(DamagedPt2, AnUnknownKindOfArgumentIsRefused) {
  argument(0, 0) = {{"as_quantum", 1}};
  EXPECT_THAT(error(), HasSubstr("nodes[0].inputs[0].arg.as_quantum: unknown kind of argument"));
}

TEST_F(DamagedPt2, AnUnknownKindOfOutputIsRefused) {
  signature()["output_specs"].push_back({{"prophecy", {{"arg", {{"name", "add"}}}}}});
  EXPECT_THAT(error(), HasSubstr("unknown kind of output \"prophecy\""));
}

TEST_F(DamagedPt2, ControlFlowIsRefused) {
  graph()["nodes"][0]["target"] = "torch.ops.higher_order.cond";
  EXPECT_THAT(error(), HasSubstr("control flow"));
}

TEST_F(DamagedPt2, NegativeAndOverflowingSizesAreRefused) {
  json& sizes = graph()["tensor_values"]["image"]["sizes"];
  sizes[0]["as_int"] = -2;
  EXPECT_THAT(error(), HasSubstr("tensor_values.image.sizes[0]: is negative"));
  sizes[0]["as_int"] = std::int64_t{1} << 61;
  EXPECT_THAT(error(), HasSubstr("overflows"));
}

TEST_F(DamagedPt2, ASizeThatDependsOnDataIsRefused) {
  graph()["tensor_values"]["image"]["sizes"][0] = {
      {"as_expr", {{"expr_str", "u0"}, {"hint", nullptr}}}};
  EXPECT_THAT(error(), HasSubstr("depends on the data"));
}

TEST_F(DamagedPt2, AnUnknownElementTypeIsRefused) {
  graph()["tensor_values"]["image"]["dtype"] = 29;
  EXPECT_THAT(error(), HasSubstr("element type 29 is not supported"));
}

TEST_F(DamagedPt2, AGradientOfNoParameterIsRefused) {
  for (json& spec : signature()["output_specs"]) {
    if (spec.contains("gradient_to_parameter")) {
      spec["gradient_to_parameter"]["parameter_name"] = "ghost";
    }
  }
  EXPECT_THAT(error(), HasSubstr("there is no parameter or buffer \"ghost\""));
}

// One value of the program at a time is replaced or removed: the reader takes it or refuses it.
TEST_F(DamagedPt2, AnyChangeOfTheProgramIsReadOrRefused) {
  const json whole = model_;
  const json flat = whole.flatten();
  std::vector<std::string> places;
  for (const auto& [place, value] : flat.items()) {
    places.push_back(place);
  }
  const std::vector<json> values{nullptr,
                                 -1,
                                 0,
                                 7,
                                 std::int64_t{1} << 62,
                                 1e300,
                                 true,
                                 "add",
                                 "x#y/z",
                                 "",
                                 json::array(),
                                 json::object(),
                                 "NaN",
                                 2.5,
                                 32,
                                 "conv.weight"};
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    Rng rng(seed);
    SCOPED_TRACE("seed " + std::to_string(seed));
    json::json_pointer place(places[rng.below(places.size())]);
    for (std::uint64_t up = rng.below(4); up > 0 && !place.parent_pointer().empty(); --up) {
      place = place.parent_pointer();
    }
    model_ = whole;
    model_[place] = values[rng.below(values.size())];
    const Optimizer optimizer = rng.below(2) == 0 ? Optimizer::kNone : Optimizer::kAdam;
    refused += error_of(write(), optimizer) == "no error" ? 0 : 1;
  }
  EXPECT_GT(refused, 100U);
}

// --- files of another kind ---

std::string refusal_of(const std::string& name, const std::string& content) {
  const std::string path = ::testing::TempDir() + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  try {
    (void)graph_of(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    return error.what();
  }
  return "no error";
}

TEST(NearRelatives, AreNamedWithWhatToDo) {
  using namespace std::string_literals;
  EXPECT_THAT(refusal_of("a.pth", "\x80\x02}q"), HasSubstr("pickle"));
  EXPECT_THAT(refusal_of("a.safetensors", "\x20\0\0\0\0\0\0\0{\"w\": 1}"s),
              HasSubstr("safetensors"));
  EXPECT_THAT(refusal_of("a.onnx", "\x08\x07\x12\x07pytorch"s), HasSubstr("ONNX"));
  EXPECT_THAT(refusal_of("a.pte", "\x1c\0\0\0ET12"s), HasSubstr("ExecuTorch"));
  EXPECT_THAT(refusal_of("a.json", "{\"format\": \"placer.graph\"}"), HasSubstr("placer inspect"));
  EXPECT_THAT(refusal_of("empty.pt2", ""), HasSubstr("the file is empty"));
  EXPECT_THAT(refusal_of("a.txt", "hello, world"), HasSubstr("cannot be opened as a .pt2 archive"));
}

TEST(NearRelatives, AMissingFileSaysSo) {
  try {
    (void)graph_of("no/such/file.pt2");
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("there is no such file"));
  }
}

class OtherZip : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(OtherZip, IsNamed) {
  const std::string path = ::testing::TempDir() + "/other.zip";
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  zip_source_t* source = zip_source_buffer(archive, "x", 1, 0);
  zip_file_add(archive, GetParam().first, source, 0);
  ASSERT_EQ(zip_close(archive), 0);
  try {
    (void)graph_of(path);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.what(), HasSubstr(GetParam().second));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, OtherZip,
    ::testing::Values(std::pair("serialized_exported_program.json", "torch before 2.8"),
                      std::pair("model/constants.pkl", "TorchScript"),
                      std::pair("model/data.pkl", "checkpoint"), std::pair("a/b.npy", "NumPy"),
                      std::pair("readme.txt", "has no member archive_format")));

}  // namespace
}  // namespace placer
