#!/usr/bin/env python3
"""What parts of the learned methods are worth: each is changed alone, and what is found at equal evaluations is compared.

  python3 tools/bench/ablations.py build/release/placer                          # dual
  python3 tools/bench/ablations.py build/release/placer --method post --budget 1000 --nodes 1000
  python3 tools/bench/ablations.py build/release/placer --only baseline --budget 100 --seeds 5
  python3 tools/bench/ablations.py build/release/placer --only ways --objective max-load

Runs `placer compare`, or `placer place` where it begins with heuristics' placements, in the simulator on bundled workloads and on generated
graphs (in a build with -DPLACER_BUILD_BENCH=ON); with another objective than the step time, on the bundled workloads of that objective.
Prints a Markdown table: medians over the seeds of the best value, over those of the first row, which is the method as it is; their geometric
mean over the graphs is the last column. Below 1 is better; `-`: nothing that fits was found in the median. As many runs at once as there are
cores. Needs nothing but Python's standard library.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import learning_workloads
from placer_report import report_of

WORKLOADS = ["throughput/op_bert_l-3_inference", "latency/layer_bert24_inference"]
GENERATED = [("layered", "1"), ("random", "2"), ("series-parallel", "1")]  # and the ratio of communication to computation
WARM, COLD = "warm_start=on", "warm_start=off"
WARM_METHODS = ["dual"]  # whose default is to begin with the heuristics' placements
NO_LIST_SCHEDULER = ["urgency=0", "greed=0", "thrift=0", "packing=0"]


def settings(method, *values):
    return [word for value in values for word in ("--set", f"{method}.{value}")]


def signal_and_learning(method):
    """Of every method."""
    return [
        ("baseline: mean of the update's others", settings(method, "baseline=batch")),
        ("baseline: from the first rewards", settings(method, "baseline_from_failing=off")),
        ("reward: seconds, advantages as they are (published)", settings(method, "reward=seconds", "normalize=off")),
        ("reward: advantages as they are", settings(method, "normalize=off")),
        ("elites: none", settings(method, "elites=0")),
    ]


def grouped(method):
    """Of those that see units or groups in the order of the graph."""
    return [
        ("as it is", []),
        ("grouping: 64 groups", ["--max-groups", "64"]),
        ("start: with a warm start", settings(method, WARM)),
        ("ways to begin: uniform alone", settings(method, "runs=0", "packing=0")),
        ("ways to begin: not packed", settings(method, "packing=0")),
        *signal_and_learning(method),
        ("restarts: none", settings(method, "restart_after=0")),
        ("entropy bonus: none", settings(method, "entropy=0", "entropy_end=0")),
        ("loss: the policy gradient", settings(method, "loss=reinforce")),
    ]


# (what is changed, arguments of placer)
VARIANTS = {
    "dual": [
        ("as it is", []),
        ("grouping: 64 groups", ["--max-groups", "64"]),
        ("grouping: op by op", ["--max-groups", "0"]),
        ("start: fresh weights are no list scheduler", settings("dual", *NO_LIST_SCHEDULER)),
        ("start: neither they nor a warm start", settings("dual", COLD, *NO_LIST_SCHEDULER)),
        ("ways to begin: all, no warm start", settings("dual", COLD)),
        ("ways to begin: not by few devices", settings("dual", COLD, "packing=0")),
        ("ways to begin: not by few transfers", settings("dual", COLD, "thrift=0")),
        ("ways to begin: by earliest finish alone", settings("dual", COLD, "packing=0", "thrift=0")),
        *signal_and_learning("dual"),
        ("features: no messages between ops", settings("dual", "layers=0")),
        ("learning: none", settings("dual", "lr=1e-8")),
    ],
    "post": [
        *grouped("post"),
        ("cross-entropy steps: none", settings("post", "ce_every=0")),
        ("cross-entropy steps: no floor", settings("post", "ce_moves=0")),
        ("learning: cross-entropy steps alone", settings("post", "lr=1e-8")),
        ("learning: none", settings("post", "lr=1e-8", "ce_every=0")),
    ],
    "ppo": [
        *grouped("ppo"),
        ("baseline: a value that is learned", settings("ppo", "baseline=value")),
        ("features: the encoder reads one way", settings("ppo", "bidirectional=off")),
        ("learning: none", settings("ppo", "lr=1e-8")),
    ],
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--method", default="dual", choices=sorted(VARIANTS))
    parser.add_argument("--objective", default="step-time", choices=["step-time", "max-load", "latency"])
    parser.add_argument("--budget", default="300", help="evaluations")
    parser.add_argument("--nodes", type=int, default=150, help="of generated graphs, about")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="variants whose name has this in it, and the first")
    return parser.parse_args()


def run(command, folder, allowed=(0,)):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode not in allowed:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


def make_graphs(options, folder):
    """Names; each is a folder's file NAME.json with NAME_cluster.json."""
    program = os.path.abspath(options.program)
    paths, generated = WORKLOADS, GENERATED
    if options.objective != "step-time":
        paths, generated = [path for objective, path in learning_workloads.public_workloads() if objective == options.objective], []
    names = []
    for path in paths:
        names.append(os.path.basename(path))
        run([program, "-q", "import", "--from", "dnn-partitioning", os.path.join(learning_workloads.PUBLIC, path + ".json"), "-o", f"{names[-1]}.json", "-c",
             f"{names[-1]}_cluster.json"], folder)
    generator = os.path.join(os.path.dirname(program), "bench", "generate_graphs")
    for family, ratio in generated:
        names.append(f"{family}-{options.nodes}")
        run([generator, "--family", family, "--nodes", str(options.nodes), "--ratio", ratio, "--seed", "7", "-o", f"{names[-1]}.json", "-c", f"{names[-1]}_cluster.json"],
            folder)
    return names


