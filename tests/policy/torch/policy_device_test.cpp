#include "policy/torch/policy_device.h"

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include "placer/base/error.h"
#include "policy/torch/dual_policy.h"
#include "policy/torch/gnn.h"
#include "policy/torch/hierarchical_policy.h"
#include "policy/torch/network_learner.h"
#include "policy/torch/sequence_policy.h"
#include "policy/torch/single_thread.h"
#include "tests/policy/torch/separate_device.h"
#include "tests/policy/torch/small_policy.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestProblem;
using testing::HasSubstr;

Error refused(const std::string& name) {
  try {
    static_cast<void>(open_policy_device(name));
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::kInternal, "accepted"};
}

TEST(PolicyDevice, TheCpuIsAlwaysThere) {
  EXPECT_TRUE(open_policy_device("cpu").is_cpu());
}

TEST(PolicyDevice, OtherNamesAreUsageErrors) {
  for (const char* name : {"", "gpu", "CPU", "cpu:0", "cuda", "cuda:", "cuda:-1", "cuda:0x",
                           "cuda:999", "cuda: 1", "meta"}) {
    const Error error = refused(name);
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << name;
    EXPECT_THAT(error.what(), HasSubstr("expected cpu, or cuda:0")) << name;
  }
}

// No machine has that many.
TEST(PolicyDevice, AMissingGpuIsADeviceFailureThatSaysWhatIsMissing) {
  const Error error = refused("cuda:127");
  EXPECT_EQ(error.kind(), ErrorKind::kDevice);
  EXPECT_THAT(error.what(), HasSubstr("the policy cannot run on cuda:127"));
  EXPECT_THAT(error.what(), testing::AnyOf(HasSubstr("CUDA library cannot be loaded"),
                                           HasSubstr("no GPU"), HasSubstr(" GPUs, ")));
}

struct Method {
  std::string name;
  std::function<std::unique_ptr<PolicyNetwork>(const Problem&, const at::TensorOptions&)> make;
};

void PrintTo(const Method& method, std::ostream* out) {
  *out << method.name;
}

// A policy on the CPU and the same on a device whose memory the CPU cannot read.
class OnDevice : public testing::TestWithParam<Method> {
 protected:
  OnDevice() {
    problem_.constraints().allowed[1] = 0b101;
    for (std::unique_ptr<Learner>* learner : {&here_, &there_}) {
      const at::Device device = learner == &here_ ? at::kCPU : test::separate_device();
      auto network = GetParam().make(whole_, at::TensorOptions(at::kFloat).device(device));
      for (const NamedTensor& weights : network->parameters()) {
        EXPECT_EQ(weights.value.device(), device) << weights.name;
      }
      TrainingParameters training;
      training.loss = Loss::kPpo;
      training.epochs = 2;
      training.baseline = BaselineKind::kValue;  // of those that have one
      *learner = make_network_learner(std::move(network), training);
      (*learner)->rebase(all_on(problem_.graph(), DeviceId{0}));
    }
  }

  static std::vector<Proposal> sample(Learner& learner, std::uint64_t update) {
    auto streams = test::rngs(7, update, 4);
    return learner.sample(streams);
  }
  static LessonReport teach(Learner& learner) {
    const std::vector<double> advantages = {1, -1, 0.5, 0};
    const std::vector<double> rewards = {-0.5, -1.5, -0.75, -1};
    return learner.teach(
        {.advantages = advantages, .outcomes = {}, .rewards = rewards, .entropy_weight = 0.1});
  }
  static void expect_near(const std::vector<Blob>& here, const std::vector<Blob>& there) {
    ASSERT_EQ(here.size(), there.size());
    for (std::size_t b = 0; b < here.size(); ++b) {
      ASSERT_EQ(here[b].shape, there[b].shape);
      ASSERT_EQ(here[b].bytes.size(), there[b].bytes.size());
      for (std::size_t i = 0; i < here[b].bytes.size(); i += sizeof(float)) {
        float x = 0;
        float y = 0;
        std::memcpy(&x, here[b].bytes.data() + i, sizeof x);
        std::memcpy(&y, there[b].bytes.data() + i, sizeof y);
        ASSERT_NEAR(x, y, 1e-5 * (1 + std::abs(x))) << here[b].name << " " << i / sizeof(float);
      }
    }
  }

