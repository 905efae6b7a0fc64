// Public workloads: what their importers make of them agrees with the files and with published
// figures.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/cost/cost_model.h"
#include "placer/formats/formats.h"
#include "placer/formats/import_dnn_partitioning.h"
#include "placer/formats/import_pipedream.h"
#include "placer/formats/import_source.h"
#include "placer/formats/import_task_graph.h"

namespace placer {
namespace {

using Json = nlohmann::json;

const std::string kWorkloads = std::string(PLACER_SOURCE_ROOT) + "/configs/workloads/";
const std::string kPartitioning = kWorkloads + "dnn-partitioning/";

ImportedWorkload partitioning(const std::string& path) {
  return import_dnn_partitioning(read_file(kPartitioning + path), path);
}
ImportedWorkload profile(const std::string& model) {
  const std::string path = kWorkloads + "pipedream/" + model + ".graph.txt";
  return import_pipedream(read_file(path), path, {});
}
ImportedWorkload task_graph(const std::string& name) {
  const std::string path = kWorkloads + "task-graph/" + name + ".json";
  return import_task_graph(read_file(path), path);
}

std::size_t edges_of(const Graph& graph) {
  std::size_t edges = 0;
  for (const Node& node : graph.nodes()) {
    edges += node.inputs.size();
  }
  return edges;
}

std::size_t devices_of(const Cluster& cluster, const std::string& kind) {
  return static_cast<std::size_t>(std::ranges::count_if(
      cluster.devices(), [&](const Device& device) { return device.kind == kind; }));
}

const std::vector<std::string> kPartitioningFiles{
    "throughput/layer_bert24_inference.json",   "throughput/layer_bert24_training.json",
    "throughput/layer_resnet50_inference.json", "throughput/layer_resnet50_training.json",
    "throughput/op_bert_l-3_inference.json",    "throughput/op_resnet50_inference.json",
    "latency/layer_bert24_inference.json",      "latency/op_bert_l-3_inference.json"};

// The largest load of a device, in milliseconds: accelerators pay for tensors that leave (once) and
// that enter (once a tensor).
double max_load(const CostModel& costs, const Placement& placement) {
  const Graph& graph = costs.graph();
  std::vector<double> load(costs.cluster().size());
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const NodeId id = id_at<NodeId>(i);
    const std::size_t own = index(placement.device[i]);
    load[own] += costs.op_microseconds(id, placement.device[i]);
    std::set<std::size_t> others;
    for (const Use& use : graph.uses(id)) {
      others.insert(index(placement.device[index(use.consumer)]));
    }
    others.erase(own);
    if (others.empty()) {
      continue;
    }
    others.insert(own);
    for (const std::size_t device : others) {
      if (!is_host(costs.cluster().devices()[device])) {
        load[device] += *graph.node(id).outputs[0].transfer_us;
      }
    }
  }
  return *std::ranges::max_element(load) / 1000;
}

TEST(ImportDnnPartitioning, BundledFilesHaveThePublishedCounts) {
  struct Counts {
    std::size_t nodes, edges, units, accelerators, hosts;
    std::int64_t memory;
  };
  constexpr std::int64_t kThroughput = 17'185'374'208;
  constexpr std::int64_t kLatency = 629'145'600;
  const std::vector<Counts> expected{
      {32, 55, 32, 6, 1, kThroughput},    {64, 110, 32, 6, 1, kThroughput},
      {177, 193, 177, 6, 1, kThroughput}, {354, 386, 177, 6, 1, kThroughput},
      {235, 250, 128, 3, 1, kThroughput}, {604, 619, 176, 6, 1, kThroughput},
      {32, 55, 32, 5, 8, kLatency},       {235, 250, 128, 4, 8, kLatency}};
  for (std::size_t i = 0; i < kPartitioningFiles.size(); ++i) {
    SCOPED_TRACE(kPartitioningFiles[i]);
    const auto [workload, cluster] = partitioning(kPartitioningFiles[i]);
    EXPECT_EQ(workload.graph.size(), expected[i].nodes);
    EXPECT_EQ(edges_of(workload.graph), expected[i].edges);
    EXPECT_EQ(workload.graph.num_colocation_classes(), expected[i].units);
    EXPECT_EQ(devices_of(cluster, "acc"), expected[i].accelerators);
    EXPECT_EQ(devices_of(cluster, "cpu"), expected[i].hosts);
    EXPECT_EQ(cluster.devices()[0].memory.count, expected[i].memory);
    EXPECT_EQ(workload.graph.info().name,
              std::filesystem::path(kPartitioningFiles[i]).stem().string());
  }
}

// Every number of the file comes back from the graph, exactly, also through a graph file.
TEST(ImportDnnPartitioning, TimesCostsAndSizesAreTheFilesOwn) {
  for (const std::string& path : kPartitioningFiles) {
    SCOPED_TRACE(path);
    const auto [imported, cluster] = partitioning(path);
    const std::string text = write_graph(imported);
    const Workload workload = read_graph(text, "graph.json");
    EXPECT_EQ(write_graph(workload), text);
    EXPECT_EQ(write_cluster(read_cluster(write_cluster(cluster), "cluster.json")),
              write_cluster(cluster));
    const CostModel costs(workload, cluster);
    const CostModel direct(imported, cluster);
    const DeviceId host = id_at<DeviceId>(cluster.size() - 1);
    const Json file = Json::parse(read_file(kPartitioning + path));
    for (const Json& json : file["nodes"]) {
      const auto id = workload.graph.find(std::to_string(json["id"].get<int>()));
      ASSERT_TRUE(id);
      const Node& node = workload.graph.node(*id);
      EXPECT_EQ(costs.op_microseconds(*id, DeviceId{0}), 1000 * json["fpgaLatency"].get<double>());
      EXPECT_EQ(costs.op_microseconds(*id, host), 1000 * json["cpuLatency"].get<double>());
      EXPECT_EQ(costs.op_time(*id, host), direct.op_time(*id, host));
      EXPECT_EQ(node.resident.count, std::llround(json["size"].get<double>()));
      EXPECT_EQ(node.pass == Pass::kBackward,
                json["isBackwardNode"] == true || json["isBackwardNode"] == 1);
      EXPECT_LE(node.outputs.size(), 1U);
    }
    for (const Json& json : file["edges"]) {
      const auto from = workload.graph.find(std::to_string(json["sourceId"].get<int>()));
      EXPECT_EQ(*workload.graph.node(*from).outputs[0].transfer_us,
                1000 * json["cost"].get<double>());
      EXPECT_EQ(workload.graph.node(*from).outputs[0].bytes.count, 0);
    }
  }
}

TEST(ImportDnnPartitioning, ExpertSplitsHaveTheirPublishedLoads) {
  const std::vector<std::tuple<std::string, std::string, double>> experts{
      {"layer_bert24_inference", "bert24_inference_expert", 20.084},
      {"layer_bert24_training", "bert24_training_expert", 49.405},
      {"layer_resnet50_inference", "resnet50_inference_expert", 43.918}};
  for (const auto& [name, expert, value] : experts) {
    SCOPED_TRACE(name);
    const auto [workload, cluster] = partitioning("throughput/" + name + ".json");
    const std::string path = kPartitioning + "experts/" + expert + ".json";
    const Placement placement =
        bind_placement(read_placement(read_file(path), path), workload.graph, cluster, path);
    EXPECT_NEAR(max_load(CostModel(workload, cluster), placement), value, 5e-4);
  }
}

// Ids with gaps and out of order, numbers and flags in every spelling, no colour, no accelerator
// time where there is no support.
constexpr const char* kTraps = R"({
  "maxFPGAs": 2.0, "maxCPUs": 2, "maxSizePerFPGA": 10.75,
  "nodes": [
    {"id": 70, "supportedOnFpga": 1.0, "cpuLatency": 30, "fpgaLatency": 0.3, "isBackwardNode": 0, "colorClass": 4, "size": 2.25},
    {"id": -5.0, "supportedOnFpga": true, "cpuLatency": 20, "fpgaLatency": 0, "isBackwardNode": true, "size": 0},
    {"id": 8, "supportedOnFpga": 0, "cpuLatency": 10.0, "colorClass": 4, "size": 1, "layerId": "x"}],
  "edges": [{"sourceId": -5, "destId": 70, "cost": 0.1, "size": 1e9},
            {"sourceId": 8.0, "destId": -5, "cost": 2}]})";

