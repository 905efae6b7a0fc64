// Preloaded into the program by tests of what a kill leaves: the process gets SIGKILL when it is about
// to rename a file for the n-th time to a name that ends in a suffix, so that the moment depends on
// what was done, not on the clock.
//
//   LD_PRELOAD=<this library> PLACER_TEST_KILL_SUFFIX=.ckpt PLACER_TEST_KILL_AT=3 placer ...

#include <dlfcn.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string_view>

// The C library's; everything that the project writes ends with it.
extern "C" int rename(const char* from, const char* to) noexcept {
  static std::atomic<int> left = [] {
    const char* at = std::getenv("PLACER_TEST_KILL_AT");
    return at == nullptr ? 0 : std::atoi(at);
  }();
  const char* suffix = std::getenv("PLACER_TEST_KILL_SUFFIX");
  if (suffix != nullptr && std::string_view(to).ends_with(suffix) && --left == 0) {
    static_cast<void>(std::raise(SIGKILL));
  }
  using Rename = int (*)(const char*, const char*);
  static const auto real = reinterpret_cast<Rename>(dlsym(RTLD_NEXT, "rename"));
  return real(from, to);
}
