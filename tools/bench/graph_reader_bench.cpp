// Reading a graph file: parsing, checking, building and indexing. A graph of 200,000 nodes and
// 400,000 edges is to take at most 2 s and 1 GB, its text included.
//   peak_mb  largest resident memory while reading, with the text (Linux: VmHWM after a reset)

#include <cstdint>
#include <fstream>
#include <string>
#include <utility>

#include <benchmark/benchmark.h>
#include <malloc.h>

#include "placer/base/random.h"
#include "placer/formats/formats.h"

namespace placer {
namespace {

// Ops as a convolution network's training step has them: names and modules of usual length, shapes,
// typed arguments, times on two kinds.
class StepMaker {
 public:
  explicit StepMaker(std::size_t size) : size_(size) {}

  Workload make() {
    nodes_.reserve(size_);
    for (std::size_t i = 0; i < size_; ++i) {
      i % 10 == 0 ? add_weight(i) : add_op(i);
    }
    Workload workload{build_graph_or_die({}, std::move(nodes_)), {}};
    for (const char* kind : {"cpu-core", "cuda:NVIDIA H200"}) {
      KindTimes times;
      times.kind = kind;
      for (const Node& node : workload.graph.nodes()) {
        times.ops.emplace_back();
        if (node.kind == NodeKind::kOp) {
          const SimTime time{static_cast<std::int64_t>(rng_.below(2'000'000'000))};
          times.ops.back() = OpTime{time, time + SimTime{123'456}, std::nullopt};
        }
      }
      workload.times.set(std::move(times));
    }
    return workload;
  }

 private:
  static std::string module(std::size_t i) {
    return "Mixed_" + std::to_string(i / 100) + ".branch3x3dbl_" + std::to_string(i % 7) + ".conv";
  }

  void add_weight(std::size_t i) {
    Node node;
    node.name = "p_mixed_" + std::to_string(i) + "_conv_weight";
    node.kind = NodeKind::kState;
    node.module = module(i);
    node.origin = node.module + ".weight";
    node.outputs = {tensor({192, 64, 3, 3})};
    nodes_.push_back(std::move(node));
  }

  void add_op(std::size_t i) {
    Node node;
    node.name = (i % 3 == 0 ? "convolution_" : "add_tensor_") + std::to_string(i);
    node.pass = i % 2 == 0 ? Pass::kForward : Pass::kBackward;
    node.module = module(i);
    node.overload = "default";
    // 9 of 10 nodes are ops: 20 edges for them are 2 per node of the graph.
    const std::size_t inputs = i % 10 < 3 ? 3 : 2;
    for (std::size_t k = 0; k < inputs; ++k) {
      const std::size_t reach = std::min<std::size_t>(i, 60);
      node.inputs.push_back({id_at<NodeId>(i - 1 - rng_.below(reach)), 0});
    }
    node.outputs = {tensor({32, 192, 35, 35})};
    if (i % 3 == 0) {
      node.op = "aten.convolution";
      const std::vector<std::int64_t> ones{1, 1};
      node.arguments = {{"input", InputArgument{0}},
                        {"weight", InputArgument{1}},
                        {"bias", std::monostate{}},
                        {"stride", ones},
                        {"padding", std::vector<std::int64_t>{0, 0}},
                        {"dilation", ones},
                        {"transposed", false},
                        {"output_padding", std::vector<std::int64_t>{0, 0}},
                        {"groups", std::int64_t{1}}};
    } else {
      node.op = "aten.add";
      node.overload = "Tensor";
      node.arguments = {{"self", InputArgument{0}}, {"other", InputArgument{1}}, {"alpha", 0.5}};
    }
    nodes_.push_back(std::move(node));
  }

  static TensorSpec tensor(std::vector<std::int64_t> shape) {
    TensorSpec spec{DType::kFloat32, std::move(shape), {}, std::nullopt};
    spec.bytes = *bytes_of(spec.dtype, spec.shape);
    return spec;
  }

  std::size_t size_;
  Rng rng_{1};
  std::vector<Node> nodes_;
};

std::int64_t peak_kilobytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmHWM:")) {
      return std::stoll(line.substr(6));
    }
  }
  return 0;
}

void BM_ReadGraph(benchmark::State& state) {
  const std::string text = write_graph(StepMaker(static_cast<std::size_t>(state.range(0))).make());
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;  // resets VmHWM
  std::size_t edges = 0;
  for (auto _ : state) {
    const Workload workload = read_graph(text, "graph.json");
    edges = 0;
    for (const Node& node : workload.graph.nodes()) {
      edges += node.inputs.size();
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
  state.counters["edges"] = static_cast<double>(edges);
  state.counters["text_mb"] = static_cast<double>(text.size()) / 1e6;
  state.counters["peak_mb"] = static_cast<double>(peak_kilobytes()) * 1024 / 1e6;
}
BENCHMARK(BM_ReadGraph)->ArgName("nodes")->Arg(2'000)->Arg(200'000)->Unit(benchmark::kMillisecond);

void BM_WriteGraph(benchmark::State& state) {
  const Workload workload = StepMaker(static_cast<std::size_t>(state.range(0))).make();
  for (auto _ : state) {
    benchmark::DoNotOptimize(write_graph(workload));
  }
}
BENCHMARK(BM_WriteGraph)->ArgName("nodes")->Arg(200'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace placer
