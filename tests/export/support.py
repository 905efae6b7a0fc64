"""What the exporter's tests share. Run them all with: python3 -m unittest discover -s tests/export"""

import importlib.util
import os
import sys
import unittest
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXPORT_FOLDER = os.path.join(ROOT, "tools", "export")
GOLDEN_FOLDER = os.path.join(ROOT, "tests", "golden", "eager")
if EXPORT_FOLDER not in sys.path:
    sys.path.insert(0, EXPORT_FOLDER)


def why_without(module):
    """None if `module` can be imported, else why not; finding it is not enough, for torch may lack its libraries."""
    if importlib.util.find_spec(module) is None:
        return f"{module} is not installed"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(module)
    except (ImportError, OSError) as error:
        return f"{module} cannot be imported: {error}"
    return None


def needs(*modules):
    """Decorator: skip a test or a class of tests when a Python module is missing."""
    reason = next(filter(None, map(why_without, modules)), None)
    return unittest.skipIf(reason is not None, reason)


# Sizes that export in about a second each.
TINY = {
    "inception_v3": dict(batch=2, image=299, classes=10),
    "resnet50": dict(batch=2, image=32, classes=10),
    "lstm_lm": dict(layers=2, width=8, steps=3, batch=2, vocabulary=11),
    "nmt": dict(layers=2, width=8, source_steps=3, target_steps=2, batch=2, vocabulary=11),
    "bert": dict(layers=1, width=8, heads=2, steps=4, batch=2, vocabulary=11),
    "moe": dict(layers=1, width=8, heads=2, experts=3, hidden=8, steps=4, batch=2, vocabulary=11),
    "nasnet": dict(repeats=1, filters=4, image=16, batch=2, classes=5),
}


def run_program(path, seed):
    """Run the .pt2 file at `path` with seeded state in Python; returns (outputs by signature kind and target).

    The result maps ("loss_output", None), ("gradient_to_parameter", name) ... to tensors; inputs are those saved as examples.
    """
    import torch

    from placer_export import seeded

    program = torch.export.load(path)
    users = iter(program.example_inputs[0])
    arguments = []
    for spec in program.graph_signature.input_specs:
        if spec.kind.name == "USER_INPUT":
            arguments.append(next(users))
            continue
        tensor = program.state_dict[spec.target] if spec.target in program.state_dict else program.constants[spec.target]
        if spec.kind.name in ("PARAMETER", "BUFFER"):
            values = seeded.state_values(seed, spec.target, tuple(tensor.shape), tensor.is_floating_point())
            tensor = torch.from_numpy(values).to(tensor.dtype)
        arguments.append(tensor)
    with torch.no_grad():
        outputs = torch.fx.Interpreter(program.graph_module).run(*arguments)
    return {(spec.kind.name.lower(), spec.target): output
            for spec, output in zip(program.graph_signature.output_specs, outputs)}
