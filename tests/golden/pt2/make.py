"""Makes the .pt2 files of tests/placer/formats/pt2_test.cpp with torch 2.11.

    python3 tests/golden/pt2/make.py

Run from the repository's root. What the importer does not read (stack traces, sample inputs) is left out and the
archives are compressed, so that they stay at a few KB.
"""

import io
import json
import pathlib
import sys
import zipfile

import torch
from torch import nn

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, "tools/export")

from placer_export import export_step  # noqa: E402


class Step(nn.Module):
    """Every kind of input that a training step has: parameters, buffers that change, a table of positions, a constant."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Conv2d(4, 4, 3, padding=1)
        self.words = nn.Embedding(11, 8)
        self.places = nn.Embedding(5, 8)
        self.dropout = nn.Dropout(0.5)
        self.out = nn.Linear(8, 7)
        self.register_buffer("position", torch.arange(5), persistent=False)

    def forward(self, image, tokens):
        features = self.fc(self.bn(self.conv(image)).relu()).mean((2, 3))
        words = self.dropout(self.words(tokens) + self.places(self.position)).sum(1)
        left, right = torch.chunk(words, 2, 1)
        return self.out(torch.cat([left * torch.tensor([1.0, 2.0, 3.0, 4.0]) + features, right], 1))


class Inference(nn.Module):
    """Writes in place, through views too; a tied weight; regions without gradients; a batch of unknown size."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        self.calls.add_(1)
        with torch.no_grad():
            scale = x.sum() + 1
        table = torch.zeros(3, 4)
        table[1:] = x[0:2]
        hidden = self.first(x) + table[0]
        hidden.relu_()
        low, high = torch.chunk(self.second(hidden), 2, 1)
        x.mul_(2)
        return low * scale, nn.functional.dropout(high, 0.5, False).reshape(-1), x.sum() + table.sum()


def shrink(data, path):
    """Rewrites the archive `data` without what the importer skips, compressed, with fixed dates."""
    source = zipfile.ZipFile(io.BytesIO(data))
    root = source.namelist()[0].split("/")[0]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            member = name[len(root) + 1:]
            if member.startswith((".data/", "data/sample_inputs/")):
                continue
            content = source.read(name)
            if member.startswith("models/"):
                program = json.loads(content)
                strip(program["graph_module"]["graph"])
                content = json.dumps(program, separators=(",", ":")).encode()
            target.writestr(zipfile.ZipInfo(path.stem + "/" + member), content, zipfile.ZIP_DEFLATED)


def strip(graph):
    for node in graph["nodes"]:
        stack = node["metadata"].get("nn_module_stack")
        node["metadata"] = {"nn_module_stack": stack} if stack else {}
        for argument in node["inputs"]:
            if "as_graph" in argument["arg"]:
                strip(argument["arg"]["as_graph"]["graph"])


def main():
    torch.manual_seed(1)
    made = FOLDER / "made.pt2"
    images, tokens, labels = torch.randn(2, 3, 6, 6), torch.randint(0, 11, (2, 5)), torch.randint(0, 7, (2,))
    export_step(Step(), (images, tokens), nn.functional.cross_entropy, made, targets=(labels,))
    shrink(made.read_bytes(), FOLDER / "step.pt2")
    batch = {"x": {0: torch.export.Dim("batch", min=2)}}
    program = torch.export.export(Inference().eval(), (torch.randn(5, 4),), dynamic_shapes=batch, strict=False)
    torch.export.save(program, made)
    shrink(made.read_bytes(), FOLDER / "inference.pt2")
    made.unlink()


if __name__ == "__main__":
    main()