TEST(ImportDnnPartitioning, ReadsEverySpelling) {
  const auto [workload, cluster] = import_dnn_partitioning(kTraps, "dir/traps.json.zst");
  const Graph& graph = workload.graph;
  ASSERT_EQ(graph.size(), 3U);
  EXPECT_EQ(graph.info().name, "traps");
  EXPECT_EQ(graph.node(NodeId{0}).name, "8");
  EXPECT_EQ(graph.node(NodeId{1}).name, "-5");
  EXPECT_EQ(graph.node(NodeId{2}).name, "70");
  EXPECT_EQ(graph.node(NodeId{2}).resident.count, 3);  // 2.25, rounded up
  EXPECT_EQ(cluster.devices()[0].memory.count, 10);    // 10.75, rounded down
  EXPECT_EQ(graph.colocation_class(NodeId{0}), graph.colocation_class(NodeId{2}));
  EXPECT_NE(graph.colocation_class(NodeId{0}), graph.colocation_class(NodeId{1}));
  EXPECT_EQ(graph.node(NodeId{1}).pass, Pass::kBackward);
  EXPECT_TRUE(graph.node(NodeId{2}).outputs.empty());
  const CostModel costs(workload, cluster);
  EXPECT_EQ(costs.supported(NodeId{0}), 0b1100U);
  EXPECT_EQ(costs.supported(NodeId{1}), 0b1111U);
  EXPECT_EQ(costs.op_microseconds(NodeId{2}, DeviceId{0}), 300);
}

