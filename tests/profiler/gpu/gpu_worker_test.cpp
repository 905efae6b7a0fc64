// Worker processes of the program itself, on stand-in GPUs that hang or are lost.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>

#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "profiler/worker.h"
#include "tests/profiler/executable_graph.h"
#include "tests/profiler/gpu/mixed_cluster.h"

namespace placer::profile {
namespace {

using ::testing::HasSubstr;

class GpuWorker : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const program = std::getenv("PLACER_PROGRAM");
    if (program == nullptr || !std::filesystem::exists(program)) {
      GTEST_SKIP() << "PLACER_PROGRAM names no program";
    }
    program_ = std::filesystem::absolute(program);
    std::filesystem::create_directories(folder_);
    write_file(folder_ / "graph.json", write_graph(workload_));
    write_file(folder_ / "cluster.json", write_cluster(cluster_));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static Graph chain() {
    placer::testing::ExecutableGraph made;
    TensorRef value = made.state("x", {4}, {1, 2, 3, 4});
    for (int i = 0; i < 3; ++i) {
      value = made.unary("op" + std::to_string(i), "aten.neg.default", value, {4});
    }
    made.output("y", value);
    return made.build();
  }

  // `setting`: what the plugin does, as "NAME=value".
  std::unique_ptr<Evaluator> evaluator(const std::string& setting) const {
    WorkerOptions options;
    options.command = {
        "/usr/bin/env", setting,
        std::string("PLACER_GPU_PLUGIN=") + PLACER_TEST_PLUGINS "/stand_in_plugin.so", program_,
        "worker"};
    options.graph_file = folder_ / "graph.json";
    options.cluster_file = folder_ / "cluster.json";
    options.measure.first_limit_seconds = 1;
    options.hang_seconds = 20;  // long enough for a worker to start on a busy machine
    return make_worker_evaluator(workload_.graph, cluster_, options);
  }

  const Workload workload_{chain(), {}};
  const Cluster cluster_ = placer::testing::mixed_cluster({});  // cpu:0 cuda:0 cuda:1
  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) / ("gpu_worker_test_" + std::to_string(getpid()));
  std::string program_;
};

TEST_F(GpuWorker, AGpuThatHangsIsATimeOutAndTheSearchGoesOn) {
  const auto measured = evaluator("PLACER_STAND_IN_HANG=1");
  EXPECT_TRUE(measured->evaluate_one(all_on(workload_.graph, DeviceId{1})).feasible());
  const Outcome hung = measured->evaluate_one(all_on(workload_.graph, DeviceId{2}));
  ASSERT_FALSE(hung.feasible());
  EXPECT_EQ(hung.infeasible->reason, InfeasibleReason::kTimeOut);
  EXPECT_TRUE(measured->evaluate_one(all_on(workload_.graph, DeviceId{1})).feasible());
}

TEST_F(GpuWorker, AGpuThatIsLostIsACrashAndTheNextWorkerStartsAnew) {
  const auto measured = evaluator("PLACER_STAND_IN_LOSE=1");
  for (int i = 0; i < 2; ++i) {
    const Outcome lost = measured->evaluate_one(all_on(workload_.graph, DeviceId{2}));
    ASSERT_FALSE(lost.feasible());
    EXPECT_EQ(lost.infeasible->reason, InfeasibleReason::kCrashed);
    EXPECT_THAT(lost.infeasible->text, HasSubstr("an illegal memory access"));
    EXPECT_TRUE(measured->evaluate_one(all_on(workload_.graph, DeviceId{1})).feasible());
  }
}

}  // namespace
}  // namespace placer::profile
