"""Reference results of eager Python for the executor's conformance tests, made from seeded weights and inputs.

python3 -m placer_export.goldens -o tests/golden/eager
"""

import argparse
import datetime
import json
import os
import struct
import sys

from . import zoo
from .errors import ExportError
from .seeded import fill_state
from .step import make_step, mode
from .torch_compat import load_torch

# Per model: how far the gradients' norms may be from these on another CPU or build (measured over thread counts and
# instruction sets, times four or more), and the second steps: learning rate, and how far its loss may be.
# Inception's batch norms see two images in a batch: its gradients, unlike its loss, are ill-conditioned. The
# recurrent models start near the loss of a uniform guess, where it takes a long step to see an update at all.
MODELS = {
    "inception_v3": dict(gradients=2e-2, second_steps=[(0.01, 4e-2), (1e-5, 2e-3)]),
    "lstm_lm": dict(gradients=1e-5, second_steps=[(0.01, 1e-5), (100.0, 1e-5)]),
    "nmt": dict(gradients=1e-5, second_steps=[(0.01, 1e-5), (100.0, 1e-5)]),
}
COMMAND = "OMP_NUM_THREADS=1 PYTHONPATH=tools/export python3 -m placer_export.goldens -o tests/golden/eager"


def golden(name, size="small", seed=1):
    """Run seeded training steps of a zoo model in eager mode, one thread, dropout off; returns a dict.

    Losses are float32 written with all digits, and as the hexadecimal bits. Gradient norms are L2 norms of the first
    step's gradients, computed in double precision. Each second step starts again from the seeded state, runs the first
    step, updates p -= learning_rate * gradient, and computes the loss once more.
    """
    torch = load_torch()
    torch.set_num_threads(1)
    model = zoo.build(name, size)
    arguments = (*model.make_inputs(seed), *model.make_targets(seed))
    parameters = dict(model.module.named_parameters())
    with mode(model.module, train=True, dropout=False):
        step = make_step(model.module, model.loss, len(model.inputs), len(model.targets))
        second_steps = []
        for learning_rate, tolerance in MODELS[name]["second_steps"]:
            fill_state(model.module, seed)
            optimizer = torch.optim.SGD(parameters.values(), lr=learning_rate)
            optimizer.zero_grad()
            (loss,) = step(*arguments)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                (second,) = step(*arguments)
            second_steps.append({"learning_rate": learning_rate, "loss": second.item(), "loss_bits": _bits(second.item()),
                                 "relative_tolerance": tolerance})
    norms = {name: parameter.grad.double().norm().item() for name, parameter in parameters.items()}
    return {
        "format": "placer.eager-golden",
        "version": 1,
        "model": name,
        "size": size,
        "options": zoo.ENTRIES[name].sizes[size],
        "dropout": False,
        "seed": seed,
        "inputs": [_describe(spec) for spec in (*model.inputs, *model.targets)],
        "loss": loss.item(),
        "loss_bits": _bits(loss.item()),
        "loss_relative_tolerance": 1e-5,
        "second_steps": second_steps,
        "gradient_norm_relative_tolerance": MODELS[name]["gradients"],
        "gradient_norm_sum": sum(norms.values()),
        "gradient_norms": norms,
        "made_with": {
            "command": COMMAND,
            "torch": torch.__version__,
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "threads": 1,
            "date": datetime.date.today().isoformat(),
        },
    }


def _describe(spec):
    described = {"name": spec.name, "shape": list(spec.shape), "dtype": str(spec.dtype).removeprefix("torch.")}
    if spec.high is not None:
        described.update(low=spec.low, high=spec.high)
    return described


def _bits(value):
    return "0x%08x" % struct.unpack("<I", struct.pack("<f", value))


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="placer_export.goldens", description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", required=True, metavar="FOLDER", help="where <model>.json files are written")
    parser.add_argument("models", nargs="*", default=list(MODELS), help=f"zoo models (default: {' '.join(MODELS)})")
    options = parser.parse_args(arguments)
    try:
        for name in options.models:
            path = os.path.join(options.output, f"{name}.json")
            result = golden(name)
            with open(f"{path}.new", "w", encoding="utf-8") as file:
                json.dump(result, file, indent=1)
                file.write("\n")
            os.replace(f"{path}.new", path)
            print(f"{path}: loss {result['loss']!r}, then "
                  + ", ".join(f"{step['loss']!r} (lr {step['learning_rate']:g})" for step in result["second_steps"]))
    except ExportError as error:
        print(f"goldens: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