TEST(ImportDnnPartitioning, TransfersPassTheHost) {
  const auto [workload, cluster] = import_dnn_partitioning(kTraps, "traps.json");
  const CostModel costs(workload, cluster);
  const TensorSpec& tensor = workload.graph.node(NodeId{0}).outputs[0];  // 2 ms
  const DeviceId acc0{0};
  const DeviceId acc1{1};
  const DeviceId cpu0{2};
  const DeviceId cpu1{3};
  EXPECT_EQ(costs.transfer_time(tensor, acc0, cpu0), from_microseconds(2000));
  EXPECT_EQ(costs.transfer_time(tensor, cpu1, acc1), from_microseconds(2000));
  EXPECT_EQ(costs.transfer_time(tensor, acc0, acc1), from_microseconds(4000));
  EXPECT_EQ(costs.transfer_time(tensor, cpu0, cpu1), SimTime{});
}

TEST(ImportDnnPartitioning, OneNodeAndOneDeviceOfNoMemoryAreEnough) {
  const auto [workload, cluster] = import_dnn_partitioning(
      R"({"maxFPGAs": 1, "maxCPUs": 0, "maxSizePerFPGA": 0, "nodes": [{"id": 1,
          "supportedOnFpga": false, "cpuLatency": 1, "size": 0}], "edges": []})",
      "one.json");
  EXPECT_EQ(workload.graph.size(), 1U);
  EXPECT_EQ(cluster.size(), 1U);
  EXPECT_EQ(cluster.devices()[0].memory.count, 0);
  EXPECT_TRUE(cluster.links().empty());
  EXPECT_EQ(CostModel(workload, cluster).supported(NodeId{0}), 0U);
  EXPECT_EQ(read_cluster(write_cluster(cluster), "c").hash(), cluster.hash());
}

TEST(ImportPipedream, OneDeviceTakesThePublishedTimes) {
  const std::vector<std::tuple<std::string, std::size_t, double>> models{
      {"vgg16", 41, 672.535}, {"alexnet", 23, 85.321}, {"resnet18", 71, 259.742}};
  for (const auto& [model, layers, milliseconds] : models) {
    SCOPED_TRACE(model);
    const auto [workload, cluster] = profile(model);
    EXPECT_EQ(workload.graph.info().name, model);
    EXPECT_EQ(workload.graph.size(), 2 * layers - 1);  // the input has no backward op
    EXPECT_EQ(workload.graph.num_colocation_classes(), layers);
    EXPECT_EQ(cluster.size(), 4U);
    const CostModel costs(workload, cluster);
    double total = 0;
    for (std::size_t i = 0; i < workload.graph.size(); ++i) {
      const NodeId id = id_at<NodeId>(i);
      if (workload.graph.node(id).kind == NodeKind::kOp) {
        total += costs.op_microseconds(id, DeviceId{0});
      }
    }
    EXPECT_NEAR(total / 1000, milliseconds, 1e-9);
    const std::string text = write_graph(workload);
    EXPECT_EQ(write_graph(read_graph(text, "graph.json")), text);
  }
}

