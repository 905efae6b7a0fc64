#!/usr/bin/env bash
# Checks placer on a machine with a GPU, without network: builds it, runs the tests, then measures.
# Writes OUT/PART.json for every part and OUT/summary.json. Ends after 8 minutes: parts that it has
# not come to are left out.
#
#   tools/gpu_check.sh OUT [PART...]      all parts, or those named (their order does not matter):
#                                         build tests discovery conformance profile step fidelity place
#                                         policies
#
# Needs x86-64 Linux, g++, CMake 3.25, Ninja, a CUDA Toolkit 13, and a Python environment with
# PyTorch 2.11. The other libraries come from the system, or from the folder that
# tools/pack_deps.sh made: deps/ here, or where $PLACER_DEPS says. Graphs in its graphs/ (MODEL.json.zst)
# are not exported anew.
#
#   PLACER_PYTHON   the Python with PyTorch [python3]
#
# Exit status: 0 all is well, 1 something is not (summary.json says what), 2 wrong usage, 5 no GPU.
set -euo pipefail
out=${1:-}
if [[ -z $out || $out == -* ]]; then
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
shift
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ! -e /dev/nvidiactl ]]; then
  echo "gpu_check: this machine has no GPU with an NVIDIA driver (there is no /dev/nvidiactl): nothing was checked" >&2
  exit 5
fi
exec "${PLACER_PYTHON:-python3}" tools/bench/gpu_check.py --deps "${PLACER_DEPS:-$PWD/deps}" --out "$out" "$@"
