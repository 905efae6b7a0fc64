// GPUs on the command line: where there are none, and where a stand-in plugin says that there are.

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "placer/formats/formats.h"
#include "tests/support/cli_fixture.h"
#include "tests/support/random_graph.h"

namespace placer::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class GpuCli : public CliFixture {
 protected:
  // With a plugin that is not there, whatever this machine has.
  [[nodiscard]] ProcessResult without_gpus(const std::string& arguments) const {
    return run_shell("PLACER_GPU_PLUGIN=/nowhere.so \"$PLACER\" " + arguments, folder_.path());
  }
  [[nodiscard]] ProcessResult with_gpus(int count, const std::string& arguments) const {
    return run_shell("PLACER_FAKE_GPUS=" + std::to_string(count) + " PLACER_GPU_PLUGIN='" +
                         PLACER_TEST_PLUGINS "/fake_plugin.so' \"$PLACER\" " + arguments,
                     folder_.path());
  }

  // With GPUs that run ops (tests/profiler/gpu/stand_in_device.h).
  [[nodiscard]] ProcessResult with_stand_ins(const std::string& arguments) const {
    return run_shell(std::string("PLACER_GPU_PLUGIN='") + PLACER_TEST_PLUGINS +
                         "/stand_in_plugin.so' \"$PLACER\" " + arguments,
                     folder_.path());
  }
  // Eight products of matrices in a row, each of the last one and x.
  void write_products() const {
    const std::string matrix = R"("outputs": [{"dtype": "float32", "shape": [32, 32]}]})";
    std::string nodes = R"({"name": "x", "kind": "state", "role": "buffer", )" + matrix;
    std::string last = "x";
    for (int i = 0; i < 8; ++i) {
      const std::string name = "p" + std::to_string(i);
      nodes += R"(, {"name": ")" + name + R"(", "op": "aten.mm", "inputs": [")" + last +
               R"(", "x"], "args": {"self": {"in": 0}, "mat2": {"in": 1}}, )" + matrix;
      last = name;
    }
    write("graph.json",
          R"({"format": "placer.graph", "version": 1, "name": "products", "nodes": [)" + nodes +
              R"(, {"name": "y", "kind": "output", "inputs": [")" + last + R"("]}]})");
  }

  // A graph with times for a core and a GPU, and a cluster of one each.
  void write_problem() const {
    RandomGraphOptions options;
    options.kinds = {"cpu-core", "cuda:Fake 100"};
    write("graph.json", write_graph(random_workload(1, options)));
    write("cluster.json", R"({"format": "placer.cluster", "version": 1, "devices": [
      {"name": "cpu:0", "kind": "cpu-core", "memory_bytes": 1099511627776, "cores": [0]},
      {"name": "cuda:0", "kind": "cuda:Fake 100", "memory_bytes": 1099511627776, "overhead_us": 4,
       "launch": "asynchronous"}],
      "links": [{"name": "bus", "between": [["cpu:0", "cuda:0"]], "latency_us": 10,
                 "bytes_per_second": 25000000000}]})");
  }
};

TEST_F(GpuCli, DevicesSaysWhyThereAreNoGpus) {
  const ProcessResult text = without_gpus("devices --all-cores -o cluster.json");
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("no GPUs: this placer has no GPU support (/nowhere.so"));
  EXPECT_THAT(read("cluster.json"), Not(HasSubstr("cuda")));
  const auto json = nlohmann::json::parse(without_gpus("--json devices --all-cores").out);
  EXPECT_TRUE(json["gpus"].empty());
  EXPECT_THAT(json["gpu_problem"].get<std::string>(), HasSubstr("no GPU support"));
}

// Whatever this machine has: the plugin that was built, if one was.
TEST_F(GpuCli, DevicesOfThisMachineHaveGpusOrAReason) {
  const auto json = nlohmann::json::parse(ok("--json devices --all-cores"));
  EXPECT_EQ(json["gpus"].empty(), json["gpu_problem"] != "");
}

TEST_F(GpuCli, CpuOnlyLooksForNoGpus) {
  const ProcessResult result = with_gpus(1, "devices --cpu-only --all-cores");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, Not(HasSubstr("GPU")));
  EXPECT_EQ(with_gpus(1, "devices --cpu-only --split cuda:0=2").status, 2);
}