def search(options, folder, graph, given):
    """What is found with every seed, microseconds; infinite where nothing fits."""
    method = options.method
    common = [f"{graph}.json", "-c", f"{graph}_cluster.json", "--objective", options.objective, "--budget", options.budget, *given]

    def algorithms(command, *arguments):
        report = report_of(run([os.path.abspath(options.program), "--json", "-q", command, *common, *arguments], folder, allowed=(0, 4)))
        return {row["algorithm"]: row for row in report["algorithms"]} if report else {}

    warm = f"{method}.{WARM}" in given or (method in WARM_METHODS and f"{method}.{COLD}" not in given)
    if not warm:  # without the heuristics
        runs = algorithms("compare", "--algorithms", method, "--seeds", str(options.seeds))[method]["runs"]
        return [one["value_us"] if one["feasible"] else math.inf for one in runs]
    values = []
    for seed in range(1, options.seeds + 1):
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".json") as placement:
            row = algorithms("place", "--algorithm", method, "--signal", "simulated", "--no-measure", "--seed", str(seed), "-o", placement.name).get(method, {})
        values.append(row.get("value_us", math.inf))
    return values


def cell(ratio):
    return f"{ratio:.3f}" if 0 < ratio < math.inf else "-"


def main():
    options = arguments()
    variants = VARIANTS[options.method]
    variants = variants[:1] + [variant for variant in variants[1:] if options.only in variant[0]]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        graphs = make_graphs(options, folder)
        print(f"| {options.method}, {options.budget} evaluations | " + " | ".join(graphs) + " | geometric mean |\n" + "|---" * (len(graphs) + 2) + "|")
        first = {}
        for name, given in variants:
            values = [statistics.median(found) for found in pool.map(lambda graph: search(options, folder, graph, given), graphs)]
            first = first or values
            ratios = [value / as_it_is for value, as_it_is in zip(values, first)]
            finite = all(0 < ratio < math.inf for ratio in ratios)
            mean = math.exp(statistics.fmean(map(math.log, ratios))) if finite else math.nan
            print(f"| {name} | " + " | ".join(map(cell, ratios)) + f" | {cell(mean)} |", flush=True)


if __name__ == "__main__":
    main()
