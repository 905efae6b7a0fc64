"""The command: write a zoo model, or the user's own, as a .pt2 file."""

import argparse
import importlib
import json
import os
import sys
import traceback
import warnings

from . import zoo
from .errors import ExportError, UsageError

EXAMPLES = """examples:
  python3 -m placer_export --list
  python3 -m placer_export --zoo inception_v3 --size small -o inception.pt2
  python3 -m placer_export --zoo lstm_lm --set width=1024 --set batch=16 -o lstm.pt2
  python3 -m placer_export --module my_package.my_model:factory -o mine.pt2

A factory takes no arguments and returns (module, inputs, loss) or (module, inputs, loss, targets): a torch.nn.Module,
a tuple of tensors for its forward, a callable (output, *targets) -> scalar (None for inference), a tuple of tensors.
"""


def add_model_arguments(parser):
    """Options that choose a model: --zoo with --size and --set, or --module."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--zoo", metavar="NAME", help="a model of the zoo (see --list)")
    which.add_argument("--module", metavar="PACKAGE.MODULE:FACTORY", help="your own factory; the current folder is searched too")
    parser.add_argument("--size", default="small", help="size of the zoo model: small (default) or full")
    parser.add_argument("--set", metavar="OPTION=VALUE", action="append", default=[], help="change one number of the size, e.g. batch=8")
    return which


def build_model(options):
    """(label, spec.Model) chosen by the options of `add_model_arguments`. Raises ExportError."""
    from .torch_compat import load_torch

    torch = load_torch()
    torch.manual_seed(0)  # weights of freshly built modules
    if options.zoo:
        overrides = dict(_override(text) for text in options.set)
        changed = "".join(f" {name}={value}" for name, value in overrides.items())
        return f"{options.zoo} {options.size}{changed}", zoo.build(options.zoo, options.size, **overrides)
    if options.set:
        raise UsageError("--set belongs to --zoo; a factory of your own sets its sizes itself")
    return options.module, _own_model(options.module)


def _override(text):
    name, equals, value = text.partition("=")
    try:
        return name, (float(value) if "." in value else int(value))
    except ValueError:
        raise UsageError(f"--set {text}: expected OPTION=NUMBER, for example --set batch=8") from None


def _own_model(text):
    """Call the factory named `package.module:function` and check what it returns."""
    module_name, colon, function_name = text.partition(":")
    if not (module_name and colon and function_name):
        raise UsageError(f"--module {text}: expected PACKAGE.MODULE:FACTORY, for example my_model:factory")
    if "/" in module_name or module_name.startswith(".") or module_name.endswith(".py"):
        raise UsageError(f"--module {text}: expected a name that Python imports, without folders and .py: run in the module's folder, or set PYTHONPATH to it")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name and not module_name.startswith(f"{error.name}."):
            raise ExportError(f"{module_name} cannot be imported: {error}") from error
        raise ExportError(
            f"there is no Python module {module_name} in the current folder or on the Python path "
            "(set PYTHONPATH to its folder)") from error
    except Exception as error:  # the user's code may raise anything
        raise ExportError(f"{module_name} cannot be imported: {_where(error)}") from error
    factory = getattr(module, function_name, None)
    if not callable(factory):
        raise ExportError(f"{module_name} has no function {function_name}" + (", that name is something else" if factory is not None else ""))
    try:
        result = factory()
    except Exception as error:
        raise ExportError(f"{text} failed: {_where(error)}") from error
    if not isinstance(result, tuple) or len(result) not in (3, 4):
        raise ExportError(f"{text} must return (module, inputs, loss) or (module, inputs, loss, targets), got {type(result).__name__}"
                          + (f" of {len(result)}" if isinstance(result, tuple) else ""))
    return OwnModel(*result)


def _where(error):
    """The error with the innermost line of the user's own code, where there is one."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__)
           if not any(part in frame.filename for part in ("site-packages", "placer_export", "importlib"))]
    place = f"{own[-1].filename}, line {own[-1].lineno}: " if own else ""
    return f"{place}{type(error).__name__}: {error}"


