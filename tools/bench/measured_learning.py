#!/usr/bin/env python3
"""Does learning first from the simulator save measurements?

Runs `placer place --algorithm dual` with `--signal measured`, where the policy learns from measured steps alone, and with
`--signal both`, where it learns from the simulator first, on the bundled training graphs with this machine's op times, or on
the graphs given. A best so far of noisy times mostly says when the machine was fast; therefore all placements that were the best of
the two runs of a seed when they were found are measured once more, in turn, and these times count. Prints the best so far over the
number of timed steps, and the claim that `both` reaches what `measured` ends with after at most a third of its measurements, as
reached or missed; writes both as JSON, and curves as SVG. Wall times: for an otherwise idle machine. A run is interrupted, as by
Ctrl-C, when it has learned: what it would measure then, its finalists, is not needed here.

    tools/bench/measured_learning.py build/release/placer -o runs/measured
    tools/bench/measured_learning.py build/release/placer --graph graph.json --cluster cluster.json --seeds 1 --budget 40
"""

import argparse
import json
import math
import os
import pathlib
import signal as signals
import statistics
import subprocess
import sys
import time

import learning_workloads
import svg_plot

SIGNALS = ["measured", "both"]
SHARE = 1 / 3  # of the measurements, at most


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("placer")
    parser.add_argument("-o", "--output", default="runs/measured", help="folder for graphs, runs, results.json and curves")
    parser.add_argument("--graph", action="append", default=[], help="profiled graph, instead of the bundled ones")
    parser.add_argument("--cluster", help="of the graphs given")
    parser.add_argument("--algorithm", default="dual")
    parser.add_argument("--budget", type=int, default=200, help="placements of each search, simulated or measured")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-groups", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=10, help="timed steps of each placement when it is measured once more")
    parser.add_argument("--set", action="append", default=[], help="as of placer place")
    options = parser.parse_args()
    if bool(options.graph) != bool(options.cluster):
        parser.error("--graph and --cluster go together")
    return options


def graphs(options):
    """(name, graph file, cluster file) of each."""
    if options.graph:
        names = [pathlib.Path(graph).name.removesuffix(".json").removesuffix(".graph") for graph in options.graph]
        return [(name, os.path.abspath(graph), os.path.abspath(options.cluster)) for name, graph in zip(names, options.graph)]
    folder = os.path.abspath(os.path.join(options.output, "graphs"))
    made = learning_workloads.Workloads(os.path.abspath(options.placer), None, folder)
    stems = [(name, made.profiled(name)) for name in learning_workloads.TRAINING]
    return [(name, os.path.join(folder, stem + ".graph.json"), os.path.join(folder, stem + ".cluster.json")) for name, stem in stems if stem]


def learn(options, folder, graph, cluster, signal, seed):
    """One run; one that was interrupted goes on, one that has learned is not repeated."""
    if has_learned(options, folder, signal):
        return
    settings = [word for setting in options.set for word in ("--set", setting)]
    begin = [graph, "-c", cluster, "--algorithm", options.algorithm, "--signal", signal, "--budget", str(options.budget), "--seed",
             str(seed), "--max-groups", str(options.max_groups), "--run-dir", str(folder), "-o", str(folder) + ".placement.json"]
    how = ["--resume", str(folder)] if (folder / "config.json").exists() else begin + settings
    process = subprocess.Popen([options.placer, "-q", "place", *how], stdout=subprocess.DEVNULL)
    while process.poll() is None and not has_learned(options, folder, signal):
        time.sleep(0.2)
    process.send_signal(signals.SIGINT)
    if process.wait() != 0:
        sys.exit(f"{folder}: exit status {process.returncode}")


def label_of(options, signal):
    return options.algorithm + ("+steps" if signal == "both" else "")


def rows_of(folder, label):
    """The learner's lines of metrics.jsonl; one that is being written is left out."""
    path = folder / "metrics.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [row for row in map(json.loads, lines) if row["algorithm"] == label]


def has_learned(options, folder, signal):
    """Whether what is left of the budget is less than an update."""
    done = [row["evaluations"] for row in rows_of(folder, label_of(options, signal))]
    return len(done) > 1 and done[-1] + (done[-1] - done[-2]) > options.budget


def improvements(folder, label):
    """[(timed steps after the update that found it, placement file)] of what was the best when it was found, and all timed steps."""
    rows = rows_of(folder, label)
    found = []
    for file in sorted((folder / "improvements").glob(label + "-*.json")):
        evaluations = int(file.stem[len(label) + 1:])
        steps = [row["timed_steps"] for row in rows if row["evaluations"] >= evaluations]
        found.append((steps[0] if steps else rows[-1]["timed_steps"], file))
    if not found or not rows:
        sys.exit(f"{folder}: no update found a placement that runs; give a larger --budget")
    return found, rows[-1]["timed_steps"]


