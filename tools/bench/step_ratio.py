#!/usr/bin/env python3
"""Compare the executor's step with the eager Python step of the same model, interleaved (A B A B ...) on one core or one GPU.

Needs a Python environment with torch, and the benchmark program executor_step (preset dev, or -DPLACER_BUILD_BENCH=ON).

  python3 tools/bench/step_ratio.py build/dev/bench/executor_step lstm.pt2 -- --zoo lstm_lm --size small

What stands after -- goes to tools/export/eager_step.py. With --cluster FILE --device cuda:0 both run on that GPU. Prints the
median of the paired ratios executor / eager with its quartiles, and the medians; --json as one JSON object.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Stepper:
    """A child process that runs one step per line and answers with its time."""

    def __init__(self, command, environment):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self._command = command
        self._read()  # ready

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"step_ratio: {' '.join(self._command)} ended early")
        return json.loads(line)

    def step(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()["wall_ms"]

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="executor_step")
    parser.add_argument("graph", help=".pt2 or graph file of the same model")
    parser.add_argument("--pairs", type=int, default=30, help="timed pairs (default 30)")
    parser.add_argument("--cluster", help="cluster file (placer devices) with the device")
    parser.add_argument("--device", help="a GPU of it, as cuda:0")
    parser.add_argument("--cuda-graphs", action="store_true", help="the executor's step as one launch")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--python", default=sys.executable, help="Python with torch (default: this one)")
    own, eager_arguments = sys.argv[1:], []
    if "--" in own:
        own, eager_arguments = own[:own.index("--")], own[own.index("--") + 1:]
    options = parser.parse_args(own)
    eager_script = os.path.join(ROOT, "tools", "export", "eager_step.py")
    if (options.cluster is None) != (options.device is None):
        parser.error("--cluster and --device belong together")
    if options.device:
        eager_arguments += ["--device", options.device]
    where = ["--cluster", options.cluster, "--device", options.device] if options.device else []
    where += ["--cuda-graphs"] if options.cuda_graphs else []
    executor = Stepper([options.program, options.graph, *where, "--interactive"], dict(os.environ))
    eager = Stepper([options.python, eager_script, *eager_arguments, "--interactive"], dict(os.environ))
    pairs = [(executor.step(), eager.step()) for _ in range(options.pairs)]
    executor.close()
    eager.close()
    ratios = [a / b for a, b in pairs]
    low, middle, high = statistics.quantiles(ratios, n=4)
    result = {"pairs": options.pairs, "ratio": middle, "ratio_low": low, "ratio_high": high,
              "executor_ms": statistics.median(a for a, _ in pairs), "executor_min_ms": min(a for a, _ in pairs),
              "eager_ms": statistics.median(b for _, b in pairs), "eager_min_ms": min(b for _, b in pairs)}
    if options.json:
        print(json.dumps(result))
        return
    print("executor / eager: {ratio:.3f} (quartiles {ratio_low:.3f} to {ratio_high:.3f}, {pairs} pairs); "
          "executor median {executor_ms:.2f} ms, minimum {executor_min_ms:.2f}; "
          "eager median {eager_ms:.2f} ms, minimum {eager_min_ms:.2f}".format(**result))


if __name__ == "__main__":
    main()
