#!/usr/bin/env bash
# Makes the bundled graphs, and those of the golden tests, again.
#
#   configs/graphs/regenerate.sh [PLACER]        default: build/release/placer
#
# Needs a Python environment with torch 2.11 (python3 -m pip install torch==2.11.0 numpy).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
placer=${1:-build/release/placer}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# graph FOLDER NAME ZOO_MODEL [OPTIONS OF placer_export]
graph() {
  local folder=$1 name=$2 model=$3
  shift 3
  PYTHONPATH=tools/export python3 -m placer_export --zoo "$model" --size small "$@" -o "$work/$name.pt2"
  "$placer" import "$work/$name.pt2" --optimizer sgd --no-weights -o "$folder/$name.json.zst"
}

mkdir -p tests/golden/graphs
for model in inception_v3 lstm_lm nmt; do
  graph configs/graphs "${model}_small" "$model"
  graph tests/golden/graphs "${model}_small-nodrop" "$model" --no-dropout
done
