#!/usr/bin/env bash
# From nothing to a measured placement: sets this machine up, builds placer, and places the bundled
# Inception-V3 training step on this machine's cores. Results are in quickstart/.
#
#   tools/quickstart.sh [OPTIONS OF placer place]        default: --budget 480s
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=tools/setup.sh
. tools/setup.sh
[[ -f build/release/build.ninja ]] || cmake --preset release
cmake --build --preset release --target placer

run() {
  printf '\n$ %s\n' "$*"
  "$@"
}
placer=build/release/placer
graph=configs/graphs/inception_v3_small.json.zst
out=quickstart
(($#)) || set -- --budget 480s
mkdir -p $out
export OMP_WAIT_POLICY=passive # idle OpenMP threads sleep instead of spinning on the others' cores
run $placer devices -o $out/cluster.json
run $placer profile $graph -c $out/cluster.json -o $out/graph.json
run $placer place $out/graph.json -c $out/cluster.json -o $out/placement.json "$@"
