#include "profiler/torch/seeded_values.h"

#include <cmath>

#include <gmock/gmock.h>

#include "profiler/torch/rounding.h"
#include "profiler/torch/tensors.h"
#include "tests/profiler/executable_graph.h"

namespace placer::profile {
namespace {

using ::testing::ElementsAre;

Node source(NodeKind kind, const std::string& origin, DType dtype,
            std::vector<std::int64_t> shape) {
  Node node;
  node.name = "p_" + origin;
  node.kind = kind;
  node.origin = origin;
  TensorSpec spec;
  spec.dtype = dtype;
  spec.shape = std::move(shape);
  node.outputs = {spec};
  return node;
}

template <typename T>
std::vector<T> numbers(const at::Tensor& tensor) {
  const T* data = tensor.const_data_ptr<T>();
  return std::vector<T>(data, data + tensor.numel());
}

// The expected numbers come from a program of ten lines in Python that follows
// docs/seeded-values.md.
TEST(SeededValues, WeightsAreUniformByFanIn) {
  // u = 0.75271612..., 0.91466152..., 0.69026017..., 0.35133075...; fan-in 3: (2u - 1) / sqrt(3)
  const Node node = source(NodeKind::kState, "layer.weight", DType::kFloat32, {2, 3});
  const auto values = numbers<float>(first_value(node, 1));
  EXPECT_THAT((std::vector<float>(values.begin(), values.begin() + 4)),
              ElementsAre(0.29181143641471863F, 0.4788098931312561F, 0.21969352662563324F,
                          -0.17166845500469208F));
}

TEST(SeededValues, HalfIsRoundedOnce) {
  const Node node = source(NodeKind::kState, "layer.weight", DType::kFloat16, {2, 3});
  const at::Tensor values = first_value(node, 1);
  EXPECT_EQ(values[0][0].item<float>(), 0.291748046875F);
  EXPECT_EQ(values[1][0].item<float>(), -0.171630859375F);
}

TEST(SeededValues, RoundToOddKeepsTheSideOfATie) {
  // 1 + 2^-11 + 2^-40 is above the tie between the halves 1 and 1 + 2^-10. Through the nearest
  // float, 1 + 2^-11, it would become the even 1.
  const double value = 1 + 0x1p-11 + 0x1p-40;
  EXPECT_EQ(static_cast<float>(c10::Half(static_cast<float>(value))), 1.0F);
  EXPECT_EQ(static_cast<float>(c10::Half(round_to_odd(value))), 1 + 0x1p-10F);
  EXPECT_EQ(round_to_odd(0.5), 0.5F);
}

TEST(SeededValues, OtherStateIsZeroOrOne) {
  const auto first = [](const std::string& origin, DType dtype, std::vector<std::int64_t> shape) {
    return first_value(source(NodeKind::kState, origin, dtype, std::move(shape)), 1)
        .sum()
        .item<double>();
  };
  EXPECT_EQ(first("bn.weight", DType::kFloat32, {4}), 4);
  EXPECT_EQ(first("bn.running_var", DType::kFloat32, {4}), 4);
  EXPECT_EQ(first("bn.running_mean", DType::kFloat32, {4}), 0);
  EXPECT_EQ(first("bn.bias", DType::kFloat32, {4}), 0);
  EXPECT_EQ(first("bn.num_batches_tracked", DType::kInt64, {}), 0);
  Node slot = source(NodeKind::kState, "layer.weight", DType::kFloat32, {2, 3});
  slot.state_role = StateRole::kOptimizer;
  EXPECT_EQ(first_value(slot, 1).abs().sum().item<double>(), 0);
}

TEST(SeededValues, InputsHaveVarianceOneOrTheirRange) {
  EXPECT_THAT(numbers<float>(first_value(source(NodeKind::kInput, "x", DType::kFloat32, {4}), 1)),
              ElementsAre(-1.6639114618301392F, -1.383946180343628F, 0.19841116666793823F,
                          0.14871658384799957F));
  Node tokens = source(NodeKind::kInput, "tokens", DType::kInt64, {2, 2});
  tokens.range = {10, 100};
  EXPECT_THAT(numbers<std::int64_t>(first_value(tokens, 1)), ElementsAre(35, 14, 60, 79));
  EXPECT_THAT(numbers<bool>(first_value(source(NodeKind::kInput, "mask", DType::kBool, {4}), 1)),
              ElementsAre(true, true, false, true));
}

TEST(SeededValues, ValuesOfTheFileWin) {
  Node node = source(NodeKind::kConstant, "c", DType::kInt32, {2});
  node.values = {7, -3};
  EXPECT_THAT(numbers<std::int32_t>(first_value(node, 1)), ElementsAre(7, -3));
}

TEST(SeededValues, SeedAndNameBothMatter) {
  EXPECT_NE(value_key(1, "a"), value_key(2, "a"));
  EXPECT_NE(value_key(1, "a"), value_key(1, "b"));
  EXPECT_NE(random_op_seed(1, "drop", 0), random_op_seed(1, "drop", 1));
  EXPECT_NE(random_op_seed(1, "drop", 0), random_op_seed(2, "drop", 0));
}

TEST(Tensors, RecordsKeepTheirStrides) {
  // A 2 x 3 matrix stored by columns, after one element that is not part of it.
  const std::vector<float> storage = {99, 1, 4, 2, 5, 3, 6};
  RawTensor record{
      .dtype = DType::kFloat32, .shape = {2, 3}, .strides = {1, 2}, .offset = 1, .data = {}};
  record.data.assign(reinterpret_cast<const char*>(storage.data()), storage.size() * sizeof(float));
  const at::Tensor tensor = tensor_of(record);
  EXPECT_EQ(tensor.strides(), (std::vector<std::int64_t>{1, 2}));
  const Value value = value_of(tensor);
  EXPECT_EQ(value.shape, (std::vector<std::int64_t>{2, 3}));
  std::vector<float> rows(6);
  std::memcpy(rows.data(), value.data.data(), value.data.size());
  EXPECT_THAT(rows, ElementsAre(1, 2, 3, 4, 5, 6));
}

}  // namespace
}  // namespace placer::profile
