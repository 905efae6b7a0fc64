"""Write one training step, or one inference, of a torch module as a .pt2 file that placer imports."""

import collections
import dataclasses
import os
import tempfile

from . import passes
from .errors import ExportError
from .step import is_random, make_step, mode
from .torch_compat import check_torch


@dataclasses.dataclass
class Summary:
    """What was written.

    operators: ATen operator name -> how many nodes, most frequent first.
    parameters: elements in parameters.
    random: names of the operators among them that draw random numbers (dropout).
    without_gradient: names of the parameters that require a gradient but that the loss does not depend on.
    """

    path: str
    nodes: int
    parameters: int
    file_bytes: int
    operators: dict
    random: list
    without_gradient: list


def export_step(module, example_inputs, loss=None, path=None, *, targets=(), train=True, dropout=True):
    """Export `module` with its loss as a joint forward and backward program, or without a loss for inference.

    module: torch.nn.Module on the CPU. Its mode and its dropout layers are restored afterwards; its weights go into the file.
    example_inputs: tuple of tensors, the arguments of module.forward. Their shapes are the program's shapes.
    loss: callable (module's output, *targets) -> scalar tensor. None: the program is inference, in evaluation mode,
        and targets, train and dropout are ignored.
    path: the file to write, ending in .pt2.
    targets: tuple of tensors, the loss's further arguments.
    train: training mode: batch norm uses the batch's statistics, dropout draws. False: evaluation mode, gradients all the same.
    dropout: False switches every dropout layer off, so that the program is deterministic.

    Returns a Summary. In the program, inputs are named as in `forward` and in the loss, parameters as in the module;
    batch norm, convolution and their gradients are one operator each. There is no optimizer: placer adds the update.
    Raises ExportError for what the caller can fix: a torch without the functions needed, a module that
    torch.export cannot trace, a loss that is not a scalar, a random operator left when dropout=False.
    """
    torch, decompose, copy_signature = check_torch()
    if path is None:
        raise ExportError("export_step needs a path to write to")
    path = os.fspath(path)
    if not path.endswith(".pt2"):
        raise ExportError(f"{path}: the file's name must end in .pt2")
    if not isinstance(module, torch.nn.Module):
        raise ExportError(f"module is {type(module).__name__}, expected a torch.nn.Module")
    if isinstance(module, torch.jit.ScriptModule):
        raise ExportError("a TorchScript module cannot be exported: pass the Python module it was made from")
    inputs = _tensors(torch, example_inputs, "example_inputs")
    targets = _tensors(torch, targets, "targets")
    _check_on_cpu(module, inputs + targets)

    frozen = []
    if loss is None:
        with mode(module, train=False, dropout=True):
            program = passes.merge_tied(_trace(torch, module, inputs), module, copy_signature).run_decompositions({})
    else:
        with mode(module, train, dropout):
            step = make_step(module, loss, len(inputs), len(targets))
            program, frozen = _joint(torch, decompose, copy_signature, step, inputs + targets)

    operators = collections.Counter(
        str(node.target) for node in program.graph.nodes if node.op == "call_function" and "getitem" not in str(node.target))
    random = sorted({str(node.target) for node in program.graph.nodes if is_random(node)})
    if random and not dropout:
        raise ExportError(
            f"without dropout the program still has random operators: {', '.join(random)}. "
            "A call to torch.nn.functional.dropout or another random function remains in forward: set its probability to 0 in the model's own options.")
    _save(torch, program, path)
    return Summary(path, sum(operators.values()), sum(p.numel() for p in module.parameters()), os.path.getsize(path),
                   dict(operators.most_common()), random, frozen)


def _tensors(torch, values, what):
    values = (values,) if isinstance(values, torch.Tensor) else values
    if not isinstance(values, (tuple, list)) or not all(isinstance(value, torch.Tensor) for value in values):
        raise ExportError(f"{what} must be a tuple of tensors; a module that takes anything else needs a small wrapper")
    return tuple(values)


def _check_on_cpu(module, values):
    named = [*module.named_parameters(), *module.named_buffers(), *((f"input {i}", v) for i, v in enumerate(values))]
    for name, tensor in named:
        if tensor.device.type != "cpu":
            raise ExportError(f"{name} is on {tensor.device}: export on the CPU (module.cpu()); placer decides the devices later")


def _trace(torch, module, arguments):
    try:
        return torch.export.export(module, arguments, strict=False)
    except ExportError:
        raise
    except Exception as error:  # torch.export raises many kinds
        raise ExportError(
            f"torch.export cannot trace {type(module).__name__}: {_brief(error)}\n"
            "Check that forward runs on the example inputs, and that it takes no decision that depends on the values of tensors. "
            "See docs/exporting.md, Troubleshooting.") from error


def _joint(torch, decompose, copy_signature, step, arguments):
    """The program of `step`, whose first output is the loss, with its backward pass, no operator decomposed further.

    Returns it and the names of the parameters that get no gradient.
    """
    program = passes.merge_tied(_trace(torch, step, arguments), step, copy_signature)
    frozen = passes.freeze_without_gradient(torch, program)
    still_trained = {name for name, parameter in step.named_parameters() if parameter.requires_grad} - set(frozen)
    if not still_trained:
        raise ExportError("the loss depends on no parameter that requires a gradient: nothing to train. "
                          "Without a loss the model is exported for inference")
    try:
        program = decompose(program, cia_to_decomp={}, python_decomp_table={}, joint_loss_index=0, decompose_custom_triton_ops=False)
    except Exception as error:  # torch.export raises many kinds
        raise ExportError(
            f"torch {torch.__version__} cannot build the backward pass of {type(step).__name__}: {_brief(error)}\n"
            "Check that loss.backward() runs in eager mode. See docs/exporting.md, Troubleshooting.") from error
    return passes.drop_no_ops(torch, program, copy_signature), frozen


def _brief(error):
    """Kind and beginning of an error's text, whose later lines are often dumps of graphs."""
    lines = [line if len(line) <= 300 else line[:300] + " ..." for line in str(error).strip().splitlines()]
    return f"{type(error).__name__}: " + "\n".join(lines[:12])


def _save(torch, program, path):
    """Save beside the target, then rename: an interrupted export leaves no half-written file."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise ExportError(f"{path}: the folder {folder} does not exist")
    handle, temporary = tempfile.mkstemp(suffix=".pt2", prefix=".", dir=folder)
    os.close(handle)
    try:
        torch.export.save(program, temporary)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
