#pragma once

// Recognises by content what a user handed to the importer instead of a .pt2 archive.

#include <filesystem>
#include <string>

namespace placer {

// `problem`, followed by what the file is and what to do about it where that is known: TorchScript,
// a pickled checkpoint, safetensors, ONNX, ExecuTorch, GGUF, HDF5, one of placer's own files, a
// .pt2 of torch before 2.8, an empty or missing file.
[[nodiscard]] std::string not_a_pt2(const std::filesystem::path& path, const std::string& problem);

}  // namespace placer
