#!/usr/bin/env python3
"""Learned methods against searches, random search and heuristics, at equal evaluations and at equal seconds, each from nothing.

  python3 tools/bench/learning.py build/release/placer --quick                  # under 10 minutes
  python3 tools/bench/learning.py build/release/placer -o runs/learning         # days; goes on where it was interrupted
  python3 tools/bench/learning.py build/release/placer --evaluations 100,1000 --seconds 1s --nodes 200    # what you have time for

Runs `placer compare` on the bundled public workloads, the bundled training graphs (with op times measured here; only where the program
can) and generated graphs of about 1,000 nodes (where --generator is built), each with ample memory and with so little that about two
thirds of the devices are needed. Learned methods are all that the program has. Prints a table a budget (medians over the seeds, least
and most) and the claims as reached or missed; the folder gets cells.jsonl (every run; a cell that is there is not run again),
report.json and best-so-far curves as SVG. Runs with a budget of evaluations go side by side, one a core; those with a budget of seconds
have the machine to themselves. Exit status 1 when a claim is missed. Needs nothing but Python's standard library.
"""

import argparse
import hashlib
import json
import math
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import learning_claims
import svg_plot
from learning_workloads import FAMILIES, ROOT, TRAINING, Workloads, public_workloads
from placer_report import report_of

SEARCHES = ["random", "hill-climb", "annealing", "genetic"]
FULL = {"evaluations": [10, 100, 1000, 10000], "seconds": ["1s", "10s", "60s"], "seeds": 5, "nodes": 1000}
QUICK = {"evaluations": [100, 1000], "seconds": ["1s"], "seeds": 3, "nodes": 100}
QUICK_PUBLIC = ["throughput/layer_bert24_training", "latency/layer_bert24_inference"]
QUICK_FAMILIES = ["layered"]


class Runner:
    """Runs cells, or takes them from an earlier run of the same program on the same files."""

    def __init__(self, program, folder, work):
        self._program = program
        self._work = work
        self._path = os.path.join(folder, "cells.jsonl")
        self._program_hash = self._hash(program)
        self._writing = threading.Lock()
        self._known = {}
        if os.path.exists(self._path):
            with open(self._path) as file:
                for line in file:
                    if line.endswith("\n"):  # an interrupted write
                        entry = json.loads(line)
                        self._known[json.dumps(entry["key"], sort_keys=True)] = entry["cell"]

    @staticmethod
    def _hash(path):
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()[:16]

    def compare(self, workload, *arguments):
        """The report's algorithms. Where nothing fits, that is the result."""
        command = [self._program, "-q", "--json", "compare", workload["graph"], "-c", workload["cluster"], "--objective", workload["objective"],
                   *arguments]
        done = subprocess.run(command, cwd=self._work, capture_output=True, text=True)
        if done.returncode not in (0, 4):
            sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
        return report_of(done.stdout)["algorithms"]

    def cell(self, workload, method, budget, seeds):
        """None where the method takes fewer groups than the workload has. Several cells may be asked for at once."""
        key = {"program": self._program_hash, "graph": self._hash(os.path.join(self._work, workload["graph"])),
               "cluster": self._hash(os.path.join(self._work, workload["cluster"])), "objective": workload["objective"], "method": method,
               "budget": budget, "seeds": seeds}
        text = json.dumps(key, sort_keys=True)
        if text not in self._known:
            start = time.monotonic()
            rows = self.compare(workload, "--budget", str(budget), "--algorithms", method, "--seeds", str(seeds))
            cell = None if not rows else {
                "values": [value_of(run) for run in rows[0]["runs"]], "seconds": [run["seconds"] for run in rows[0]["runs"]],
                "evaluations": [run["evaluations"] for run in rows[0]["runs"]], "histories": [run["history"] for run in rows[0]["runs"]],
                "wall": time.monotonic() - start}
            with self._writing, open(self._path, "a") as file:
                self._known[text] = cell
                file.write(json.dumps({"key": key, "cell": cell, "workload": workload["name"]}) + "\n")
        return self._known[text]


def value_of(run):
    return run["value_us"] if run["feasible"] else None


