#include "profiler/cuda/partitions.h"

#include <string>

#include <cudaTypedefs.h>
#include <fmt/format.h>

#include "placer/base/error.h"
#include "profiler/cuda/cuda_calls.h"

namespace placer::profile {
namespace {

constexpr unsigned kSinceVersion = 12050;  // all that is called here is in CUDA 12.5

// A function of libcuda, which is not linked: machines without a driver have none.
template <typename Function>
Function driver_function(const char* name, int gpu) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t status =
      cudaGetDriverEntryPointByVersion(name, &function, kSinceVersion, cudaEnableDefault, &found);
  if (status != cudaSuccess || found != cudaDriverEntryPointSuccess || function == nullptr) {
    (void)cudaGetLastError();
    throw Error(ErrorKind::kDevice,
                fmt::format("cuda:{}: the driver cannot partition GPUs (it has no {})", gpu, name));
  }
  return reinterpret_cast<Function>(function);
}

CUdevice handle_of(int gpu) {
  const auto get = driver_function<PFN_cuDeviceGet_v2000>("cuDeviceGet", gpu);
  CUdevice device = 0;
  check_cuda(get(&device, gpu), gpu, "asking for its handle");
  return device;
}

// The largest equal parts: what a part may be is for the driver to say (on some GPUs multiples of
// 8), so that every size is tried from the largest down.
std::vector<CUdevResource> split(CUdevice device, int gpu, int parts) {
  const auto resource =
      driver_function<PFN_cuDeviceGetDevResource_v12040>("cuDeviceGetDevResource", gpu);
  const auto split_by_count =
      driver_function<PFN_cuDevSmResourceSplitByCount_v12040>("cuDevSmResourceSplitByCount", gpu);
  CUdevResource all{};
  check_cuda(resource(device, &all, CU_DEV_RESOURCE_TYPE_SM), gpu, "asking for multiprocessors");
  const auto wanted = static_cast<unsigned>(parts);
  for (unsigned size = all.sm.smCount / wanted; size > 0; --size) {
    unsigned groups = wanted;
    std::vector<CUdevResource> result(wanted);
    const CUresult status = split_by_count(result.data(), &groups, &all, nullptr, 0, size);
    if (status == CUDA_SUCCESS && groups == wanted) {
      return result;
    }
  }
  throw Error(ErrorKind::kDevice,
              fmt::format("cuda:{}: its {} multiprocessors cannot be cut into {} "
                          "equal parts",
                          gpu, all.sm.smCount, parts));
}

}  // namespace

const Partitions::Cut& Partitions::cut(int gpu, int parts) {
  const std::lock_guard lock(mutex_);
  const auto key = std::make_pair(gpu, parts);
  if (const auto known = cuts_.find(key); known != cuts_.end()) {
    return known->second;
  }
  const CurrentGpu current(gpu);
  const auto describe =
      driver_function<PFN_cuDevResourceGenerateDesc_v12040>("cuDevResourceGenerateDesc", gpu);
  const auto create = driver_function<PFN_cuGreenCtxCreate_v12040>("cuGreenCtxCreate", gpu);
  const CUdevice device = handle_of(gpu);
  Cut cut;
  for (CUdevResource& part : split(device, gpu, parts)) {
    CUdevResourceDesc description = nullptr;
    CUgreenCtx context = nullptr;
    check_cuda(describe(&description, &part, 1), gpu, "partitioning");
    check_cuda(create(&context, description, device, CU_GREEN_CTX_DEFAULT_STREAM), gpu,
               "partitioning");
    cut.multiprocessors = static_cast<int>(part.sm.smCount);
    cut.contexts.push_back(context);
  }
  return cuts_.emplace(key, std::move(cut)).first->second;
}

int Partitions::multiprocessors(int gpu, int parts) {
  return cut(gpu, parts).multiprocessors;
}

CUstream Partitions::new_stream(int gpu, GpuPart part) {
  const Cut& parts = cut(gpu, part.count);
  PLACER_CHECK(part.index >= 0 && part.index < part.count, "a part of the GPU");
  const auto create =
      driver_function<PFN_cuGreenCtxStreamCreate_v12050>("cuGreenCtxStreamCreate", gpu);
  CUstream stream = nullptr;
  check_cuda(create(&stream, parts.contexts[static_cast<std::size_t>(part.index)],
                    CU_STREAM_NON_BLOCKING, 0),
             gpu, "making a stream of a part");
  return stream;
}

}  // namespace placer::profile