constexpr const char* kProfile =
    "a -- Input -- forward_compute_time=900.000, backward_compute_time=0.000, "
    "activation_size=8.000, parameter_size=0.000\r\n"
    "b -- Conv2d(3, 4, kernel_size=(3, 3)) -- forward_compute_time=1.500, "
    "backward_compute_time=2.500, activation_size=[10.000; 6.500], parameter_size=32.000\n"
    "c -- LSTM(4, 2) -- forward_compute_time=0.5, backward_compute_time=1, activation_size=4, "
    "parameter_size=8 -- stage_id=1\n"
    "d -- Add(inplace) -- forward_compute_time=0.25, backward_compute_time=0, activation_size=12, "
    "parameter_size=0\n"
    "\ta -- b\n\tb -- c\n\tb -- d\n\tc -- d";

TEST(ImportPipedream, ALayerIsAForwardAndABackwardOp) {
  const auto [workload, cluster] = import_pipedream(
      kProfile, "p.graph.txt", {.devices = 3, .bytes_per_second = 5e8, .memory = Bytes{100}});
  const Graph& graph = workload.graph;
  const auto named = [&](const char* name) -> const Node& { return graph.node(*graph.find(name)); };
  ASSERT_EQ(graph.size(), 7U);
  EXPECT_EQ(named("a").kind, NodeKind::kInput);
  EXPECT_EQ(named("b").op, "Conv2d");
  EXPECT_EQ(named("b").resident.count, 32);
  EXPECT_EQ(named("b").outputs[0].bytes.count, 17);
  EXPECT_EQ(named("b.backward").pass, Pass::kBackward);
  EXPECT_EQ(graph.colocation_class(*graph.find("b")),
            graph.colocation_class(*graph.find("b.backward")));
  // Gradients go from the consumers' backward ops to the producer's, as large as its activations.
  const TensorRef own{*graph.find("b"), 0};
  const TensorRef of_c{*graph.find("c.backward"), 0};
  const TensorRef of_d{*graph.find("d.backward"), 0};
  EXPECT_EQ(named("b.backward").inputs, (std::vector<TensorRef>{own, of_c, of_d}));
  EXPECT_EQ(graph.tensor(of_c).bytes.count, 17);
  EXPECT_EQ(graph.tensor(of_d).bytes.count, 17);
  EXPECT_EQ(graph.tensor({*graph.find("d.backward"), 1}).bytes.count, 4);
  EXPECT_TRUE(named("b.backward").outputs.empty());  // nothing for the input
  const CostModel costs(workload, cluster);
  EXPECT_EQ(costs.op_microseconds(*graph.find("a"), DeviceId{0}), 0);
  EXPECT_EQ(costs.op_microseconds(*graph.find("b.backward"), DeviceId{2}), 2500);
  EXPECT_EQ(costs.transfer_time(graph.tensor(own), DeviceId{0}, DeviceId{1}), SimTime{34'000});
  EXPECT_EQ(cluster.devices()[2].memory.count, 100);
}

TEST(ImportTaskGraph, TopcuogluHasThePublishedUpwardRanks) {
  const auto [workload, cluster] = task_graph("topcuoglu");
  EXPECT_EQ(workload.graph.size(), 10U);
  EXPECT_EQ(edges_of(workload.graph), 15U);
  const std::vector<std::int64_t> ranks = default_priority(CostModel(workload, cluster));
  const std::vector<double> published{108, 77, 80, 80, 69, 63.333, 42.667, 35.667, 44.333, 14.667};
  for (std::size_t task = 0; task < published.size(); ++task) {
    const auto id = workload.graph.find("T" + std::to_string(task + 1));
    EXPECT_NEAR(static_cast<double>(ranks[index(*id)]) * 1e-6, published[task], 1e-3) << task;
  }
  const std::vector<double> single{127, 130, 143};
  for (std::size_t machine = 0; machine < single.size(); ++machine) {
    double total = 0;
    for (std::size_t i = 0; i < workload.graph.size(); ++i) {
      total +=
          CostModel(workload, cluster).op_microseconds(id_at<NodeId>(i), id_at<DeviceId>(machine));
    }
    EXPECT_EQ(total, single[machine]);
  }
}

TEST(ImportTaskGraph, EdgesWithoutACostShareTheTasksOutput) {
  const auto [workload, cluster] = task_graph("diamond");
  const Graph& graph = workload.graph;
  EXPECT_EQ(graph.num_tensors(), 3U);
  const CostModel costs(workload, cluster);
  EXPECT_EQ(costs.transfer_time(graph.node(*graph.find("c")).outputs[0], DeviceId{0}, DeviceId{2}),
            from_microseconds(5));
  EXPECT_EQ(graph.node(*graph.find("b")).inputs, graph.node(*graph.find("c")).inputs);
}

TEST(ImportTaskGraph, UnitsMachinesAndMissingTimes) {
  const auto [workload, cluster] = import_task_graph(R"({"format": "placer.task-graph",
      "version": 1, "unit": "ms", "machines": [{"name": "fast", "memory_bytes": 0}, "slow"],
      "tasks": [{"name": "late", "time": 0.1, "memory_bytes": 1.5},
                {"name": "early", "time": [null, 2], "output_bytes": 3}],
      "edges": [{"from": "early", "to": "late", "cost": 0.3}]})",
                                                     "x/two.json", "renamed");
  const Graph& graph = workload.graph;
  EXPECT_EQ(graph.info().name, "renamed");
  EXPECT_EQ(cluster.devices()[0].memory.count, 0);
  EXPECT_EQ(cluster.devices()[1].memory, kMostMemory);
  const NodeId early = *graph.find("early");
  const CostModel costs(workload, cluster);
  EXPECT_EQ(costs.supported(early), 0b10U);
  EXPECT_EQ(costs.op_microseconds(early, DeviceId{1}), 2000);
  EXPECT_EQ(costs.op_microseconds(*graph.find("late"), DeviceId{0}), 100);
  EXPECT_EQ(graph.node(*graph.find("late")).resident.count, 2);
  ASSERT_EQ(graph.node(early).outputs.size(), 2U);  // its result, and the edge's own tensor
  EXPECT_EQ(graph.node(*graph.find("late")).inputs, (std::vector<TensorRef>{{early, 1}}));
  EXPECT_EQ(graph.node(early).outputs[1].transfer_us, 300);
}

