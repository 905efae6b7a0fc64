#pragma once

// Tensors in and out of a checkpoint.

#include <filesystem>
#include <span>
#include <vector>

#include "policy/checkpoint_file.h"
#include "policy/torch/policy_network.h"

namespace placer::policy {

[[nodiscard]] std::vector<Blob> to_blobs(std::span<const NamedTensor> tensors);

// Copies into every one of `tensors` the blob of its name. Nothing is changed unless all are there
// with their dtype and shape and hold finite numbers; else throws Error(kBadInput) naming `path`
// and the tensor.
void load_blobs(const std::filesystem::path& path, std::span<const Blob> blobs,
                std::span<const NamedTensor> tensors);

}  // namespace placer::policy