TEST_F(GpuCli, DevicesListsGpusAndLinksThem) {
  const ProcessResult text = with_gpus(2, "devices --all-cores -o cluster.json");
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out,
              AllOf(HasSubstr("cuda:0   Fake 100, 80.0 GiB, 64.0 GiB free, 132 SMs"),
                    HasSubstr("from the host 10.0 us + 50.0 GB/s, pageable 10.0 us + 10.0 GB/s"),
                    HasSubstr("cuda:0 and cuda:1, peers: there 10.0 us + 300.0 GB/s")));
  const Cluster cluster = read_cluster(read("cluster.json"), "cluster.json");
  EXPECT_EQ(cluster.size(), 3);
  EXPECT_TRUE(cluster.find("cuda:1").has_value());
  const auto json = nlohmann::json::parse(with_gpus(2, "--json devices --all-cores").out);
  EXPECT_EQ(json["gpus"][1]["multiprocessors"], 132);
  EXPECT_EQ(json["gpus"][1]["launch_us"], 4);
  EXPECT_EQ(json["gpu_links"][0]["peers"], true);
  EXPECT_EQ(json["gpu_problem"], "");
}

TEST_F(GpuCli, DevicesSplitsAGpu) {
  const ProcessResult result = with_gpus(1, "devices --all-cores --split cuda:0=4 -o cluster.json");
  EXPECT_EQ(result.status, 0) << result.err;
  const Cluster cluster = read_cluster(read("cluster.json"), "cluster.json");
  EXPECT_THAT(cluster.kinds(), ElementsAre("cpu-all", "cuda:Fake 100 (32 of 132 SMs)"));
  EXPECT_EQ(cluster.size(), 5);
  const ProcessResult twice = with_gpus(1, "devices --split cuda:0=4 --split cuda:0=2");
  EXPECT_EQ(twice.status, 2);
  EXPECT_THAT(twice.err, HasSubstr("twice"));
  EXPECT_EQ(with_gpus(1, "devices --split cuda:0=5").status, 2);
}

// A host's thread launches for every GPU, so the cores of CPU devices are that many fewer, but one.
TEST_F(GpuCli, CoresAreLeftForTheThreadsThatLaunch) {
  const auto cores = [&](int gpus) {
    const auto json = nlohmann::json::parse(with_gpus(gpus, "--json devices").out);
    const std::size_t here = json["cores"].size();
    const std::size_t used = json["cluster"]["devices"].size() - static_cast<std::size_t>(gpus);
    return std::make_pair(here, used);
  };
  const auto [here, all] = cores(0);
  EXPECT_EQ(all, std::min<std::size_t>(here, 64));
  EXPECT_EQ(cores(1).second, std::min<std::size_t>(std::max<std::size_t>(here, 2) - 1, 63));
}

TEST_F(GpuCli, AGpuThatIsNotThereIsStatus5AndSaysWhatIsMissing) {
  write_problem();
  for (const std::string command :
       {"profile graph.json -c cluster.json --no-cache",
        "measure graph.json -c cluster.json "
        "--compare-simulator",
        "place graph.json -c cluster.json --budget 5 --signal measured"}) {
    const ProcessResult result = without_gpus(command);
    EXPECT_EQ(result.status, 5) << command;
    EXPECT_THAT(result.err, HasSubstr("cuda:0: this placer has no GPU support")) << command;
  }
  const ProcessResult split = without_gpus("devices --split cuda:0=2");
  EXPECT_EQ(split.status, 5);
  EXPECT_THAT(split.err, HasSubstr("cuda:0 cannot be split: this placer has no GPU support"));
  const ProcessResult fewer = with_gpus(1, "devices --split cuda:1=2");
  EXPECT_EQ(fewer.status, 5);
  EXPECT_THAT(fewer.err, HasSubstr("this machine has 1 GPU"));
}