  const SingleThread guard_;
  TestProblem problem_ = test::four_ops();
  LoadAndCut evaluator_{problem_.costs()};
  const Problem whole_ = problem_.with(evaluator_);
  std::unique_ptr<Learner> here_;
  std::unique_ptr<Learner> there_;
};

TEST_P(OnDevice, DrawsAndLearnsAsOnTheCpu) {
  EXPECT_EQ(here_->weights(), there_->weights());
  for (std::uint64_t update = 0; update < 3; ++update) {
    const std::uint64_t before = test::separate_operations();
    EXPECT_EQ(sample(*here_, update), sample(*there_, update));
    EXPECT_NEAR(here_->value().value_or(0), there_->value().value_or(0), 1e-5);
    EXPECT_GT(test::separate_operations(), before) << "nothing ran on the device";
    const LessonReport taught = teach(*here_);
    const LessonReport there = teach(*there_);
    EXPECT_TRUE(taught.applied);
    EXPECT_TRUE(there.applied);
    EXPECT_NEAR(taught.loss, there.loss, 1e-5);
    EXPECT_NEAR(taught.entropy, there.entropy, 1e-5);
    EXPECT_NEAR(taught.grad_norm, there.grad_norm, 1e-4 * (1 + taught.grad_norm));
    expect_near(here_->weights(), there_->weights());
    expect_near(here_->optimizer_state(), there_->optimizer_state());
  }
  EXPECT_EQ(here_->decode(std::nullopt), there_->decode(std::nullopt));
}

TEST_P(OnDevice, WeightsOfOneDeviceLoadOnAnother) {
  static_cast<void>(sample(*here_, 0));
  static_cast<void>(teach(*here_));
  there_->load_weights("policy", here_->weights());
  there_->load_optimizer_state("policy", here_->optimizer_state());
  EXPECT_EQ(there_->weights(), here_->weights());
  EXPECT_EQ(there_->optimizer_state(), here_->optimizer_state());
  EXPECT_EQ(sample(*here_, 1), sample(*there_, 1));
}

TEST_P(OnDevice, ResettingDrawsTheSameWeights) {
  here_->reset(5, 2);
  there_->reset(5, 2);
  EXPECT_EQ(here_->weights(), there_->weights());
}

// What the test above rests on.
TEST(SeparateDeviceDeathTest, RefusesTensorsOfTwoDevices) {
  const at::Tensor here = at::tensor({1.0, 2.0});
  const at::Tensor there = here.to(test::separate_device());
  EXPECT_THROW(static_cast<void>(there + here), c10::Error);
  EXPECT_EQ((there + there).to(at::kCPU).sum().item<double>(), 6);
  EXPECT_EXIT(
      {
        const volatile double* data = there.const_data_ptr<double>();
        std::exit(static_cast<int>(data[0]));
      },
      testing::KilledBySignal(SIGSEGV), "");
}

INSTANTIATE_TEST_SUITE_P(
    All, OnDevice,
    testing::Values(Method{"sequence",
                           [](const Problem& problem, const at::TensorOptions& numbers) {
                             return make_sequence_policy(problem, test::tiny(), 1, numbers);
                           }},
                    Method{"hdp",
                           [](const Problem& problem, const at::TensorOptions& numbers) {
                             return make_hierarchical_policy(
                                 problem,
                                 {.groups = 2, .grouper_hidden = 3, .placements = 2, .usage = 0.1},
                                 test::tiny(), 1, numbers);
                           }},
                    Method{"dual",
                           [](const Problem& problem, const at::TensorOptions& numbers) {
                             return make_dual_policy(
                                 problem, {.width = 6, .layers = 2, .hidden = 5}, 1, numbers);
                           }},
                    Method{"gnn",
                           [](const Problem& problem, const at::TensorOptions& numbers) {
                             return make_graph_policy(
                                 problem,
                                 std::make_unique<GraphNetwork>(
                                     GraphNetworkParameters{.hidden = 8, .layers = 2, .pair = 8}, 1,
                                     numbers));
                           }}),
    [](const auto& method) { return method.param.name; });

}  // namespace
}  // namespace placer::policy
