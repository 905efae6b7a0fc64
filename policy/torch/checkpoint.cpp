#include "policy/torch/checkpoint.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/error.h"

namespace placer::policy {
namespace {

static_assert(std::endian::native == std::endian::little, "checkpoints hold little-endian numbers");

std::string blob_dtype(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kDouble ? "float64" : "float32";
}

const Blob& find_blob(const std::filesystem::path& path, std::span<const Blob> blobs,
                      const NamedTensor& wanted) {
  const auto found = std::find_if(blobs.begin(), blobs.end(),
                                  [&](const Blob& blob) { return blob.name == wanted.name; });
  if (found == blobs.end()) {
    throw Error(ErrorKind::kBadInput, path.string(), "tensors",
                fmt::format("\"{}\" is missing", wanted.name));
  }
  const auto sizes = wanted.value.sizes();
  if (found->dtype != blob_dtype(wanted.value) ||
      !std::equal(sizes.begin(), sizes.end(), found->shape.begin(), found->shape.end())) {
    throw Error(ErrorKind::kBadInput, path.string(), "tensors",
                fmt::format("\"{}\" is {} [{}], this graph and these settings need {} [{}]",
                            wanted.name, found->dtype, fmt::join(found->shape, ", "),
                            blob_dtype(wanted.value), fmt::join(sizes, ", ")));
  }
  return *found;
}

}  // namespace

std::vector<Blob> to_blobs(std::span<const NamedTensor> tensors) {
  std::vector<Blob> blobs;
  for (const NamedTensor& tensor : tensors) {
    const at::Tensor value = tensor.value.detach().to(at::kCPU).contiguous();
    Blob blob{.name = tensor.name,
              .dtype = blob_dtype(value),
              .shape = value.sizes().vec(),
              .bytes = std::string(value.nbytes(), '\0')};
    std::memcpy(blob.bytes.data(), value.const_data_ptr(), blob.bytes.size());
    blobs.push_back(std::move(blob));
  }
  return blobs;
}

void load_blobs(const std::filesystem::path& path, std::span<const Blob> blobs,
                std::span<const NamedTensor> tensors) {
  const at::NoGradGuard guard;
  std::vector<at::Tensor> values;
  for (const NamedTensor& wanted : tensors) {
    const Blob& blob = find_blob(path, blobs, wanted);
    at::Tensor value = at::empty(wanted.value.sizes(), wanted.value.scalar_type());
    PLACER_CHECK(value.nbytes() == blob.bytes.size(), "a checked blob has its shape's size");
    std::memcpy(value.data_ptr(), blob.bytes.data(), blob.bytes.size());
    if (!value.isfinite().all().item<bool>()) {
      throw Error(ErrorKind::kBadInput, path.string(), "tensors",
                  fmt::format("\"{}\" holds numbers that are not finite", wanted.name));
    }
    values.push_back(std::move(value));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    at::Tensor target = tensors[i].value;
    target.copy_(values[i]);
  }
}

}  // namespace placer::policy
