// The JSON Schemas and the pages under docs/formats/ say the same as the readers.

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "placer/formats/import_task_graph.h"
#include "placer/formats/training_format.h"
#include "tests/support/random_graph.h"

namespace placer {
namespace {

using Json = nlohmann::json;

const std::string kPages = std::string(PLACER_SOURCE_ROOT) + "/docs/formats/";
const std::vector<std::string> kFormats{"graph",  "cluster",    "placement",
                                        "config", "task-graph", "training"};

class Validation {
 public:
  explicit Validation(const std::string& format)
      : text_(Json::parse(read_file(kPages + format + ".schema.json"))) {
    valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(text_),
                                            schema_);
  }

  // The first fault, or empty.
  std::string fault(const Json& document) {
    valijson::ValidationResults results;
    valijson::Validator validator;
    if (validator.validate(schema_, valijson::adapters::NlohmannJsonAdapter(document), &results)) {
      return {};
    }
    std::string text;
    valijson::ValidationResults::Error error;
    while (results.popError(error)) {
      for (const std::string& step : error.context) {
        text += step;
      }
      text += ": " + error.description + "\n";
    }
    return text;
  }

 private:
  Json text_;
  valijson::Schema schema_;
};

// Reads and writes it again.
std::string rewritten(const std::string& format, const std::string& text) {
  if (format == "graph") {
    return write_graph(read_graph(text, format));
  }
  if (format == "cluster") {
    return write_cluster(read_cluster(text, format));
  }
  if (format == "placement") {
    return write_placement(read_placement(text, format));
  }
  if (format == "task-graph") {
    // There is no writer: what was read shows in the graph.
    (void)import_task_graph(text, format);
    return text;
  }
  if (format == "training") {
    (void)read_training(text, format);
    return text;
  }
  return write_config(read_config(text, format));
}

// The first ```json block of a page.
std::string example_of(const std::string& format) {
  const std::string page = read_file(kPages + format + ".md");
  const std::size_t start = page.find("```json\n") + 8;
  return page.substr(start, page.find("\n```", start) - start);
}

TEST(Schema, ExamplesOfThePagesAreValidAndRead) {
  for (const std::string& format : kFormats) {
    SCOPED_TRACE(format);
    Validation validation(format);
    const std::string text = example_of(format);
    EXPECT_EQ(validation.fault(Json::parse(text)), "");
    const std::string again = rewritten(format, text);
    EXPECT_EQ(validation.fault(Json::parse(again)), "");
    EXPECT_EQ(rewritten(format, again), again);
  }
}

TEST(Schema, WhatIsWrittenIsValid) {
  Validation graphs("graph");
  Validation clusters("cluster");
  Validation placements("placement");
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Workload workload =
        test::random_workload(seed, {.nodes = 25, .unsupported = 0.2, .rich = seed % 3 != 0});
    const Cluster cluster = test::random_cluster(seed, {.devices = 1 + seed % 4});
    EXPECT_EQ(graphs.fault(Json::parse(write_graph(workload))), "");
    EXPECT_EQ(clusters.fault(Json::parse(write_cluster(cluster))), "");
    const PlacementFile file =
        to_file(workload.graph, cluster,
                test::random_placement(seed, workload, cluster, seed % 2 == 0), {});
    EXPECT_EQ(placements.fault(Json::parse(write_placement(file))), "");
  }
  EXPECT_EQ(Validation("config").fault(Json::parse(write_config({}))), "");
}

TEST(Schema, RefusesWhatTheReadersRefuse) {
  // Changes of the pages' examples: a JSON pointer and a value (null: the key goes).
  const std::map<std::string, std::vector<std::pair<std::string, Json>>> changes{
      {"graph",
       {{"/format", "placer.cluster"},
        {"/version", 2},
        {"/nodes", nullptr},
        {"/unknown", 1},
        {"/nodes/0/outputs/0/shape/0", -1},
        {"/nodes/0/kind", "tensor"},
        {"/nodes/2/inputs/0", 0},
        {"/nodes/2/op", nullptr},
        {"/nodes/2/args/self", Json{{"input", 0}}},
        {"/nodes/2/time_us/0", -1}}},
      {"cluster",
       {{"/devices", Json::array()},
        {"/devices/0/memory_bytes", -1},
        {"/devices/0/name", "a,b"},
        {"/links/0/between", nullptr},
        {"/links/1/bytes_per_second", 0}}},
      {"placement",
       {{"/assignment", nullptr},
        {"/assignment/x", 1},
        {"/measured/samples", nullptr},
        {"/provenance/seed", -1}}},
      {"config",
       {{"/signal", "real"}, {"/max_groups", -1}, {"/sed", 1}, {"/constraints/pin/0", "layer1.*"}}},
      {"training",
       {{"/version", 2},
        {"/sed", 1},
        {"/workers", 0},
        {"/teacher", 1},
        {"/teacher", Json::array()},
        {"/teacher_rollouts", 0},
        {"/parameters/hidden", Json::array()},
        {"/training/families/0", "tree"},
        {"/training/families", Json::array()},
        {"/training/nodes/0", 1},
        {"/training/unequal", 1.5},
        {"/held_back/device", 2}}},
      {"task-graph",
       {{"/version", 2},
        {"/unit", "min"},
        {"/machines", Json::array()},
        {"/machines/0", "cpu:0"},
        {"/bytes_per_second", 0},
        {"/tasks/0/time", -1},
        {"/tasks/0/cost", 1},
        {"/tasks/0/name", "a#1"},
        {"/edges/0/cost", -1},
        {"/edges/0/to", nullptr}}}};
  for (const auto& [format, list] : changes) {
    Validation validation(format);
    for (const auto& [pointer, value] : list) {
      SCOPED_TRACE(format + pointer);
      const Json original = Json::parse(example_of(format));
      const Json::json_pointer place(pointer);
      const std::string operation = value.is_null()            ? "remove"
                                    : original.contains(place) ? "replace"
                                                               : "add";
      Json change{{"op", operation}, {"path", pointer}};
      if (!value.is_null()) {
        change["value"] = value;
      }
      const Json document = original.patch(Json::array({change}));
      EXPECT_NE(validation.fault(document), "");
      EXPECT_THROW((void)rewritten(format, document.dump()), Error);
    }
  }
}

}  // namespace
}  // namespace placer
