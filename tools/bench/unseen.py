#!/usr/bin/env python3
"""What a trained policy makes of graphs that it has not seen, without any search, against annealing and every heuristic.

  python3 tools/bench/unseen.py build/release/placer POLICY                      # 24 graphs, 10 s of annealing each: about 6 minutes
  python3 tools/bench/unseen.py build/release/placer POLICY --annealing 1s --families layered --sizes 1000,10000
  python3 tools/bench/unseen.py build/release/placer STUDENT --set dual.rollouts=6 --teacher TEACHER --teacher-set dual.rollouts=64

Graphs of tools/bench/generate_graphs (in a build with -DPLACER_BUILD_BENCH=ON) with seeds that no training draws, on its 8 devices, op by op
throughout. Annealing is that of `placer place`: it starts from the heuristics' placements and uses all cores. Prints a Markdown
table, a line a graph, and at its end medians and geometric means of the policy's step times over the others'. With a teacher, another
policy, it compares with that one alone: step times, and seconds from the reading of the graph to placements that are judged.
Needs nothing but Python's standard library.
"""

import argparse
import itertools
import math
import os
import statistics
import subprocess
import sys
import tempfile

from placer_report import report_of

FAMILIES = ["layered", "random", "series-parallel", "transformer"]
FIRST_SEED = 900_001


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("policy")
    parser.add_argument("--algorithm", default="dual", help="whose policy it is")
    parser.add_argument("--annealing", default="10s", help="budget of annealing")
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--sizes", default="120,240", help="ops, in turn; a transformer has 900 at least")
    parser.add_argument("--ratios", default="0.3,1,3", help="communication to computation")
    parser.add_argument("--set", action="append", default=[], help="setting of the policy, as of placer place")
    parser.add_argument("--teacher", help="policy to compare with")
    parser.add_argument("--teacher-set", action="append", default=[], help="setting of that one")
    return parser.parse_args()


def graphs(options):
    """(name, arguments of the generator)"""
    sizes = itertools.cycle(options.sizes.split(","))
    seed = FIRST_SEED
    for family, ratio, unequal in itertools.product(options.families.split(","), options.ratios.split(","), (False, True)):
        nodes = next(sizes)
        name = f"{family}, {nodes}, ratio {ratio}{', unequal' if unequal else ''}"
        yield name, ["--family", family, "--nodes", nodes, "--ratio", ratio, "--seed", str(seed)] + ["--unequal"] * unequal
        seed += 1


class Places:
    def __init__(self, options, folder):
        self._options = options
        self._folder = folder
        self._program = os.path.abspath(options.program)
        self._generator = os.path.join(os.path.dirname(self._program), "bench", "generate_graphs")

    def _run(self, *command):
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
        return done.stdout

    def _place(self, *arguments):
        """{algorithm: (ms, seconds)} of what is feasible"""
        out = self._run(self._program, "--json", "--quiet", "place", "graph.json", "-c", "cluster.json", "--no-measure", "--max-groups", "0",
                        "-o", "placement.json", *arguments)
        return {row["algorithm"]: (row["value_us"] / 1e3, row["seconds"]) for row in report_of(out)["algorithms"] if row["feasible"]}

    def make(self, generated):
        self._run(self._generator, *generated, "-o", "graph.json", "-c", "cluster.json")

    def by_policy(self, policy, given):
        """(ms, seconds)"""
        file = policy if policy == "shipped" else os.path.abspath(policy)
        settings = [word for setting in given for word in ("--set", setting)]
        return self._place("--algorithm", self._options.algorithm, "--policy", file, *settings)[self._options.algorithm]

    def by_others(self):
        return self._place("--algorithm", "annealing", "--budget", self._options.annealing)


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def compare_with_teacher(options, places):
    print("| graph | policy (ms) | s | teacher (ms) | s | policy / teacher |\n|---|---|---|---|---|---|")
    ratios, own, taught = [], 0, 0
    for name, generated in graphs(options):
        places.make(generated)
        (value, seconds), (other, other_seconds) = places.by_policy(options.policy, options.set), places.by_policy(options.teacher, options.teacher_set)
        ratios.append(value / other)
        own, taught = own + seconds, taught + other_seconds
        print(f"| {name} | {value:.4g} | {seconds:.4f} | {other:.4g} | {other_seconds:.4f} | {ratios[-1]:.3f} |", flush=True)
    print(f"\nover the teacher: geometric mean {geometric_mean(ratios):.4f}, median {statistics.median(ratios):.4f}, "
          f"seconds {own / taught:.4f}, {len(ratios)} graphs")


def compare_with_others(options, places):
    ratios = {}
    print("| graph | policy (ms) | s | best heuristic (ms) |  | annealing (ms) | policy / best heuristic | policy / annealing |")
    print("|---|---|---|---|---|---|---|---|")
    for name, generated in graphs(options):
        places.make(generated)
        value, seconds = places.by_policy(options.policy, options.set)
        others = places.by_others()
        annealing = others.pop("annealing")[0]
        heuristics = {other: ms for other, (ms, _) in others.items() if not other.startswith("single:")}
        best = min(heuristics, key=heuristics.get)
        for other, ms in [*heuristics.items(), ("annealing", annealing), ("best heuristic", heuristics[best])]:
            ratios.setdefault(other, []).append(value / ms)
        print(f"| {name} | {value:.4g} | {seconds:.2f} | {heuristics[best]:.4g} | {best} | {annealing:.4g} "
              f"| {value / heuristics[best]:.3f} | {value / annealing:.3f} |", flush=True)
    print("\n| the policy's step times over those of | median | geometric mean | graphs |")
    print("|---|---|---|---|")
    for other in sorted(ratios, key=lambda other: -statistics.median(ratios[other])):
        print(f"| {other} | {statistics.median(ratios[other]):.3f} | {geometric_mean(ratios[other]):.3f} | {len(ratios[other])} |")


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        places = Places(options, folder)
        (compare_with_teacher if options.teacher else compare_with_others)(options, places)


if __name__ == "__main__":
    main()
