#!/usr/bin/env python3
"""What `placer place --algorithm auto` reaches on the bundled public workloads, against the best values known.

  python3 tools/bench/search.py build/release/placer            # 10 s a run, seeds 1 to 5: about 7 minutes
  python3 tools/bench/search.py build/release/placer --quick    # 2 s a run, seed 1

Prints a Markdown table a part: max-load and latency by `auto`, the optimal contiguous split by `dp`, and the schedules of
Topcuoglu's example. Known values and where they are from: search_known.json. Exit status 1 when a known value is not reached.
Needs nothing but Python's standard library.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

from placer_report import report_of

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORKLOADS = os.path.join(ROOT, "configs", "workloads")
KNOWN = os.path.join(ROOT, "tools", "bench", "search_known.json")
TOLERANCE = 1e-4  # relative: known values have three decimals


class Bench:
    def __init__(self, program, folder):
        self._program = os.path.abspath(program)
        self._folder = folder
        self.missed = 0

    def run(self, *arguments):
        """The command's JSON, wall seconds and CPU seconds."""
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run([self._program, "--json", "--quiet", *arguments], cwd=self._folder, capture_output=True, text=True)
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.exit(f"placer {' '.join(arguments)}: exit status {done.returncode}\n{done.stderr}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return report_of(done.stdout), wall, cpu

    def load(self, source, path):
        self.run("import", "--from", source, os.path.join(WORKLOADS, path + ".json"), "-o", "graph.json", "-c", "cluster.json")

    def verdict(self, value, known):
        if value < known * (1 - TOLERANCE):
            return "better"
        if value <= known * (1 + TOLERANCE):
            return "reached"
        self.missed += 1
        return f"missed by {100 * (value / known - 1):.3f} %"


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def head(*cells):
    print()
    row(*cells)
    row(*["---"] * len(cells))


def searches(bench, known, budget, seeds):
    head("workload", "objective", "best known (ms)", "worst seed (ms)", "best seed (ms)", "", "gap to the bound", "devices", "wall s, most")
    for path, values in known.items():
        for objective in ("max-load", "latency"):
            target = values.get(objective.replace("-", "_"))
            if target is None:
                continue
            bench.load("dnn-partitioning", "dnn-partitioning/" + path)
            found, walls, bound, used = [], [], 0, 0
            for seed in seeds:
                report, wall, _ = bench.run("place", "graph.json", "-c", "cluster.json", "--objective", objective, "--budget", budget,
                                            "--seed", str(seed), "-o", "placement.json")
                chosen = next(r for r in report["algorithms"] if r["algorithm"] == report["chosen"])
                found.append(chosen["value_us"] / 1e3)
                walls.append(wall)
                bound = max(bound, report.get("bound", {}).get("value_us", 0) / 1e3)
                used = chosen["devices_used"]
            worst = max(found)
            gap = f"{100 * (worst / bound - 1):.1f} %" if bound > 0 else "-"
            row(path, objective, f"{target} ({values['source']})", f"{worst:.4f}", f"{min(found):.4f}", bench.verdict(worst, target), gap, used,
                f"{max(walls):.1f}")


def contiguous(bench, known):
    head("workload", "optimal contiguous max-load (ms)", "dp (ms)", "", "CPU s")
    for path, values in known.items():
        if "dp" not in values:
            continue
        bench.load("dnn-partitioning", "dnn-partitioning/" + path)
        report, _, cpu = bench.run("compare", "graph.json", "-c", "cluster.json", "--objective", "max-load", "--contiguous", "--algorithms", "dp")
        run = report["algorithms"][0]["runs"][0]
        value = run["value_us"] / 1e3
        row(path, values["dp"], f"{value:.4f}", bench.verdict(value, values["dp"]), f"{cpu:.2f}")


def schedules(bench, known):
    head("Topcuoglu's example", "published", "found", "", "certified", "seconds")
    bench.load("task-graph", "task-graph/topcuoglu")
    for name, target in known.items():
        report, _, _ = bench.run("compare", "graph.json", "-c", "cluster.json", "--model", "ideal", "--algorithms", name)
        run = report["algorithms"][0]["runs"][0]
        value = run["value_us"]
        certified = "yes" if run.get("gap_to_bound") == 0 else "no"
        row(name, target, f"{value:g}", bench.verdict(value, target), certified, f"{run['seconds']:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="placer")
    parser.add_argument("--quick", action="store_true", help="2 s a run and seed 1 alone")
    parser.add_argument("--budget", help="of each run (default 10s)")
    options = parser.parse_args()
    with open(KNOWN) as file:
        known = {path: values for path, values in json.load(file).items() if isinstance(values, dict)}
    topcuoglu = known.pop("topcuoglu")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.program, folder)
        budget = options.budget or ("2s" if options.quick else "10s")
        seeds = [1] if options.quick else [1, 2, 3, 4, 5]
        print(f"`tools/bench/search.py {' '.join(sys.argv[1:])}`: `--budget {budget}`, seeds {seeds[0]} to {seeds[-1]}, {os.cpu_count()} cores")
        searches(bench, known, budget, seeds)
        contiguous(bench, known)
        schedules(bench, topcuoglu)
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