// Times that a double cannot give in whole picoseconds are the same before and after a graph file.
TEST(StatedTime, IsWhatTheReaderOfGraphFilesMakesOfIt) {
  for (const double us : {0.0, 0.1, 1.1, 0.696e3, 6959.999999999999, 1e-9, 1.0 / 3, 86'400e6,
                          123456789.123456789, 5e-324}) {
    const OpTime time = stated_time(us);
    Node node;
    node.name = "a";
    node.op = "x";
    node.overload = "default";
    Workload workload{build_graph_or_die({}, {node}), {}};
    workload.times.set({"k", {}, {time}});
    const Workload again = read_graph(write_graph(workload), "graph.json");
    const OpTime read = *again.times.kinds()[0].ops[0];
    EXPECT_EQ(read.time, time.time) << us;
    EXPECT_EQ(read.microseconds(), us);
    EXPECT_EQ(time.microseconds(), us);
    EXPECT_GE(static_cast<double>(time.time.ps), us * 1e6 * (1 - 1e-15)) << us;
  }
}

TEST(ImportSource, FilesAreRecognisedByTheirContent) {
  EXPECT_EQ(recognise_source(kPartitioning + kPartitioningFiles[0]),
            ImportSource::kDnnPartitioning);
  EXPECT_EQ(recognise_source(kWorkloads + "pipedream/vgg16.graph.txt"), ImportSource::kPipedream);
  EXPECT_EQ(recognise_source(kWorkloads + "task-graph/topcuoglu.json"), ImportSource::kTaskGraph);
  EXPECT_EQ(recognise_source(std::string(PLACER_SOURCE_ROOT) + "/tests/golden/pt2/step.pt2"),
            ImportSource::kPt2);
  EXPECT_EQ(recognise_source("no/such/file"), ImportSource::kPt2);
  const std::filesystem::path packed =
      std::filesystem::path(testing::TempDir()) / "placer_topcuoglu.json.zst";
  write_file(packed, read_file(kWorkloads + "task-graph/topcuoglu.json"));
  EXPECT_EQ(recognise_source(packed), ImportSource::kTaskGraph);
  EXPECT_EQ(import_task_graph(read_file(packed), packed.string()).workload.graph.hash(),
            task_graph("topcuoglu").workload.graph.hash());
  std::filesystem::remove(packed);
}

}  // namespace
}  // namespace placer