def measure_again(options, report, graph, cluster, files):
    """Median of each placement file in ms; all of them are run in turn."""
    if not report.exists():
        done = subprocess.run([options.placer, "-q", "--json", "measure", graph, "-c", cluster, *map(str, files), "--rounds",
                               str(options.rounds)], check=True, stdout=subprocess.PIPE, text=True)
        report.write_text(done.stdout)
    rows = json.loads(report.read_text())["placements"]
    return {row["placement"]: row["median_us"] / 1e3 for row in rows}


def run_both(options, name, graph, cluster, seed):
    """What the two runs of a seed come to, by signal."""
    runs = pathlib.Path(options.output).absolute() / "runs"
    found = {}
    for signal in SIGNALS:
        folder = runs / f"{name}-{signal}-{seed}"
        learn(options, folder, graph, cluster, signal, seed)
        found[signal] = improvements(folder, label_of(options, signal))
        print(f"{name}, {signal}, seed {seed} done", file=sys.stderr)
    files = [file for signal in SIGNALS for _, file in found[signal][0]]
    again = measure_again(options, runs / f"{name}-again-{seed}.json", graph, cluster, files)
    return {signal: {"seed": seed, "curve": curve([(steps, again[str(file)]) for steps, file in best], total)}
            for signal, (best, total) in found.items()}


def curve(points, total):
    """[(timed steps so far, ms of the best so far)], one a number of steps, to the end. What was taken for better may have turned out
    worse."""
    last = {steps: best for steps, best in points}
    last.setdefault(total, points[-1][1])
    return sorted(last.items())


def share_needed(measured, both):
    """The measurements after which `both` has reached what `measured` ends with, over all of the latter's; infinite where it never does."""
    total, final = measured[-1]
    return next((steps for steps, best in both if best <= final), math.inf) / total


def at(points, steps):
    """Best so far after so many timed steps; nothing where there was none."""
    known = [best for done, best in points if done <= steps]
    return known[-1] if known else None


def band(runs):
    """[(timed steps, median, least, most)] over seeds, where every seed has a value."""
    last = min(one["curve"][-1][0] for one in runs)
    steps = sorted({done for one in runs for done, _ in one["curve"] if done <= last})
    values = [(done, [at(one["curve"], done) for one in runs]) for done in steps]
    return [(done, statistics.median(best), min(best), max(best)) for done, best in values if None not in best]


def summarise(name, by_signal):
    shares = [share_needed(measured["curve"], both["curve"]) for measured, both in zip(by_signal["measured"], by_signal["both"])]
    middle = statistics.median(shares)
    return {"graph": name, "runs": by_signal, "shares": [share if math.isfinite(share) else None for share in shares],
            "share": middle if math.isfinite(middle) else None, "reached": middle <= SHARE}


def table(result):
    lines = [f"{result['graph']}: best so far, ms; median over the seeds (least to most)", "| timed steps | measured | both |", "|---|---|---|"]
    bands = {signal: band(result["runs"][signal]) for signal in SIGNALS}
    total = bands["measured"][-1][0]
    for part in (0.05, 0.1, 0.2, 1 / 3, 0.5, 0.75, 1):
        cells = []
        for signal in SIGNALS:
            known = [row for row in bands[signal] if row[0] <= part * total]
            cells.append("{1:.1f} ({2:.1f} to {3:.1f})".format(*known[-1]) if known else "-")
        lines.append(f"| {part * total:.0f} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def claim(result):
    words = "never reaches what measured ends with" if result["share"] is None else \
        f"reaches what measured ends with after {100 * result['share']:.0f} % of its measurements"
    return f"{'reached' if result['reached'] else 'missed'}: {result['graph']}: both {words} (median over seeds; claim: {100 * SHARE:.0f} % at most)"


def main():
    options = parse_arguments()
    folder = pathlib.Path(options.output)
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    results = []
    for name, graph, cluster in graphs(options):
        seeds = [run_both(options, name, graph, cluster, seed) for seed in range(1, options.seeds + 1)]
        by_signal = {signal: [one[signal] for one in seeds] for signal in SIGNALS}
        result = summarise(name, by_signal)
        results.append(result)
        (folder / f"{name}.svg").write_text(
            svg_plot.plot({signal: band(by_signal[signal]) for signal in SIGNALS}, name, "best so far, ms", "timed steps"))
        print(table(result) + "\n")
    for result in results:
        print(claim(result))
    settings = {"algorithm": options.algorithm, "budget": options.budget, "seeds": options.seeds, "max_groups": options.max_groups, "rounds": options.rounds,
                "set": options.set}
    (folder / "results.json").write_text(json.dumps({"settings": settings, "graphs": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
