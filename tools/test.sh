#!/usr/bin/env bash
# Sets this machine up, builds placer without LibTorch (preset core) and with it (preset release),
# warnings as errors, and runs every test: in core all that need no LibTorch, in release the others,
# and the simulator and the command line again. Ends with ctest's summary and its exit status.
#
#   tools/test.sh [OPTIONS OF ctest]                     such as -R graph, -L golden
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=tools/setup.sh
. tools/setup.sh
cmake --preset core
cmake --build --preset core --target all all_verify_interface_header_sets
cmake --preset release -DPLACER_WERROR=ON -DPLACER_BUILD_BENCH=ON -DPLACER_BUILD_CORE_TESTS=OFF
cmake --build --preset release

# One ctest run over both builds: one summary.
mkdir -p build/tests
printf 'subdirs("%s")\n' "$PWD/build/core" "$PWD/build/release" >build/tests/CTestTestfile.cmake
exec ctest --test-dir build/tests --output-on-failure --no-tests=error -j "$(nproc)" "$@"
