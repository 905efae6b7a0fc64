#!/usr/bin/env python3
"""Time the training step of a model in eager Python: forward, backward, SGD update; one thread, one pinned core, or a GPU.

Prints one JSON object. With --interactive it runs one step for each line on standard input and answers with one JSON
line, so that another program can interleave its own steps with these (A B A B ...).

  python3 tools/export/eager_step.py --zoo lstm_lm --size small --repeats 15
"""

import argparse
import json
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is loaded
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from placer_export import bench  # noqa: E402
from placer_export.cli import add_model_arguments, build_model  # noqa: E402
from placer_export.errors import ExportError  # noqa: E402


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_arguments(parser)
    parser.add_argument("--repeats", type=int, default=15, help="timed steps (default 15)")
    parser.add_argument("--warmup", type=int, default=3, help="untimed steps before (default 3)")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda:0, which needs PyTorch to find a GPU; then no core is pinned")
    parser.add_argument("--core", type=int, default=0, help="the core to run on (default 0)")
    parser.add_argument("--seed", type=int, default=1, help="of weights and inputs (default 1)")
    parser.add_argument("--no-dropout", action="store_true", help="switch dropout off")
    parser.add_argument("--interactive", action="store_true", help="a step per line on standard input, a JSON line each back")
    options = parser.parse_args(arguments)
    if options.repeats < 1 or options.warmup < 0:
        parser.error("--repeats must be at least 1, --warmup at least 0")
    try:
        label, model = build_model(options)
        import torch

        if options.device == "cpu":
            bench.pin(options.core)
        elif not torch.cuda.is_available():
            raise ExportError(f"{options.device}: PyTorch finds no GPU")
        step = bench.EagerStep(model, options.seed, dropout=not options.no_dropout, device=options.device)
        if options.interactive:
            return _serve(step, options.warmup)
        result = {"model": label, "torch": torch.__version__, "device": options.device, "core": options.core, "seed": options.seed,
                  "dropout": not options.no_dropout, **bench.measure(step, options.repeats, options.warmup)}
    except ExportError as error:
        print(f"eager_step: {error}", file=sys.stderr)
        return 3
    print(json.dumps(result))
    return 0


def _serve(step, warmup):
    for _ in range(warmup):
        step.run()
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        loss, wall, cpu = step.run()
        print(json.dumps({"wall_ms": 1e3 * wall, "cpu_ms": 1e3 * cpu, "loss": loss}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