class OwnModel:
    """A user's model with its own tensors; the same use as spec.Model, but the seed does not change the inputs."""

    def __init__(self, module, inputs, loss, targets=()):
        self.module, self.loss = module, loss
        self.inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        self.targets = targets if isinstance(targets, (tuple, list)) else (targets,)

    def make_inputs(self, seed=1):
        return tuple(self.inputs)

    def make_targets(self, seed=1):
        return tuple(self.targets)


def main(arguments=None):
    """Run the command; returns the exit status: 0 done, 2 wrong usage, 3 the model cannot be exported."""
    parser = argparse.ArgumentParser(
        prog="placer_export", description="Write a model's training step (or inference) as a .pt2 file for `placer import`.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = add_model_arguments(parser)
    which.add_argument("--list", action="store_true", help="list the zoo and exit")
    parser.add_argument("-o", "--output", metavar="FILE.pt2", help="the file to write")
    parser.add_argument("--inference", action="store_true", help="no loss, no backward pass: the program in evaluation mode")
    parser.add_argument("--eval-mode", action="store_true", help="train with evaluation-mode layers (frozen batch-norm statistics, no dropout)")
    parser.add_argument("--no-dropout", action="store_true", help="switch dropout off, so that the step is deterministic")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    options = parser.parse_args(arguments)
    try:
        if options.list:
            return _list(options.json)
        if not options.output:
            parser.error("-o FILE.pt2 is missing")
        _check_output(options.output)
        return _export(options)
    except ExportError as error:
        print(f"placer_export: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 3
    except KeyboardInterrupt:
        print("placer_export: stopped, nothing was written", file=sys.stderr)
        return 130


def _check_output(path):
    """Before a model is traced for minutes."""
    folder = os.path.dirname(os.path.abspath(path))
    if not path.endswith(".pt2"):
        raise UsageError(f"-o {path}: expected a name that ends in .pt2")
    if not os.path.isdir(folder):
        raise UsageError(f"-o {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"-o {path}: files cannot be written in {folder}")


def _list(as_json):
    if as_json:
        print(json.dumps({name: {"about": entry.about, "sizes": entry.sizes} for name, entry in zoo.ENTRIES.items()}, indent=2))
        return 0
    for entry in zoo.ENTRIES.values():
        print(f"{entry.name:13} {entry.about}")
        for size, values in entry.sizes.items():
            print(f"{'':15}{size:6} " + " ".join(f"{key}={value}" for key, value in values.items()))
    return 0


def _export(options):
    from .export import export_step
    from .torch_compat import check_torch, version_note

    note = version_note(check_torch()[0])
    if note:
        print(f"placer_export: {note}", file=sys.stderr)
    label, model = build_model(options)
    print(f"exporting {label} ...", file=sys.stderr, flush=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)  # torch's own, about its own code
        summary = export_step(
            model.module, model.make_inputs(), None if options.inference else model.loss, options.output,
            targets=model.make_targets(), train=not options.eval_mode, dropout=not options.no_dropout)
    if options.json:
        print(json.dumps(vars(summary)))
        return 0
    print(f"{summary.path}: {summary.nodes} operations, {summary.parameters:,} parameters, {summary.file_bytes / 1e6:.1f} MB")
    most = list(summary.operators.items())
    print("  " + ", ".join(f"{name.removeprefix('aten.').removesuffix('.default')} {count}" for name, count in most[:8])
          + (f" and {len(most) - 8} other kinds" if len(most) > 8 else ""))
    print("  random: " + (", ".join(summary.random) or "none"))
    if summary.without_gradient:
        print(f"  no gradient: {', '.join(summary.without_gradient[:5])}"
              + (f" and {len(summary.without_gradient) - 5} more" if len(summary.without_gradient) > 5 else ""))
    print(f"next: placer import {summary.path} -o graph.json")
    return 0
