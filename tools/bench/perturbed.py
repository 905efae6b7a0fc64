#!/usr/bin/env python3
"""Do annealing's defaults suit more than the bundled workloads? Settings at equal budgets on perturbed copies and generated graphs.

  python3 tools/bench/perturbed.py build/release/placer                   # 3 copies of each, 200000 evaluations a run
  python3 tools/bench/perturbed.py build/release/placer --copies 1 --budget 1000000

Every copy of a bundled workload has each node's times, each producer's transfer cost and each size scaled by factors drawn from
[0.5, 2], log-uniformly. Generated graphs are layered, 120 nodes, three accelerators and a host. Every setting runs on every
instance, from the heuristics' placements. Prints how far each is above the best of all settings on the instance: mean, worst, and
on how many instances it is the best (ties count for all). Needs nothing but Python's standard library.
"""

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile

from placer_report import report_of

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORKLOADS = os.path.join(ROOT, "configs", "workloads", "dnn-partitioning")
BUNDLED = [
    ("max-load", "throughput/layer_bert24_inference"),
    ("max-load", "throughput/layer_bert24_training"),
    ("max-load", "throughput/layer_resnet50_inference"),
    ("max-load", "throughput/layer_resnet50_training"),
    ("max-load", "throughput/op_bert_l-3_inference"),
    ("max-load", "throughput/op_resnet50_inference"),
    ("latency", "latency/layer_bert24_inference"),
    ("latency", "latency/op_bert_l-3_inference"),
]
SETTINGS = {  # of annealing; what is not named is the default
    "defaults": [],
    "hotter": ["annealing.temperature=0.05"],
    "colder": ["annealing.temperature=0.002"],
    "ends hotter": ["annealing.cooling=0.01"],
    "one leg": ["annealing.legs=1"],
    "four legs": ["annealing.legs=4"],
    "no guide": ["annealing.guide=0"],
}


def factor(rng):
    return math.exp(rng.uniform(math.log(0.5), math.log(2)))


def perturbed(path, rng):
    with open(os.path.join(WORKLOADS, path + ".json")) as file:
        workload = json.load(file)
    cost_factor = {}
    for node in workload["nodes"]:
        time, size = factor(rng), factor(rng)
        node["cpuLatency"] *= time
        node["fpgaLatency"] *= time
        # The limit stays: sizes shrink as often as they grow, but never add up to more than before.
        node["size"] = int(node["size"] * size / 2)
        cost_factor[node["id"]] = factor(rng)
    for edge in workload["edges"]:
        edge["cost"] *= cost_factor[edge["sourceId"]]
    return workload


def generated(rng):
    """A layered graph: 120 nodes in layers of up to 8, one to three inputs each, mostly from the layer before."""
    layers, nodes, edges = [], [], []
    while len(nodes) < 120:
        layer = []
        for _ in range(rng.randint(1, 8)):
            time = rng.expovariate(1)
            node = {"id": len(nodes), "supportedOnFpga": 1, "cpuLatency": time * rng.uniform(5, 25), "fpgaLatency": time,
                    "isBackwardNode": 0, "size": rng.randint(1, 1000)}
            cost = rng.expovariate(4)
            sources = {rng.choice(layers[-1] if rng.random() < 0.8 else rng.choice(layers)) for _ in range(rng.randint(1, 3))} if layers else set()
            edges += [{"sourceId": source, "destId": node["id"], "cost": 0, "size": 1} for source in sorted(sources)]
            node["out"] = cost
            nodes.append(node)
            layer.append(node["id"])
        layers.append(layer)
    for edge in edges:
        edge["cost"] = nodes[edge["sourceId"]]["out"]
    for node in nodes:
        del node["out"]
    return {"maxSizePerFPGA": sum(node["size"] for node in nodes) // 2, "maxFPGAs": 3, "maxCPUs": 1, "nodes": nodes, "edges": edges}


def instances(copies):
    for objective, path in BUNDLED:
        for copy in range(copies):
            yield objective, f"{path}, copy {copy + 1}", perturbed(path, random.Random(f"{path} {copy}"))
    for copy in range(4 * copies):
        yield ("max-load", "latency")[copy % 2], f"generated {copy + 1}", generated(random.Random(f"generated {copy}"))


def value(program, folder, objective, setting, budget):
    arguments = ["place", "graph.json", "-c", "cluster.json", "--objective", objective, "--algorithm", "annealing", "--budget", str(budget)]
    for parameter in setting:
        arguments += ["--set", parameter]
    done = subprocess.run([program, *arguments, "--json", "--quiet", "-o", "placement.json"], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"placer {' '.join(arguments)}: exit status {done.returncode}\n{done.stderr}")
    report = report_of(done.stdout)
    return next(run["value_us"] for run in report["algorithms"] if run["algorithm"] == report["chosen"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="placer")
    parser.add_argument("--copies", type=int, default=3, help="of each bundled workload; four times as many generated graphs")
    parser.add_argument("--budget", type=int, default=200000, help="evaluations of each run")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    above = {name: [] for name in SETTINGS}
    with tempfile.TemporaryDirectory() as folder:
        for objective, name, workload in instances(options.copies):
            with open(os.path.join(folder, "workload.json"), "w") as file:
                json.dump(workload, file)
            subprocess.run([program, "import", "--quiet", "--from", "dnn-partitioning", "workload.json", "-o", "graph.json", "-c", "cluster.json"],
                           cwd=folder, check=True, stdout=subprocess.DEVNULL)
            found = {setting: value(program, folder, objective, given, options.budget) for setting, given in SETTINGS.items()}
            least = min(found.values())
            for setting, microseconds in found.items():
                above[setting].append(100 * (microseconds / least - 1))
            print(f"{objective} {name}: " + ", ".join(f"{setting} +{above[setting][-1]:.2f} %" for setting in SETTINGS), file=sys.stderr, flush=True)
    print(f"{len(above['defaults'])} instances, {options.budget} evaluations a run; above the best of all settings")
    print("| setting | mean | worst | best on |\n| --- | --- | --- | --- |")
    for setting, given in SETTINGS.items():
        values = above[setting]
        label = setting + (f" (`{given[0]}`)" if given else "")
        print(f"| {label} | {sum(values) / len(values):.3f} % | {max(values):.2f} % | {sum(v < 0.01 for v in values)} |")


if __name__ == "__main__":
    main()
