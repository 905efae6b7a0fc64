"""NASNet-A (Zoph et al., 2017): a stack of cells whose five blocks each sum two operations.

Without scheduled drop-path and without the auxiliary head. A cell reads the outputs of the two cells before it.
"""

import torch
from torch import nn
from torch.nn import functional as F

from ..spec import Model, TensorSpec

# A block: (operation, index of its input) twice; inputs 0 and 1 are the previous cell's output and the one before it,
# input 2 + i is the output of block i. A cell's output joins the listed blocks (and inputs).
NORMAL = dict(
    blocks=[(("sep5", 0), ("sep3", 1)),
            (("sep5", 1), ("sep3", 1)),
            (("avg", 0), ("same", 1)),
            (("avg", 1), ("avg", 1)),
            (("sep3", 0), ("same", 0))],
    joined=[1, 2, 3, 4, 5, 6])
REDUCTION = dict(
    blocks=[(("sep5", 0), ("sep7", 1)),
            (("max", 0), ("sep7", 1)),
            (("avg", 0), ("sep5", 1)),
            (("max", 0), ("sep3", 2)),
            (("avg", 2), ("same", 3))],
    joined=[3, 4, 5, 6])


class Separable(nn.Module):
    """ReLU, depthwise and pointwise convolution, batch norm, all of it twice; the stride is in the first."""

    def __init__(self, channels, kernel, stride):
        super().__init__()
        self.body = nn.Sequential(*_separable(channels, kernel, stride), *_separable(channels, kernel, 1))

    def forward(self, x):
        return self.body(x)


def _separable(channels, kernel, stride):
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride=stride, padding=kernel // 2, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    ]


def _operation(kind, channels, stride):
    if kind.startswith("sep"):
        return Separable(channels, int(kind[3:]), stride)
    if kind == "avg":
        return nn.AvgPool2d(3, stride=stride, padding=1, count_include_pad=False)
    if kind == "max":
        return nn.MaxPool2d(3, stride=stride, padding=1)
    return nn.Identity()


class Fit(nn.Module):
    """Brings a cell's input to `outputs` channels and, by striding, to the size wanted."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.stride = stride
        self.convolution = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        x = F.relu(x)
        if self.stride != 1:
            x = F.avg_pool2d(x, 1, stride=self.stride)
        return self.norm(self.convolution(x))


class Cell(nn.Module):
    """One cell. last, before: channels of the two inputs; shrink: how much larger the image of `before` is."""

    def __init__(self, plan, last, before, channels, stride, shrink):
        super().__init__()
        self.blocks, self.joined = plan["blocks"], plan["joined"]
        self.channels = channels * len(self.joined)
        self.fit_last = Fit(last, channels)
        self.fit_before = Fit(before, channels, shrink)
        self.operations = nn.ModuleList(
            _operation(kind, channels, stride if source < 2 else 1) for block in self.blocks for kind, source in block)

    def forward(self, last, before):
        values = [self.fit_last(last), self.fit_before(before)]
        operations = iter(self.operations)
        for (_, left), (_, right) in self.blocks:
            values.append(next(operations)(values[left]) + next(operations)(values[right]))
        return torch.cat([values[i] for i in self.joined], 1)


class NasNetA(nn.Module):
    """x: float (batch, 3, image, image), image a multiple of 8 -> logits (batch, classes).

    Three groups of `repeats` normal cells with a reduction cell between them, doubling the filters. Images of 128 and
    more first go through a stem that makes them 8 times smaller: a strided convolution and two reduction cells.
    """

    def __init__(self, repeats, filters, image, classes):
        super().__init__()
        large = image >= 128
        stem = 32 if large else 3 * filters
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem, 3, stride=2 if large else 1, padding=1, bias=False), nn.BatchNorm2d(stem))
        plans = [(REDUCTION, filters // 4), (REDUCTION, filters // 2)] if large else []
        for group in range(3):
            plans += [(REDUCTION, filters << group)] if group else []
            plans += [(NORMAL, filters << group)] * repeats
        self.cells = nn.ModuleList()
        last = before = stem
        shrink = 1
        for plan, channels in plans:
            stride = 2 if plan is REDUCTION else 1
            cell = Cell(plan, last, before, channels, stride, shrink)
            self.cells.append(cell)
            last, before, shrink = cell.channels, last, stride
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(last, classes)

    def forward(self, x):
        before = last = self.stem(x)
        for cell in self.cells:
            last, before = cell(last, before), last
        return self.head(self.dropout(F.relu(last).mean((2, 3))))


def build(repeats, filters, image, batch, classes):
    """spec.Model of an image classification step over `batch` square images of side `image`."""
    return Model(
        NasNetA(repeats, filters, image, classes),
        [TensorSpec("x", (batch, 3, image, image), torch.float32)],
        [TensorSpec("target", (batch,), torch.int64, 0, classes)],
        F.cross_entropy,
    )
