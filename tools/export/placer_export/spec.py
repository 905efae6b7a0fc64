"""What a training or inference program is made of: a module, its inputs, its targets and its loss."""

import dataclasses
from typing import Any, Callable, Optional

from . import seeded


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """Shape, dtype and, for integers, the half-open range [low, high) of one input or target.

    name: must be the parameter's name in `forward` (or in the loss): it becomes the input's name in the .pt2 file.
    dtype: a torch dtype.
    """

    name: str
    shape: tuple
    dtype: Any
    low: int = 0
    high: Optional[int] = None

    def make(self, seed):
        """The seeded tensor (see seeded.py)."""
        return seeded.make_input(seed, self.name, self.shape, self.dtype, self.low, self.high)


@dataclasses.dataclass
class Model:
    """A module ready to be exported.

    inputs: TensorSpecs, in the order of `module.forward`.
    targets: TensorSpecs, the further arguments of `loss`.
    loss: callable (module's output, *targets) -> scalar tensor.
    """

    module: Any
    inputs: list
    targets: list
    loss: Callable

    def make_inputs(self, seed=1):
        return tuple(spec.make(seed) for spec in self.inputs)

    def make_targets(self, seed=1):
        return tuple(spec.make(seed) for spec in self.targets)
