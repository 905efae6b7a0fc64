#!/usr/bin/env python3
"""Writes scores.json: placements of every bundled dnn-partitioning workload with their values by an independent scorer.

usage: regenerate.py SCORE_PY [--check]     (the scorer's file; --check: only says whether scores.json would change)

Per workload: everything on one accelerator, everything on CPU, the expert's split where there is one, random devices, and
random prefix splits of a topological order. A placement is a letter per node, nodes by ascending id; letters name devices:
"acc:0", ... then "cpu:0", ...
"""
import importlib.util
import json
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
WORKLOADS = HERE.parents[2] / "configs" / "workloads" / "dnn-partitioning"
EXPERTS = {"layer_bert24_inference": "bert24_inference", "layer_bert24_training": "bert24_training",
           "layer_resnet50_inference": "resnet50_inference"}


def topological(nodes, succ, pred):
    left = {v: len(pred[v]) for v in nodes}
    ready, order = sorted(v for v in nodes if left[v] == 0), []
    while ready:
        v = ready.pop(0)
        order.append(v)
        for w in sorted(succ[v]):
            left[w] -= 1
            if left[w] == 0:
                ready.append(w)
    return order


def keep_constraints(nodes, device_of):
    """Colour classes go with their first node; what is not supported on an accelerator goes to cpu:0."""
    leader = {}
    for v in sorted(device_of):
        color = nodes[v].get("colorClass")
        key = ("alone", v) if color is None else color
        leader.setdefault(key, [device_of[v], True])
        leader[key][1] = leader[key][1] and bool(nodes[v]["supportedOnFpga"])
    for v in device_of:
        color = nodes[v].get("colorClass")
        device, supported = leader[("alone", v) if color is None else color]
        device_of[v] = device if supported or device.startswith("cpu") else "cpu:0"
    return device_of


def placements(path, data, nodes, succ, pred, accelerators, devices):
    rng = random.Random(path.stem)
    yield {v: "acc:0" for v in nodes}
    yield {v: "cpu:0" for v in nodes}
    for _ in range(3):
        yield {v: rng.choice(devices) for v in nodes}
    order = topological(nodes, succ, pred)
    for parts in range(2, len(accelerators) + 1):
        cuts = sorted(rng.randrange(len(order)) for _ in range(parts - 1))
        yield {v: accelerators[sum(cut <= i for cut in cuts)] for i, v in enumerate(order)}
        yield {v: (accelerators + ["cpu:0"])[sum(cut <= i for cut in cuts) + (i % 97 == 5)] for i, v in enumerate(order)}
    if path.parent.name == "throughput" and path.stem in EXPERTS:
        expert = json.load(open(WORKLOADS / "experts" / f"{EXPERTS[path.stem]}_expert.json"))
        yield {v: f"{kind}:{i}" for kind, key in (("acc", "fpgas"), ("cpu", "cpus"))
               for i, device in enumerate(expert[key]) for v in device["nodes"]}


def same_scores(rows, known):
    def same(a, b):
        x, y = a["value_ms"], b["value_ms"]
        values = x == y if x is None or y is None else abs(x - y) <= 1e-12 * abs(y)
        return values and all(a[key] == b[key] for key in ("workload", "objective", "placement", "feasible"))
    return len(rows) == len(known) and all(map(same, rows, known))


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--check"]):
        sys.exit(__doc__)
    spec = importlib.util.spec_from_file_location("score", sys.argv[1])
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    rows = []
    for path in sorted(WORKLOADS.glob("*/*.json")):
        if path.parent.name == "experts":
            continue
        data, nodes, succ, pred, comm = score.load_workload(path)
        accelerators = [f"acc:{i}" for i in range(int(data["maxFPGAs"]))]
        devices = accelerators + [f"cpu:{i}" for i in range(int(data["maxCPUs"]))]
        for device_of in placements(path, data, nodes, succ, pred, accelerators, devices):
            device_of = keep_constraints(nodes, device_of)
            for objective in ("max-load", "latency"):
                groups, problems = score.constraint_problems(data, nodes, device_of, objective == "latency")
                value = getattr(score, objective.replace("-", "_"))(nodes, succ, pred, comm, groups, device_of)
                letters = "".join(chr(ord("a") + devices.index(device_of[v])) for v in sorted(nodes))
                rows.append({"workload": f"{path.parent.name}/{path.name}", "objective": objective, "placement": letters,
                             "value_ms": value, "feasible": not problems and value is not None})
    text = "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"
    if sys.argv[2:]:
        sys.exit(0 if same_scores(rows, json.load(open(HERE / "scores.json"))) else "scores.json is not what the scorer says")
    (HERE / "scores.json").write_text(text)


if __name__ == "__main__":
    main()
