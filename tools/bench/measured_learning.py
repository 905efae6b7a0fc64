#!/usr/bin/env python3
"""Does the policy learn from measured steps alone?

Runs `placer place --algorithm colocrl --signal measured` for several seeds and compares the placements that the policy
proposed first with those that it proposed last: medians over the first and the last tenth of its samples, by measured
step time. Every sample is the median of three timed steps. Prints a table and, with --json, one object.

    tools/bench/measured_learning.py graph.json -c cluster.json --seeds 3 --samples 200
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graph")
    parser.add_argument("-c", "--cluster", required=True)
    parser.add_argument("--placer", default="build/release/placer")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--max-groups", type=int, default=16)
    parser.add_argument("--set", action="append", default=["colocrl.lr=0.01", "colocrl.k=4", "colocrl.elite_weight=1"], help="as of placer place")
    parser.add_argument("--keep", metavar="FOLDER", help="leave the run directories there")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def run_seed(options, seed, folder):
    """Rows of metrics.jsonl of one run, one per update."""
    run_dir = folder / f"seed-{seed}"
    settings = [word for setting in options.set for word in ("--set", setting)]
    subprocess.run(
        [options.placer, "-q", "place", options.graph, "-c", options.cluster, "--algorithm", "colocrl",
         "--signal", "measured", "--no-warm-start", "--budget", str(options.samples), "--seed", str(seed),
         "--max-groups", str(options.max_groups), "--run-dir", str(run_dir), "-o", str(run_dir) + ".json", *settings],
        check=True, stdout=subprocess.DEVNULL)
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if row["algorithm"] == "colocrl"]


def summarise(rows):
    """Medians, in ms, of the updates' median samples over the first and the last tenth, and the spread of each."""
    tenth = max(2, len(rows) // 10)
    first = [row["sample_median_ms"] for row in rows[:tenth]]
    last = [row["sample_median_ms"] for row in rows[-tenth:]]
    return {"updates": len(rows), "evaluations": rows[-1]["evaluations"], "first_ms": statistics.median(first),
            "last_ms": statistics.median(last), "best_ms": rows[-1]["best_step_time_ms"],
            "first_range_ms": [min(first), max(first)], "last_range_ms": [min(last), max(last)]}


def main():
    options = parse_arguments()
    results = []
    with contextlib.nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory() as folder:
        for seed in range(1, options.seeds + 1):
            results.append(summarise(run_seed(options, seed, pathlib.Path(folder))) | {"seed": seed})
            print(f"seed {seed} done", file=sys.stderr)
    first = statistics.median(result["first_ms"] for result in results)
    last = statistics.median(result["last_ms"] for result in results)
    if options.json:
        print(json.dumps({"graph": options.graph, "seeds": results, "first_ms": first, "last_ms": last}, indent=2))
        return
    print("seed  evaluations  first tenth ms        last tenth ms         best ms")
    for r in results:
        ranges = ["{:.1f} ({:.1f}-{:.1f})".format(r[k + "_ms"], *r[k + "_range_ms"]) for k in ("first", "last")]
        print(f"{r['seed']:>4}  {r['evaluations']:>11}  {ranges[0]:<20}  {ranges[1]:<20}  {r['best_ms']:.1f}")
    print(f"median over seeds: {first:.1f} -> {last:.1f} ms ({100 * (last / first - 1):+.1f} %)")


if __name__ == "__main__":
    main()
