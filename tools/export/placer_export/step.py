"""A module with its loss as one callable: what is exported, and what eager Python runs to compare with."""

import contextlib
import copy
import inspect

from .errors import ExportError

_PARAMETER = inspect.Parameter


def make_step(module, loss, input_count, target_count):
    """Return a module that maps (*inputs, *targets) to (loss,), sharing its parameters, names and children with `module`.

    No wrapper is put around `module`: it is copied shallowly and given a subclass whose forward adds the loss. So
    parameters and module paths keep the names that the user knows (`encoder.cells.0.weight_ih`, no prefix).
    Inputs are called as in `module.forward`, targets as in `loss`.
    Raises ExportError if forward cannot take `input_count` or loss `target_count` positional arguments.
    """
    kind = type(module)
    if "forward" in vars(module):
        raise ExportError(
            f"{kind.__name__}.forward has been replaced on the instance (accelerate's hooks and some wrappers do so). "
            "Pass the plain module.")
    if module._forward_hooks or module._forward_pre_hooks:
        raise ExportError(f"the outermost module, {kind.__name__}, has forward hooks: remove them before exporting")
    names = _argument_names(module.forward, input_count, f"{kind.__name__}.forward", "example input")
    taken = set(names)
    for name in _argument_names(loss, target_count, "the loss", "target", skip=1):
        while name in taken:
            name += "_target"
        taken.add(name)
        names.append(name)

    def forward(self, *arguments):
        output = kind.forward(self, *arguments[:input_count])
        value = loss(output, *arguments[input_count:])
        if getattr(value, "shape", None) != ():
            got = f"shape {tuple(value.shape)}" if hasattr(value, "shape") else type(value).__name__
            raise ExportError(f"the loss must be a scalar tensor, got {got}: reduce it with .mean() or .sum()")
        return (value,)

    # torch.export names the program's inputs after forward's signature.
    forward.__signature__ = inspect.Signature(
        [_PARAMETER(name, _PARAMETER.POSITIONAL_OR_KEYWORD) for name in ["self", *names]])
    step = copy.copy(module)
    step.__class__ = type(f"{kind.__name__}Step", (kind,), {"forward": forward, "__module__": kind.__module__})
    return step


def _argument_names(function, count, what, noun, skip=0):
    """Names of `count` positional parameters of `function`, after `skip` first ones."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        return [noun.split()[-1] if count == 1 else f"{noun.split()[-1]}_{i}" for i in range(count)]
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind == p.VAR_POSITIONAL), None)
    names = [p.name for p in positional[skip:skip + count]]
    if len(names) < count:
        if rest is None:
            raise ExportError(f"{what} takes {max(len(positional) - skip, 0)} {noun}s, {count} given")
        names += [f"{rest}_{i}" for i in range(count - len(names))]
    required = sum(p.default is p.empty for p in positional[skip:])
    if required > count:
        absent = ", ".join(p.name for p in positional[skip + count:] if p.default is p.empty)
        raise ExportError(f"{what} needs {required} {noun}s, {count} given: {absent} missing")
    return names


@contextlib.contextmanager
def mode(module, train, dropout):
    """Within the block `module` is in training (or evaluation) mode; dropout=False switches dropout layers off too.

    Covers torch.nn.Dropout and its relatives, and the dropout inside torch.nn's attention and recurrent layers.
    Afterwards every submodule is as it was.
    """
    from torch import nn

    layers = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
    saved = [(child, child.training) for child in module.modules()]
    inner = [(child, child.dropout) for child in module.modules() if isinstance(child, (nn.MultiheadAttention, nn.RNNBase))]
    try:
        module.train(train)
        if not dropout:
            for child in module.modules():
                if isinstance(child, layers):
                    child.eval()
            for child, _ in inner:
                child.dropout = 0.0
        yield
    finally:
        for child, training in saved:
            child.training = training
        for child, probability in inner:
            child.dropout = probability


def is_random(node):
    """Whether an fx node draws random numbers: its ATen operator is tagged so, and its dropout probability is not 0."""
    import torch

    if node.op != "call_function" or torch.Tag.nondeterministic_seeded not in getattr(node.target, "tags", ()):
        return False
    for position, argument in enumerate(node.target._schema.arguments):
        if argument.name == "dropout_p":  # of the fused attention operators
            given = node.args[position] if position < len(node.args) else node.kwargs.get("dropout_p", argument.default_value)
            return given != 0
    return True
