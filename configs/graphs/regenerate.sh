#!/usr/bin/env bash
# Makes the bundled graphs, and those of the golden tests, again.
#
#   configs/graphs/regenerate.sh [PLACER]        default: build/release/placer
#
# Needs a Python environment with torch 2.11 (python3 -m pip install torch==2.11.0 numpy). Those of zoo/ have op times: for an
# otherwise idle machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
placer=${1:-build/release/placer}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# imported FILE ZOO_MODEL [OPTIONS OF placer_export]
imported() {
  local file=$1 model=$2
  shift 2
  PYTHONPATH=tools/export python3 -m placer_export --zoo "$model" --size small "$@" -o "$work/step.pt2"
  "$placer" -q import "$work/step.pt2" --optimizer sgd --no-weights -o "$file"
}

# timed NAME ZOO_MODEL [SIZE=NUMBER...]
timed() {
  local name=$1 model=$2 options=()
  shift 2
  for size in "$@"; do options+=(--set "$size"); done
  imported "$work/$name.json" "$model" "${options[@]}"
  "$placer" -q profile "$work/$name.json" -c "$work/cores.json" -o "configs/graphs/zoo/$name.json.zst"
}

mkdir -p tests/golden/graphs configs/graphs/zoo
for model in inception_v3 lstm_lm nmt; do
  imported "configs/graphs/${model}_small.json.zst" "$model"
  imported "tests/golden/graphs/${model}_small-nodrop.json.zst" "$model" --no-dropout
done

"$placer" -q devices --cpu-only -o "$work/cores.json"
timed lstm_lm_2x6 lstm_lm layers=2 width=256 steps=6
timed lstm_lm_3x10 lstm_lm layers=3 width=512 steps=10
timed lstm_lm_4x8 lstm_lm layers=4 width=256 steps=8
timed nmt_1x4 nmt layers=1 width=256 source_steps=4 target_steps=4
timed nmt_2x8 nmt layers=2 width=512 source_steps=8 target_steps=8
timed bert_1 bert layers=1 width=256
timed bert_2 bert layers=2 width=768 heads=12 batch=4
timed bert_3 bert layers=3 width=512
timed moe_1 moe layers=1 experts=4
timed moe_2 moe layers=2 experts=8
timed moe_3 moe layers=3 width=256 experts=4
timed resnet50_96 resnet50 image=96
timed nasnet_1 nasnet repeats=1
timed nasnet_2 nasnet repeats=2 filters=16