def milliseconds(value):
    return "-" if math.isinf(value) else f"{value / 1e3:.4g}"


def table(cells, workloads, methods, budget):
    """Markdown: a row a workload, medians with least and most in ms; the best median in bold."""
    shown = [m for m in methods if any((w, m, budget) in cells for w in workloads)]
    print(f"\n{budget}{' evaluations' if isinstance(budget, int) else ''}: median ms (least to most)\n")
    print("| workload | " + " | ".join(shown) + " | best heuristic |\n|" + " --- |" * (len(shown) + 2))
    for workload in workloads:
        spreads = {m: learning_claims.spread(cells[workload, m, budget]["values"]) for m in shown if (workload, m, budget) in cells}
        least = min((s[0] for s in spreads.values()), default=math.inf)
        row = []
        for method in shown:
            middle, low, high = spreads.get(method, (math.inf,) * 3)
            text = milliseconds(middle) + ("" if math.isinf(low) or low == high else f" ({milliseconds(low)} to {milliseconds(high)})")
            row.append(f"**{text}**" if middle == least and not math.isinf(middle) else text)
        row.append(cells.get((workload, "heuristics"), "-"))
        print(f"| {workload} | " + " | ".join(row) + " |", flush=True)


def make_workloads(options, settings, work):
    made = Workloads(options.program, options.generator, work)
    result = []
    for objective, path in public_workloads():
        if not options.quick or path in QUICK_PUBLIC:
            result += made.public(objective, path)
    if not options.quick:
        for name in TRAINING:
            result += made.training(name)
    if os.path.exists(options.generator):
        for family in QUICK_FAMILIES if options.quick else FAMILIES:
            result += made.generated(family, settings["nodes"])
    else:
        print(f"no generated graphs: there is no {options.generator} (cmake -DPLACER_BUILD_BENCH=ON)", file=sys.stderr)
    return result


def best_heuristic(rows):
    """'value (name)' of what does not search, of a report."""
    found = [(value_of(row["runs"][0]), row["algorithm"]) for row in rows if not row["searches"] and row["runs"][0]["feasible"]]
    return f"{milliseconds(min(found)[0])} ({min(found)[1]})" if found else "-"


def run_all(runner, workloads, settings, wanted):
    """Cells by (workload, method, budget), and the learned methods: of those that are `wanted`, or all where none is named."""
    cells, learned = {}, []
    for workload in workloads:
        report = runner.compare(workload, "--budget", "1")
        cells[workload["name"], "heuristics"] = best_heuristic(report)
        learned += [row["algorithm"] for row in report if row["learns"] and row["algorithm"] not in learned]
    unknown = [method for method in wanted if method not in learned]
    if unknown:
        sys.exit(f"--methods: the program has no learned method {', '.join(unknown)}; it has {', '.join(learned)}")
    learned = [method for method in learned if not wanted or method in wanted]

    def run(task):
        workload, budget, method = task
        return task, runner.cell(workload, method, budget, settings["seeds"])

    # Time is measured where the budget is one: nothing else may run then.
    for budgets, side_by_side in ((settings["evaluations"], os.cpu_count()), (settings["seconds"], 1)):
        tasks = [(workload, budget, method) for workload in workloads for budget in budgets for method in learned + SEARCHES]
        with ThreadPoolExecutor(side_by_side) as pool:
            for number, ((workload, budget, method), cell) in enumerate(pool.map(run, tasks), 1):
                if cell:
                    cells[workload["name"], method, budget] = cell
                print(f"{number} of {len(tasks)}: {workload['name']}, {budget}, {method}", file=sys.stderr, flush=True)
    return cells, learned


