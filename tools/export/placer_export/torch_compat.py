"""The names of torch that the exporter needs, two of them private, checked before anything is traced."""

import importlib

from .errors import ExportError

TESTED = "2.11"

_NEEDED = [
    ("torch.export", "export"),
    ("torch.export", "save"),
    ("torch.export.exported_program", "_decompose_exported_program"),
    ("torch.export.experimental", "_copy_graph_module_and_signature"),
]
_DECOMPOSE_OPTIONS = ("cia_to_decomp", "python_decomp_table", "joint_loss_index", "decompose_custom_triton_ops")


def load_torch():
    """Import torch and return it. Raises ExportError, with the remedy, if it cannot be imported."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise ExportError(
            f"this command runs your own PyTorch, which cannot be imported: {error}\n"
            f"Install it in this Python, for example: python3 -m pip install torch=={TESTED}.0") from error


def check_torch():
    """Return (torch, decompose, copy_signature), or raise ExportError naming everything that this torch lacks."""
    torch = load_torch()
    found, missing = {}, []
    for module_name, name in _NEEDED:
        try:
            found[name] = getattr(importlib.import_module(module_name), name)
        except (ImportError, AttributeError):
            missing.append(f"{module_name}.{name}")
    decompose = found.get("_decompose_exported_program")
    if decompose is not None:
        import inspect
        parameters = inspect.signature(decompose).parameters
        missing += [f"argument {option} of torch.export.exported_program._decompose_exported_program"
                    for option in _DECOMPOSE_OPTIONS if option not in parameters]
    if missing:
        raise ExportError(
            f"torch {torch.__version__} lacks what the exporter needs:\n  " + "\n  ".join(missing) +
            f"\nThe exporter uses private functions of torch.export and is tested with torch {TESTED}. "
            f"Use that version for exporting (your training may use another):\n"
            f"  python3 -m venv export-env && export-env/bin/pip install torch=={TESTED}.0")
    return torch, decompose, found["_copy_graph_module_and_signature"]


def version_note(torch):
    """None on the tested version, otherwise a sentence saying that this one is not tested."""
    if torch.__version__.startswith(TESTED + "."):
        return None
    return f"note: torch {torch.__version__} has all that is needed, but only {TESTED} is tested"
