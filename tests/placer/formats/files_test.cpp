// Cluster, placement and config files: what is written comes back, names are resolved.

#include <string>

#include <gtest/gtest.h>

#include "placer/base/error.h"
#include "placer/formats/formats.h"
#include "tests/support/random_graph.h"

namespace placer {
namespace {

std::string error_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    return error.what();
  }
  return "no error";
}

void expect_same(const Cluster& a, const Cluster& b) {
  EXPECT_EQ(a.name(), b.name());
  EXPECT_EQ(a.hash(), b.hash());
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a.devices()[i].name, b.devices()[i].name);
    EXPECT_EQ(a.devices()[i].cores, b.devices()[i].cores);
    EXPECT_EQ(a.devices()[i].pool, b.devices()[i].pool);
    EXPECT_EQ(a.devices()[i].overhead, b.devices()[i].overhead);
  }
  ASSERT_EQ(a.links().size(), b.links().size());
  for (std::size_t i = 0; i < a.links().size(); ++i) {
    EXPECT_EQ(a.links()[i].pairs, b.links()[i].pairs);
    EXPECT_EQ(a.links()[i].latency, b.links()[i].latency);
    EXPECT_EQ(a.links()[i].bytes_per_second, b.links()[i].bytes_per_second);
  }
}

TEST(ClusterFormat, RandomClustersComeBackEqualAndAsTheSameBytes) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Cluster cluster = test::random_cluster(seed, {.devices = 1 + seed % 6});
    const std::string text = write_cluster(cluster);
    const Cluster again = read_cluster(text, "cluster.json");
    expect_same(cluster, again);
    EXPECT_EQ(write_cluster(again), text);
  }
}

// A link of one direction each is written as such.
TEST(ClusterFormat, DirectedLinksStayDirected) {
  const std::vector<Device> devices{{"a", "k", Bytes{1}, {}, {}, {}},
                                    {"b", "k", Bytes{1}, {}, {}, {}}};
  const std::vector<Link> links{
      {"up", {{DeviceId{0}, DeviceId{1}}}, SimTime{1}, 1e9, false},
      {"down", {{DeviceId{1}, DeviceId{0}}}, SimTime{2'500'000}, {}, true}};
  const Cluster cluster("two", devices, links);
  const std::string text = write_cluster(cluster);
  EXPECT_NE(text.find(R"({"name": "up", "from_to": [["a","b"]], "latency_us": 0.000001, )"
                      R"("bytes_per_second": 1e+09})"),
            std::string::npos)
      << text;
  EXPECT_NE(
      text.find(R"({"name": "down", "from_to": [["b","a"]], "latency_us": 2.5, "shared": true})"),
      std::string::npos)
      << text;
  expect_same(cluster, read_cluster(text, "cluster.json"));
}

PlacementFile random_file(std::uint64_t seed, const Workload& workload, const Cluster& cluster) {
  Provenance provenance{.algorithm = "heft",
                        .seed = UINT64_MAX - seed,
                        .command = "placer place \"a b\"",
                        .tool = "placer 0.1.0",
                        .date = "2026-11-23T12:00:00Z",
                        .evaluations = seed,
                        .predicted_us = {},
                        .predicted_peak_memory = {},
                        .measured = {}};
  if (seed % 2 == 0) {
    provenance.predicted_us = 1000.0 / 3 + static_cast<double>(seed);
    provenance.predicted_peak_memory.assign(cluster.size(), Bytes{static_cast<std::int64_t>(seed)});
  }
  if (seed % 3 == 0) {
    provenance.measured = MeasuredTime{10.1, 9.9, 10.3, 30, "wall time"};
  }
  const Placement placement = test::random_placement(seed, workload, cluster, seed % 4 == 0);
  return to_file(workload.graph, cluster, placement, provenance);
}

TEST(PlacementFormat, RandomPlacementsComeBackEqualAndBindToTheSameDevices) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Workload workload = test::random_workload(seed, {.rich = seed % 2 == 0});
    const Cluster cluster = test::random_cluster(seed);
    const PlacementFile file = random_file(seed, workload, cluster);
    const std::string text = write_placement(file);
    const PlacementFile again = read_placement(text, "placement.json");
    EXPECT_EQ(again.graph_name, workload.graph.info().name);
    EXPECT_EQ(again.graph_hash, workload.graph.hash());
    EXPECT_EQ(again.cluster_hash, cluster.hash());
    EXPECT_EQ(again.provenance.seed, UINT64_MAX - seed);
    EXPECT_EQ(again.provenance.predicted_us, file.provenance.predicted_us);
    EXPECT_EQ(again.provenance.predicted_peak_memory, file.provenance.predicted_peak_memory);
    EXPECT_EQ(again.provenance.measured.has_value(), seed % 3 == 0);
    EXPECT_EQ(write_placement(again), text);
    EXPECT_EQ(bind_placement(again, workload.graph, cluster, "placement.json"),
              test::random_placement(seed, workload, cluster, seed % 4 == 0));
  }
}

class Binding : public testing::Test {
 protected:
  Workload workload_ = test::random_workload(3);
  Cluster cluster_ = test::random_cluster(3);
  PlacementFile file_ =
      to_file(workload_.graph, cluster_, test::random_placement(3, workload_, cluster_), {});

  std::string error() {
    return error_of([&] { (void)bind_placement(file_, workload_.graph, cluster_, "p.json"); });
  }
};

TEST_F(Binding, AnotherGraphIsAcceptedWhileEveryNameFits) {
  file_.graph_hash = "xxh3:another";
  EXPECT_EQ(error(), "no error");
}

