#!/usr/bin/env python3
"""Does learning first from the simulator save measurements?

Runs `placer place --algorithm dual` with `--signal measured`, where the policy learns from measured steps alone, and with
`--signal both`, where it learns from the simulator first, on the bundled training graphs with this machine's op times, or on
the graphs given. A best so far of noisy times mostly says when the machine was fast; therefore all placements that were the best of
the two runs of a seed when they were found are measured once more, in turn, and these times count. Prints the best so far over the
number of timed steps, and the claim that `both` is after a third of `measured`'s measurements where that ends: what it has then over
what `measured` ends with, the median of pairs of steps of all seeds with its 95 % interval. At 1 or below it is reached, as far above as
noise explains it is not decided, else it is missed. Writes all that as JSON, and curves as SVG. Wall times: for an otherwise idle
machine. A run is interrupted, as by Ctrl-C, when it has learned: what it would measure then, its finalists, is not needed here.

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
    """[(timed steps when it was found, placement file)] of what was the best then, and all timed steps."""
    rows = rows_of(folder, label)
    found = [(steps_after(int(file.stem[len(label) + 1:]), rows), file)
             for file in sorted((folder / "improvements").glob(label + "-*.json"))]
    if not found or not rows:
        sys.exit(f"{folder}: no update found a placement that runs; give a larger --budget")
    return found, rows[-1]["timed_steps"]


def steps_after(evaluations, rows):
    """Timed steps after so many placements: those of an update, which are known, are taken as spread evenly over its placements."""
    before = (0, 0)
    for row in rows:
        after = (row["evaluations"], row["timed_steps"])
        if after[0] >= evaluations:
            share = (evaluations - before[0]) / (after[0] - before[0])
            return round(before[1] + share * (after[1] - before[1]))
        before = after
    return before[1]


def measure_again(options, report, graph, cluster, files):
    """Step times of each placement file in ms, a step a round; all of them are run in turn."""
    if not report.exists():
        done = subprocess.run([options.placer, "-q", "--json", "measure", graph, "-c", cluster, *map(str, files), "--rounds",
                               str(options.rounds)], check=True, stdout=subprocess.PIPE, text=True)
        report.write_text(done.stdout)
    rows = json.loads(report.read_text())["placements"]
    return {row["placement"]: [1e3 * seconds for seconds in row["seconds"]] for row in rows}


def run_both(options, name, graph, cluster, seed):
    """What the two runs of a seed come to."""
    runs = pathlib.Path(options.output).absolute() / "runs"
    found = {}
    for signal in SIGNALS:
        folder = runs / f"{name}-{signal}-{seed}"
        learn(options, folder, graph, cluster, signal, seed)
        found[signal] = improvements(folder, label_of(options, signal))
        print(f"{name}, {signal}, seed {seed} done", file=sys.stderr)
    files = [file for signal in SIGNALS for _, file in found[signal][0]]
    again = measure_again(options, runs / f"{name}-again-{seed}.json", graph, cluster, files)
    steps = {signal: [(done, again[str(file)]) for done, file in best] for signal, (best, _) in found.items()}
    return {"seed": seed, "ratios": ratios(steps["both"], steps["measured"], SHARE * found["measured"][1]),
            "curves": {signal: curve(steps[signal], found[signal][1]) for signal in SIGNALS}}


def ratios(both, measured, steps):
    """Round by round, of what `both` has after so many timed steps over what `measured` ends with; none where it has nothing yet."""
    known = at(both, steps)
    return [mine / other for mine, other in zip(known, measured[-1][1])] if known else []


def curve(points, total):
    """[(timed steps so far, median ms of the best so far)], one a number of steps, to the end. What was taken for better may have
    turned out worse."""
    last = {steps: statistics.median(times) for steps, times in points}
    last.setdefault(total, statistics.median(points[-1][1]))
    return sorted(last.items())


def at(points, steps):
    """What was the best so far after so many timed steps; nothing where there was none."""
    known = [best for done, best in points if done <= steps]
    return known[-1] if known else None


def median_interval(values):
    """95 % of the median, from order statistics; the range where there are fewer than six."""
    ordered, count = sorted(values), len(values)
    outside, k = 0.5 ** count, 0  # chance that the median is below ordered[k]
    while 2 * (outside + math.comb(count, k + 1) * 0.5 ** count) <= 0.05:
        k += 1
        outside += math.comb(count, k) * 0.5 ** count
    return ordered[k], ordered[count - 1 - k]


def band(curves):
    """[(timed steps, median, least, most)] over seeds, where every seed has a value."""
    last = min(one[-1][0] for one in curves)
    steps = sorted({done for one in curves for done, _ in one if done <= last})
    values = [(done, [at(one, done) for one in curves]) for done in steps]
    return [(done, statistics.median(best), min(best), max(best)) for done, best in values if None not in best]


def summarise(name, runs):
    """Of the runs of all seeds; nothing is known of the ratio where `both` has nothing in one of them."""
    pairs = [ratio for one in runs for ratio in one["ratios"]]
    known = all(one["ratios"] for one in runs)
    ratio, (low, high) = (statistics.median(pairs), median_interval(pairs)) if known else (None, (None, None))
    verdict = "missed" if not known or low > 1 else "reached" if ratio <= 1 else "not decided"
    return {"graph": name, "runs": runs, "ratio": ratio, "low": low, "high": high, "verdict": verdict}


def table(result):
    lines = [f"{result['graph']}: best so far, ms; median over the seeds (least to most)", "| timed steps | measured | both |", "|---|---|---|"]
    bands = {signal: band([one["curves"][signal] for one in result["runs"]]) for signal in SIGNALS}
    total = bands["measured"][-1][0]
    for part in (0.05, 0.1, 0.2, 1 / 3, 0.5, 0.75, 1):
        cells = []
        for signal in SIGNALS:
            known = [row for row in bands[signal] if row[0] <= part * total]
            cells.append("{1:.1f} ({2:.1f} to {3:.1f})".format(*known[-1]) if known else "-")
        lines.append(f"| {part * total:.0f} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def claim(result):
    words = "has nothing that runs" if result["ratio"] is None else \
        "takes {ratio:.3f} ({low:.3f} to {high:.3f}) times what measured ends with".format(**result)
    return f"{result['verdict']}: {result['graph']}: after {100 * SHARE:.0f} % of the measurements both {words}"


def main():
    options = parse_arguments()
    folder = pathlib.Path(options.output)
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    results = []
    for name, graph, cluster in graphs(options):
        result = summarise(name, [run_both(options, name, graph, cluster, seed) for seed in range(1, options.seeds + 1)])
        results.append(result)
        (folder / f"{name}.svg").write_text(
            svg_plot.plot({signal: band([one["curves"][signal] for one in result["runs"]]) for signal in SIGNALS}, name, "best so far, ms", "timed steps"))
        print(table(result) + "\n")
    for result in results:
        print(claim(result))
    settings = {"algorithm": options.algorithm, "budget": options.budget, "seeds": options.seeds, "max_groups": options.max_groups, "rounds": options.rounds,
                "set": options.set}
    (folder / "results.json").write_text(json.dumps({"settings": settings, "graphs": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