TEST_F(GpuCli, OpsAreProfiledMeasuredAndPlacedOnGpus) {
  write_products();
  for (const std::string command :
       {"devices --split cuda:0=2 -o cluster.json",
        "profile graph.json -c cluster.json --no-cache --repeats 2",
        "place graph.json -c cluster.json --budget 5 --signal measured -o placement.json",
        "place graph.json -c cluster.json --budget 5 --signal measured --isolate -o placement.json",
        "measure graph.json -c cluster.json placement.json --rounds 2"}) {
    const ProcessResult result = with_stand_ins(command);
    ASSERT_EQ(result.status, 0) << command << "\n" << result.err << result.out;
  }
  const Workload profiled = read_graph(read("graph.json"), "graph.json");
  const KindTimes* whole = profiled.times.find("cuda:Fake 100");
  const KindTimes* half = profiled.times.find("cuda:Fake 100 (64 of 132 SMs)");
  ASSERT_TRUE(whole != nullptr && half != nullptr);
  EXPECT_GT(whole->ops[1].value().time, SimTime{});
  EXPECT_THAT(whole->info.method, HasSubstr("launched ahead"));
}

// All on the GPU; the same but for one op on the core, which no capture spans.
TEST_F(GpuCli, StepsAreOneLaunchWhereTheyCanBe) {
  write_products();
  write("cluster.json", R"({"format": "placer.cluster", "version": 1, "devices": [
      {"name": "cpu:0", "kind": "cpu-core", "memory_bytes": 1099511627776, "cores": [0]},
      {"name": "cuda:0", "kind": "cuda:Fake 100", "memory_bytes": 1099511627776}],
      "links": [{"name": "bus", "between": [["cpu:0", "cuda:0"]], "latency_us": 10,
                 "bytes_per_second": 25000000000}]})");
  ASSERT_EQ(with_stand_ins("profile graph.json -c cluster.json --no-cache --repeats 2").status, 0);
  std::string all_but_one = " --pin p3=cpu:0";
  for (const char* node : {"x", "p0", "p1", "p2", "p4", "p5", "p6", "p7"}) {
    all_but_one += std::string(" --pin ") + node + "=cuda:0";
  }
  for (const std::string& how :
       {std::string("one.json --pin '*=cuda:0'"), "two.json" + all_but_one}) {
    const ProcessResult made = with_stand_ins(
        "place graph.json -c cluster.json --no-measure --algorithm random --budget 1 -o " + how);
    ASSERT_EQ(made.status, 0) << made.err;
  }
  const ProcessResult text = with_stand_ins(
      "measure graph.json -c cluster.json one.json two.json --rounds 2 --cuda-graphs");
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("cuda:0: 1500 MHz, 40 C before; 1500 MHz, 40 C after\n"),
                              HasSubstr("launch ms"), HasSubstr("one.json (one launch) "),
                              HasSubstr("two.json (one launch)        failed: its step cannot be "
                                        "captured: ")));
  const auto json = nlohmann::json::parse(
      with_stand_ins("--json measure graph.json -c cluster.json one.json --rounds 2 --cuda-graphs")
          .out);
  EXPECT_EQ(json["gpus"][0]["name"], "cuda:0");
  EXPECT_EQ(json["gpus"][0]["after"]["celsius"], 40);
  EXPECT_EQ(json["placements"][0]["placement"], "one.json");
  EXPECT_EQ(json["placements"][2]["placement"], "one.json (one launch)");
  EXPECT_GT(json["placements"][0]["launch_us"], 0);
  EXPECT_GT(json["placements"][2]["launch_us"], 0);
  const ProcessResult placed = with_stand_ins(
      "place graph.json -c cluster.json --budget 5 --signal measured --pin '*=cuda:0' "
      "--cuda-graphs");
  EXPECT_EQ(placed.status, 0) << placed.err;
  EXPECT_THAT(placed.err, HasSubstr("the chosen placement's steps are one launch each"));
  EXPECT_EQ(
      with_stand_ins("measure graph.json -c cluster.json --compare-simulator --cuda-graphs").status,
      2);
}

TEST_F(GpuCli, PlacingForGpusThatAreNotHereIsBySimulation) {
  write_problem();
  const ProcessResult result =
      without_gpus("place graph.json -c cluster.json --budget 20 --algorithm heft -o p.json");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("by simulated time alone: cuda:0: this placer has no GPU"));
}

}  // namespace
}  // namespace placer::test
