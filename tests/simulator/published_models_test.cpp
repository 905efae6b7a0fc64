// Published simulators and schedules, reproduced to the digit by switching off what they leave out.

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "placer/base/files.h"
#include "placer/formats/import_dnn_partitioning.h"
#include "placer/formats/import_task_graph.h"
#include "simulator/simulator.h"
#include "tests/simulator/small_workload.h"

namespace placer::sim {
namespace {

using test::on;
using test::start_of;
using test::us;

std::string workload_path(const std::string& name) {
  return std::string(PLACER_SOURCE_ROOT) + "/configs/workloads/" + name;
}

ImportedWorkload task_graph(const std::string& name) {
  const std::string path = workload_path("task-graph/" + name);
  return import_task_graph(read_file(path), path);
}

Timeline simulate_in(const ImportedWorkload& imported, const Placement& placement,
                     const Model& model) {
  const CostModel costs(imported.workload, imported.cluster);
  return make_simulator(costs, {.model = model})->timeline(placement);
}

// Placeto's simulator on its diamond: ops pause a device 5.7 us, a tensor leaves once through the
// sender's bus for all readers together.
TEST(PublishedModels, PlacetoDiamond) {
  const ImportedWorkload diamond = task_graph("diamond.json");
  const Model placeto = *model_named("placeto");
  const auto step_ps = [&](const std::vector<unsigned>& devices) {
    return simulate_in(diamond, on(devices), placeto).step_time.ps;
  };
  EXPECT_EQ(step_ps({0, 0, 0, 0}), 672'800'000);
  EXPECT_EQ(step_ps({0, 0, 1, 0}), 461'700'000);
  EXPECT_EQ(step_ps({0, 1, 1, 0}), 667'400'000);
  EXPECT_EQ(step_ps({0, 1, 2, 0}), 461'700'000);
}

// After 7,600 B the bus pauses 25 us: b's tensor leaves a's device at 100 and, were it not for the
// pause, the second op's would at 110.
TEST(PublishedModels, PlacetoBusPausesAfterATransfer) {
  test::SmallWorkload graph;
  const NodeId a = graph.op(100, {}, {7600});
  const NodeId b = graph.op(4, {}, {7600});
  graph.op(10, {a}, {0});
  graph.op(10, {b}, {0});
  const Timeline step =
      test::run(graph, {.latency_us = 0}, on({0, 0, 1, 1}), *model_named("placeto"));
  EXPECT_EQ(start_of(step, 2), us(101));
  EXPECT_EQ(start_of(step, 3), us(127));          // 100 + 1 + 25, and 1 to travel
  EXPECT_EQ(step.step_time.ps, us(127 + 25).ps);  // to the end of the bus's pause
}

struct Task {
  std::string name;
  unsigned machine;
  std::int64_t start;
};

// Every op at its published start; the makespan by the published order alone.
void expect_schedule(const std::vector<Task>& tasks, std::int64_t makespan) {
  const ImportedWorkload imported = task_graph("topcuoglu.json");
  Placement placement;
  placement.device.resize(tasks.size());
  placement.priority.resize(tasks.size());
  for (const Task& task : tasks) {
    const std::size_t n = index(*imported.workload.graph.find(task.name));
    placement.device[n] = id_at<DeviceId>(task.machine - 1);
    placement.priority[n] = -task.start;
  }
  Model model = *model_named("ideal");
  for (const Order order : {Order::kFixed, Order::kPriority}) {
    model.order = order;
    SCOPED_TRACE(describe(model));
    const Timeline step = simulate_in(imported, placement, model);
    EXPECT_EQ(step.step_time, us(makespan));
    for (const Task& task : tasks) {
      const auto n = static_cast<unsigned>(index(*imported.workload.graph.find(task.name)));
      EXPECT_EQ(start_of(step, n), us(task.start)) << task.name;
    }
  }
}

// Topcuoglu, Hariri, Wu: figures 3 and 4 of TPDS 2002.
TEST(PublishedModels, HeftScheduleOfTopcuoglu) {
  expect_schedule({{"T1", 3, 0},
                   {"T3", 3, 9},
                   {"T4", 2, 18},
                   {"T2", 1, 27},
                   {"T5", 3, 28},
                   {"T6", 2, 26},
                   {"T9", 2, 56},
                   {"T7", 3, 38},
                   {"T8", 1, 57},
                   {"T10", 2, 73}},
                  80);
}

TEST(PublishedModels, CpopScheduleOfTopcuoglu) {
  expect_schedule({{"T1", 2, 0},
                   {"T2", 2, 16},
                   {"T3", 1, 28},
                   {"T7", 1, 39},
                   {"T4", 3, 25},
                   {"T5", 2, 35},
                   {"T9", 2, 65},
                   {"T6", 3, 42},
                   {"T8", 3, 54},
                   {"T10", 2, 79}},
                  86);
}

TEST(PublishedModels, OptimalScheduleOfTopcuoglu) {
  expect_schedule({{"T1", 3, 0},
                   {"T2", 3, 9},
                   {"T3", 1, 21},
                   {"T4", 2, 18},
                   {"T5", 2, 26},
                   {"T6", 3, 27},
                   {"T7", 1, 32},
                   {"T9", 2, 43},
                   {"T8", 2, 55},
                   {"T10", 2, 66}},
                  73);
}

// Accelerators alone, with transfers at the file's own cost: Baechi sends from device to device.
ImportedWorkload baechi_bert() {
  const std::string path = workload_path("dnn-partitioning/latency/layer_bert24_inference.json");
  ImportedWorkload imported = import_dnn_partitioning(read_file(path), path);
  std::vector<Device> devices;
  for (const Device& device : imported.cluster.devices()) {
    if (!is_host(device)) devices.push_back(device);
  }
  Link link;
  link.name = "all";
  link.bytes_per_second = 1e9;  // of tensors without bytes: their transfer times are stated
  for (std::size_t from = 0; from < devices.size(); ++from) {
    for (std::size_t to = 0; to < devices.size(); ++to) {
      if (from != to) link.pairs.emplace_back(id_at<DeviceId>(from), id_at<DeviceId>(to));
    }
  }
  imported.cluster = {"baechi", std::move(devices), {link}};
  return imported;
}

// m-TOPO: devices are filled in topological order up to the mean memory plus the largest op.
Placement fill_in_order(const ImportedWorkload& imported) {
  const std::span<const Node> nodes = imported.workload.graph.nodes();
  std::int64_t total = 0;
  std::int64_t largest = 0;
  for (const Node& node : nodes) {
    total += node.resident.count;
    largest = std::max(largest, node.resident.count);
  }
  const std::int64_t cap = total / static_cast<std::int64_t>(imported.cluster.size()) + largest;
  Placement placement;
  unsigned device = 0;
  std::int64_t used = 0;
  for (const Node& node : nodes) {
    if (used + node.resident.count > cap) {
      ++device;
      used = 0;
    }
    used += node.resident.count;
    placement.device.push_back(id_at<DeviceId>(device));
  }
  return placement;
}

TEST(PublishedModels, BaechiSchedulerOnBert) {
  const ImportedWorkload bert = baechi_bert();
  const Model baechi = *model_named("baechi");
  const auto milliseconds = [&](const Placement& placement) {
    return simulate_in(bert, placement, baechi).step_time.seconds() * 1e3;
  };
  EXPECT_NEAR(milliseconds(all_on(bert.workload.graph, DeviceId{0})), 92.41, 0.005);
  EXPECT_NEAR(milliseconds(fill_in_order(bert)), 154.53, 0.005);
}

}  // namespace
}  // namespace placer::sim
