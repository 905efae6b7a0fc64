"""Write one training step of a PyTorch model, forward and backward, as a .pt2 file that `placer import` reads.

    from placer_export import export_step
    export_step(model, (x,), torch.nn.functional.cross_entropy, "step.pt2", targets=(y,))

Uses the torch that is installed (tested with 2.11). See docs/exporting.md.
"""

from .errors import ExportError

__all__ = ["ExportError", "export_step"]


def __getattr__(name):  # torch is imported only when an export is asked for
    if name == "export_step":
        from .export import export_step
        return export_step
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