TEST_F(Binding, AMissingNodeIsNamedAndTheOtherGraphToo) {
  file_.graph_hash = "xxh3:another";
  const std::string name = file_.assignment.begin()->first;
  file_.assignment.erase(name);
  const std::string size = std::to_string(workload_.graph.size());
  EXPECT_EQ(error(), "p.json:assignment: no device for node \"" + name +
                         "\"; nodes without one: 1 of " + size +
                         "; the placement was made for another graph (\"random\", xxh3:another)");
}

TEST_F(Binding, UnknownNodesAndDevicesAreNamed) {
  file_.assignment["no/such node"] = "dev:0";
  EXPECT_EQ(error(), "p.json:assignment[\"no/such node\"]: the graph has no such node");
  file_.assignment.erase("no/such node");
  const std::string name = file_.assignment.begin()->first;
  file_.assignment[name] = "dev:9";
  EXPECT_EQ(error(), "p.json:assignment." + name +
                         ": the cluster has no device \"dev:9\" (did you mean \"dev:0\"?)");
}

TEST(ConfigFormat, ComesBackEqual) {
  Config config;
  config.graph = "graphs/a.json";
  config.cluster = "cluster.json";
  config.algorithms = {"heft", "colocrl"};
  config.parameters["colocrl"] = {{"learning_rate", "0.1"}, {"baseline", "mean \"x\""}};
  config.signal = "simulated";
  config.budget = "60s,2000";
  config.seed = UINT64_MAX;
  config.max_groups = 17;
  config.warm_start = false;
  config.output = "p.json";
  config.measure = false;
  config.isolate = true;
  config.cuda_graphs = true;
  config.weights = "w.pt2";
  config.initial = {"a.json", "b.json"};
  config.constraints = {.pin = {"a*=cpu:0"},
                        .forbid = {"b=cpu:1,cpu:2"},
                        .colocate = {"c.*"},
                        .keep_together = {"layer?"},
                        .max_memory = {"cpu:0=1.5 GiB"},
                        .reserve = {"cpu:*=200MB"},
                        .max_devices = 3,
                        .contiguous = true};
  const std::string text = write_config(config);
  const Config again = read_config(text, "config.json");
  EXPECT_EQ(again.graph, config.graph);
  EXPECT_EQ(again.cluster, config.cluster);
  EXPECT_EQ(again.algorithms, config.algorithms);
  EXPECT_EQ(again.parameters, config.parameters);
  EXPECT_EQ(again.signal, config.signal);
  EXPECT_EQ(again.budget, config.budget);
  EXPECT_EQ(again.seed, config.seed);
  EXPECT_EQ(again.max_groups, config.max_groups);
  EXPECT_EQ(again.warm_start, config.warm_start);
  EXPECT_EQ(again.output, config.output);
  EXPECT_EQ(again.measure, config.measure);
  EXPECT_EQ(again.isolate, config.isolate);
  EXPECT_EQ(again.cuda_graphs, config.cuda_graphs);
  EXPECT_EQ(again.weights, config.weights);
  EXPECT_EQ(again.initial, config.initial);
  EXPECT_EQ(again.constraints.pin, config.constraints.pin);
  EXPECT_EQ(again.constraints.forbid, config.constraints.forbid);
  EXPECT_EQ(again.constraints.colocate, config.constraints.colocate);
  EXPECT_EQ(again.constraints.keep_together, config.constraints.keep_together);
  EXPECT_EQ(again.constraints.max_memory, config.constraints.max_memory);
  EXPECT_EQ(again.constraints.reserve, config.constraints.reserve);
  EXPECT_EQ(again.constraints.max_devices, 3U);
  EXPECT_TRUE(again.constraints.contiguous);
  EXPECT_EQ(write_config(again), text);
}

TEST(ConfigFormat, LeftOutKeysTakeTheDefaultsAndNumbersNeedNoQuotes) {
  const Config config = read_config(
      R"({"format": "placer.config", "version": 1, "budget": 2000,
          "parameters": {"colocrl": {"samples": 8, "rate": 1e-3, "greedy": true, "name": "x"}}})",
      "config.json");
  const Config defaults;
  EXPECT_EQ(config.budget, "2000");
  EXPECT_EQ(config.signal, defaults.signal);
  EXPECT_EQ(config.seed, defaults.seed);
  EXPECT_EQ(config.max_groups, defaults.max_groups);
  const std::map<std::string, std::string> expected{
      {"greedy", "true"}, {"name", "x"}, {"rate", "1e-3"}, {"samples", "8"}};
  EXPECT_EQ(config.parameters.at("colocrl"), expected);
}

TEST(FormatOf, NamesTheFormatOrWhatElseItLooksLike) {
  const auto of = [](std::string_view text) { return format_of(text, "f"); };
  EXPECT_EQ(of(R"({"format": "placer.cluster", "version": 1})"), "placer.cluster");
  EXPECT_EQ(of(R"({"nodes": [{"format": "x"}], "format": "placer.graph", "version": 1})"),
            "placer.graph");
  EXPECT_EQ(error_of([&] { (void)of(R"({"format": "placer.grph"})"); }),
            "f:format: unknown format \"placer.grph\" (did you mean \"placer.graph\"?)");
  EXPECT_EQ(error_of([&] { (void)of(R"({"traceEvents": []})"); }),
            "f: missing \"format\", expected \"placer.graph\", \"placer.cluster\", ...; this looks "
            "like a Chrome or Kineto trace");
  EXPECT_EQ(error_of([&] { (void)of("PK\x03\x04"); }),
            "f: not JSON: this is a zip archive; a .pt2 is read by `placer import`");
}

}  // namespace
}  // namespace placer
