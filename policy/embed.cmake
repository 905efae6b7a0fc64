# Turns a file into a C++ source with its bytes: cmake -DINPUT=... -DOUTPUT=... -P embed.cmake
file(READ "${INPUT}" hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE "${OUTPUT}" "#include \"policy/shipped_policy.h\"

namespace placer::policy {
namespace {
constexpr unsigned char kBytes[] = {${bytes}};
}  // namespace

std::string_view shipped_policy() {
  return {reinterpret_cast<const char*>(kBytes), sizeof(kBytes)};
}

}  // namespace placer::policy
")
