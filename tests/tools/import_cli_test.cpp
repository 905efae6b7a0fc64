// placer import on public workloads, and what place says to their extreme cases.

#include <gmock/gmock.h>

#include "placer/base/files.h"
#include "tests/support/process.h"

namespace placer::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kWorkloads = std::string(PLACER_SOURCE_ROOT) + "/configs/workloads/";

class ImportCli : public testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(program_path(), Not(IsEmpty())); }
  ProcessResult run(const std::string& arguments) {
    return run_shell("\"$PLACER\" " + arguments, folder_.path());
  }
  // Imports a dnn-partitioning workload and places it by HEFT.
  ProcessResult place(const std::string& machines, const std::string& nodes) {
    write_file(folder_.path() / "workload.json",
               "{" + machines + R"(, "nodes": [)" + nodes + R"(], "edges": []})");
    const ProcessResult imported = run("import workload.json -o graph.json -c cluster.json");
    EXPECT_EQ(imported.status, 0) << imported.err;
    return run("place graph.json -c cluster.json --algorithm heft --budget 5 -o placement.json");
  }

  TemporaryFolder folder_;
};

constexpr const char* kNode =
    R"({"id": 1, "supportedOnFpga": 1, "cpuLatency": 10, "fpgaLatency": 1, "size": 1})";

TEST_F(ImportCli, AWorkloadIsImportedInspectedAndSimulatedByItsExpertSplit) {
  const ProcessResult imported =
      run("import --from dnn-partitioning '" + kWorkloads +
          "dnn-partitioning/throughput/layer_bert24_inference.json' -o graph.json.zst -c "
          "cluster.json");
  EXPECT_EQ(imported.status, 0) << imported.err;
  EXPECT_THAT(imported.out, AllOf(HasSubstr("nodes        32"), HasSubstr("edges        55"),
                                  HasSubstr("6 acc (16.0 GiB each), 1 cpu")));
  EXPECT_EQ(run("inspect graph.json.zst").status, 0);
  EXPECT_EQ(run("inspect cluster.json").status, 0);
  const ProcessResult simulated = run("simulate graph.json.zst -c cluster.json '" + kWorkloads +
                                      "dnn-partitioning/experts/bert24_inference_expert.json'");
  EXPECT_EQ(simulated.status, 0) << simulated.err;
}

TEST_F(ImportCli, OptionsOfAnotherSourceAreRefused) {
  const std::string profile = "import '" + kWorkloads + "pipedream/vgg16.graph.txt' -o g.json ";
  EXPECT_EQ(run(profile + "-c c.json --devices 2 --bandwidth 1e9 --memory 16GiB").status, 0);
  for (const auto& [flags, text] : std::vector<std::pair<std::string, std::string>>{
           {"-c c.json --lr 0.1", "--lr is for --from pt2"},
           {"", "--cluster is missing"},
           {"-c g.json", "expected a file of its own"},
           {"-c c.json --memory much", "--memory much: expected a size"},
           {"-c c.json --from onnx", "expected one of pt2, dnn-partitioning"}}) {
    const ProcessResult result = run(profile + flags);
    EXPECT_EQ(result.status, 2) << flags;
    EXPECT_THAT(result.err, HasSubstr(text));
  }
}

TEST_F(ImportCli, OneNodeOnOneDeviceIsPlaced) {
  EXPECT_EQ(place(R"("maxFPGAs": 1, "maxCPUs": 0, "maxSizePerFPGA": 1)", kNode).status, 0);
}

TEST_F(ImportCli, DevicesOfZeroMemoryAreAvoidedOrReported) {
  EXPECT_EQ(place(R"("maxFPGAs": 2, "maxCPUs": 1, "maxSizePerFPGA": 0)", kNode).status, 0);
  EXPECT_THAT(read_file(folder_.path() / "placement.json"), HasSubstr(R"("1": "cpu:0")"));
  const ProcessResult none = place(R"("maxFPGAs": 2, "maxCPUs": 0, "maxSizePerFPGA": 0)", kNode);
  EXPECT_EQ(none.status, 4);
  EXPECT_THAT(none.err, AllOf(HasSubstr("acc:0"), HasSubstr("1 B short")));
}

TEST_F(ImportCli, ANodeThatNothingSupportsIsNamed) {
  const ProcessResult result =
      place(R"("maxFPGAs": 1, "maxCPUs": 0, "maxSizePerFPGA": 9)",
            R"({"id": 7, "supportedOnFpga": false, "cpuLatency": 1, "size": 1})");
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("\"7\" has no device left"));
}

}  // namespace
}  // namespace placer::test