def write_plots(folder, cells, workloads, methods, budget):
    """A picture a workload, and one over all of them."""
    points = [p for p in sorted({round(10 ** (i / 8)) for i in range(0, 8 * 7)} | {budget}) if p <= budget]
    pictures = {"all workloads": svg_plot.plot(learning_claims.curves_over_all(cells, workloads, methods, budget, points), "all workloads",
                                               "best so far over the best of all at the end (median, quartiles)")}
    for workload in workloads:
        curves = {}
        for method in methods:
            cell = cells.get((workload, method, budget))
            rows = learning_claims.curve(cell["histories"], points) if cell else []
            if rows:
                curves[method] = [(x, m / 1e3, low / 1e3, high / 1e3) for x, m, low, high in rows]
        pictures[workload] = svg_plot.plot(curves, workload, "best so far, ms (median, least to most)")
    for name, picture in pictures.items():
        if picture:
            with open(os.path.join(folder, name.replace("/", "-").replace(", ", "-").replace(" ", "-") + ".svg"), "w") as file:
                file.write(picture)


def write_report(folder, cells, settings, lines):
    entries = [{"workload": key[0], "method": key[1], "budget": key[2], "median_us": learning_claims.median(cell["values"]), "values_us": cell["values"],
                "seconds": cell["seconds"], "evaluations": cell["evaluations"]} for key, cell in cells.items() if len(key) == 3]
    for entry in entries:
        if math.isinf(entry["median_us"]):
            entry["median_us"] = None
    with open(os.path.join(folder, "report.json"), "w") as file:
        json.dump({"settings": settings, "claims": [{"reached": reached, "text": text} for reached, text in lines], "cells": entries}, file, indent=1)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default=os.path.join(ROOT, "build", "release", "placer"), help="placer")
    parser.add_argument("--generator", help="generate_graphs [bench/ beside the program]")
    parser.add_argument("-o", "--output", default=os.path.join("runs", "learning"), help="folder; what is there already is not run again")
    parser.add_argument("--quick", action="store_true", help="few workloads, budgets and seeds")
    parser.add_argument("--seeds", type=int, help="of each method [5; with --quick 3]")
    parser.add_argument("--evaluations", help="budgets, such as 100,1000 [10,100,1000,10000; with --quick 100,1000]")
    parser.add_argument("--seconds", help="budgets, such as 1s,10s; empty: none [1s,10s,60s; with --quick 1s]")
    parser.add_argument("--nodes", type=int, help="of generated graphs [1000; with --quick 100]")
    parser.add_argument("--only", help="workloads whose name has this in it")
    parser.add_argument("--methods", default="", help="learned methods, such as post,guided; searches are run always [all]")
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    options.generator = os.path.abspath(options.generator or os.path.join(os.path.dirname(options.program), "bench", "generate_graphs"))
    return options


def given(options):
    """Settings that the command line states."""
    settings = {name: getattr(options, name) for name in ("seeds", "nodes") if getattr(options, name)}
    if options.evaluations is not None:
        settings["evaluations"] = [int(budget) for budget in options.evaluations.split(",") if budget]
    if options.seconds is not None:
        settings["seconds"] = [budget for budget in options.seconds.split(",") if budget]
    return settings


def main():
    options = parse_arguments()
    settings = dict(QUICK if options.quick else FULL)
    settings |= given(options)
    work = os.path.join(os.path.abspath(options.output), "workloads")
    start = time.monotonic()
    workloads = [w for w in make_workloads(options, settings, work) if not options.only or options.only in w["name"]]
    cells, learned = run_all(Runner(options.program, options.output, work), workloads, settings,
                             [method for method in options.methods.split(",") if method])
    names = [workload["name"] for workload in workloads]
    budgets = settings["evaluations"] + settings["seconds"]
    print(f"`tools/bench/learning.py {' '.join(sys.argv[1:])}`: {settings['seeds']} seeds, {os.cpu_count()} cores; "
          f"learned: {', '.join(learned) or 'none'}")
    for budget in budgets:
        table(cells, names, learned + SEARCHES, budget)
    lines = learning_claims.claims(cells, names, learned, budgets)
    print()
    for reached, text in lines:
        print(("not known" if reached is None else learning_claims.verdict(reached)) + ": " + text)
    write_report(options.output, cells, settings, lines)
    if settings["evaluations"]:
        write_plots(options.output, cells, names, learned + SEARCHES, max(settings["evaluations"]))
    print(f"{time.monotonic() - start:.0f} s; report.json and curves in {options.output}", file=sys.stderr)
    return 1 if any(reached is False for reached, _ in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
