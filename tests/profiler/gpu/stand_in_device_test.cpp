// What the stand-in GPUs must find for tests of the executor to mean something.

#include "tests/profiler/gpu/stand_in_device.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/relu.h>
#include <c10/core/Event.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <gmock/gmock.h>

namespace placer::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const at::Device kGpu(at::kPrivateUse1, 0);
const at::Device kOther(at::kPrivateUse1, 1);

c10::Stream new_stream(int gpu) {
  const profile::GpuStream made = stand_in_stream(gpu);
  return c10::Stream::unpack3(made.id, made.device_index,
                              static_cast<c10::DeviceType>(made.device_type));
}

class StandInGpus : public ::testing::Test {
 protected:
  StandInGpus() { stand_in_pause(std::chrono::microseconds(100)); }
  // What was done wrong on purpose may come to light late: not in another test.
  ~StandInGpus() override {
    stand_in_pause(std::chrono::microseconds(0));
    const c10::impl::VirtualGuardImpl guard(at::kPrivateUse1);
    for (const c10::Stream& stream :
         {writes_, reads_, guard.getDefaultStream(kGpu), guard.getDefaultStream(kOther)}) {
      guard.synchronizeStream(stream);
    }
    (void)stand_in_faults();
  }

  // Of kGpu: 16 numbers of 3, made on the writing stream.
  at::Tensor written() const {
    const c10::StreamGuard guard(writes_);
    return at::relu(at::full({16}, 3.0, at::TensorOptions(kGpu)));
  }
  at::Tensor read(const at::Tensor& value) const {
    const c10::StreamGuard guard(reads_);
    return at::relu(value);
  }

  const c10::InferenceMode inference_;
  const c10::Stream writes_ = new_stream(0);
  const c10::Stream reads_ = new_stream(0);
};

TEST_F(StandInGpus, ComputeAndCopyBothWays) {
  const at::Tensor value = at::full({16}, -2.0, at::kFloat).to(kGpu);
  EXPECT_EQ(at::relu(value.neg()).to(kOther).cpu().sum().item<float>(), 32);
  EXPECT_THAT(stand_in_faults(), IsEmpty());
}

TEST_F(StandInGpus, AnEventOrdersTwoStreams) {
  const at::Tensor value = written();
  c10::Event event(at::kPrivateUse1);
  event.record(writes_);
  event.block(reads_);
  const at::Tensor result = read(value);
  const c10::impl::VirtualGuardImpl guard(at::kPrivateUse1);
  guard.recordDataPtrOnStream(value.storage().data_ptr(), reads_);
  guard.synchronizeStream(reads_);
  EXPECT_EQ(result.cpu().sum().item<float>(), 48);
  EXPECT_THAT(stand_in_faults(), IsEmpty());
}

TEST_F(StandInGpus, AHostThatWaitedOrdersThemToo) {
  const at::Tensor value = written();
  c10::impl::VirtualGuardImpl(at::kPrivateUse1).synchronizeStream(writes_);
  (void)read(value);
  c10::impl::VirtualGuardImpl(at::kPrivateUse1).synchronizeStream(reads_);
  EXPECT_THAT(stand_in_faults(), IsEmpty());
}

TEST_F(StandInGpus, AReadThatDoesNotWaitIsFound) {
  const at::Tensor value = written();
  (void)read(value);
  EXPECT_THAT(stand_in_faults(),
              Contains(HasSubstr("aten::relu reads 64 bytes on GPU 0 without waiting")));
}

TEST_F(StandInGpus, AnEventOfAnEarlierMomentDoesNotOrderWhatCameAfter) {
  c10::Event event(at::kPrivateUse1);
  event.record(writes_);
  const at::Tensor value = written();
  event.block(reads_);
  (void)read(value);
  EXPECT_THAT(stand_in_faults(), Contains(HasSubstr("without waiting")));
}

TEST_F(StandInGpus, AReadOfWhatNobodyWroteIsFound) {
  (void)at::relu(at::empty_like(written()));
  EXPECT_THAT(stand_in_faults(), Contains(HasSubstr("which nobody has written")));
}

TEST_F(StandInGpus, MemoryThatIsFreedWhileAnotherStreamReadsItIsFound) {
  {
    const at::Tensor value = written();
    c10::Event event(at::kPrivateUse1);
    event.record(writes_);
    event.block(reads_);
    (void)read(value);
  }
  EXPECT_THAT(stand_in_faults(), Contains(HasSubstr("is freed while a stream")));
}

TEST_F(StandInGpus, TensorsOfSeveralGpusAreRefused) {
  const at::Tensor here = at::full({2}, 1.0, at::TensorOptions(kGpu));
  EXPECT_THROW((void)here.add(at::full({2}, 1.0, at::TensorOptions(kOther))), c10::Error);
  EXPECT_THROW((void)here.add(at::full({2}, 1.0, at::kFloat)), c10::Error);
}

TEST_F(StandInGpus, CopiesAreCounted) {
  (void)stand_in_crossings();
  const at::Tensor value = at::full({2}, 1.0, at::kFloat).to(kGpu);
  (void)value.to(kOther);
  (void)value.cpu();
  const Crossings crossings = stand_in_crossings();
  EXPECT_EQ(crossings.to_gpu, 1);
  EXPECT_EQ(crossings.between, 1);
  EXPECT_EQ(crossings.to_host, 1);
  EXPECT_EQ(crossings.within, 0);
}

TEST_F(StandInGpus, MemoryBeyondTheLimitIsALibTorchError) {
  limit_stand_in(2, Bytes{100});
  const at::TensorOptions on_gpu(at::Device(at::kPrivateUse1, 2));
  EXPECT_THROW((void)at::full({100}, 1.0, on_gpu), c10::OutOfMemoryError);
  EXPECT_EQ(stand_in_live(2), Bytes{});
  limit_stand_in(2, Bytes{std::int64_t{1} << 60});
}

}  // namespace
}  // namespace placer::testing
