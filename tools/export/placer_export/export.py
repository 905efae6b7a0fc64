"""Write one training step, or one inference, of a torch module as a .pt2 file that placer imports."""

import collections
import dataclasses
import os
import tempfile

from .errors import ExportError
from .step import is_random, make_step, mode
from .torch_compat import check_torch


@dataclasses.dataclass
class Summary:
    """What was written.

    operators: ATen operator name -> how many nodes, most frequent first.
    parameters: elements in parameters.
    random: names of the operators among them that draw random numbers (dropout).
    """

    path: str
    nodes: int
    parameters: int
    file_bytes: int
    operators: dict
    random: list


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

    if loss is None:
        with mode(module, train=False, dropout=True):
            program = _trace(torch, module, inputs).run_decompositions({})
    else:
        with mode(module, train, dropout):
            step = make_step(module, loss, len(inputs), len(targets))
            program = _joint(torch, decompose, copy_signature, step, inputs + targets)

    operators = collections.Counter(
        str(node.target) for node in program.graph.nodes if node.op == "call_function" and "getitem" not in str(node.target))
    random = sorted({str(node.target) for node in program.graph.nodes if node.op == "call_function" and is_random(node.target)})
    if random and not dropout:
        raise ExportError(
            f"without dropout the program still has random operators: {', '.join(random)}. "
            "A call to torch.nn.functional.dropout or another random function remains in forward: set its probability to 0 in the model's own options.")
    _save(torch, program, path)
    return Summary(path, sum(operators.values()), sum(p.numel() for p in module.parameters()), os.path.getsize(path),
                   dict(operators.most_common()), random)


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
        first_lines = "\n".join(str(error).strip().splitlines()[:12])
        raise ExportError(
            f"torch.export cannot trace {type(module).__name__}: {type(error).__name__}: {first_lines}\n"
            "Check that forward runs on the example inputs, and that it takes no decision that depends on the values of tensors. "
            "See docs/exporting.md, Troubleshooting.") from error


def _joint(torch, decompose, copy_signature, step, arguments):
    """Trace `step`, whose first output is the loss, and add its backward pass with no operator decomposed further."""
    trained = [name for name, parameter in step.named_parameters() if parameter.requires_grad]
    if not trained:
        raise ExportError("no parameter requires a gradient: nothing to train. Without a loss this is an inference program")
    program = _trace(torch, step, arguments)
    try:
        program = decompose(program, cia_to_decomp={}, python_decomp_table={}, joint_loss_index=0, decompose_custom_triton_ops=False)
    except Exception as error:
        first_lines = "\n".join(str(error).strip().splitlines()[:12])
        raise ExportError(
            f"torch {torch.__version__} cannot build the backward pass of {type(step).__name__}: {type(error).__name__}: {first_lines}\n"
            "Check that loss.backward() runs in eager mode, and that every output of the loss depends on a parameter.") from error
    graph_module, signature = copy_signature(program)
    _drop_no_ops(torch, graph_module, signature)
    return program._update(graph_module, signature)


def _drop_no_ops(torch, graph_module, signature):
    """Remove aten.detach, which only renames a tensor once the backward pass is written out, and the tracer's assertions."""
    aten = torch.ops.aten
    assertions = {aten._assert_tensor_metadata.default}
    with graph_module._set_replace_hook(signature.get_replace_hook()):
        for node in list(graph_module.graph.nodes):
            if node.op != "call_function":
                continue
            if node.target is aten.detach.default:
                node.replace_all_uses_with(node.args[0])
                graph_module.graph.erase_node(node)
            elif node.target in assertions and not node.users:
                graph_module.graph.erase_node(node)
    graph_module.graph.eliminate_dead_code()
    graph_module.recompile()


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
