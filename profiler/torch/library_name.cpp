#include <torch/headeronly/version.h>

#include "profiler/devices.h"

namespace placer::profile {

std::string library_name() {
  return std::string("libtorch ") + TORCH_VERSION;
}

}  // namespace placer::profile
