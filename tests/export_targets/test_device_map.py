"""`placer export --to accelerate` against the real accelerate, on a small model.

Run with: PLACER_PROGRAM=build/release/placer python3 -m unittest discover -s tests/export_targets
Skipped where torch, accelerate or the program is missing.
"""

import importlib.util
import json
import os
import subprocess
import tempfile
import unittest
import warnings

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("PLACER_PROGRAM", os.path.join(ROOT, "build", "release", "placer"))


def why_skip():
    for module in ("torch", "accelerate"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed"
    return None if os.access(PROGRAM, os.X_OK) else f"{PROGRAM} is not built"


def small_model():
    """Eleven blocks, so that there is a blocks.1 beside a blocks.10; batch norm brings buffers."""
    import torch

    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(4, 4)
            self.norm = torch.nn.BatchNorm1d(4)

        def forward(self, x):
            return torch.relu(self.norm(self.linear(x)))

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Linear(4, 4)
            self.blocks = torch.nn.Sequential(*[Block() for _ in range(11)])
            self.head = torch.nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.blocks(self.embed(x)))

    return Model()


def graph_of(model):
    """A graph file with every parameter and buffer of the model, and an op for each module that has some."""
    nodes = [{"name": "x", "kind": "input", "outputs": [{"dtype": "float32", "shape": [2, 4]}]}]
    value = "x"
    for path, module in model.named_modules():
        own = {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
        if not own:
            continue
        inputs = [value]
        for name, tensor in own.items():
            role = "parameter" if tensor.requires_grad else "buffer"
            output = {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape)}
            full = f"{path}.{name}"
            nodes.append({"name": full, "kind": "state", "role": role, "module": path, "origin": full, "outputs": [output]})
            inputs.append(full)
        value = f"op of {path}"
        nodes.append({"name": value, "module": path, "op": "test.op", "inputs": inputs,
                      "outputs": [{"dtype": "float32", "shape": [2, 4]}]})
    return {"format": "placer.graph", "version": 1, "name": "small", "nodes": nodes}


@unittest.skipIf(why_skip() is not None, why_skip() or "")
class DeviceMap(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.model = small_model().eval()
        self.graph = graph_of(self.model)

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "w", encoding="utf-8") as file:
                json.dump(content, file)
        return path

    def export(self, device_of):
        """(status, device_map, notes, text) of the placement that puts a node of module m on device_of(m)."""
        assignment = {node["name"]: device_of(node.get("module", "")) for node in self.graph["nodes"]}
        placement = {"format": "placer.placement", "version": 1, "graph": {"name": "small"}, "assignment": assignment}
        out = self.path("map.json")
        done = subprocess.run([PROGRAM, "export", self.path("placement.json", placement), "-g",
                               self.path("graph.json", self.graph), "--to", "accelerate", "-o", out],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return done.returncode, None, None, done.stderr
        with open(out, encoding="utf-8") as file, open(out + ".notes.json", encoding="utf-8") as notes:
            return 0, json.load(file), json.load(notes), done.stdout

    @staticmethod
    def halves(module):
        return "cuda:1" if module == "head" or module.startswith("blocks.10") else "cuda:0"

    def test_accelerate_finds_a_device_for_every_tensor(self):
        from accelerate.utils import check_device_map

        status, device_map, notes, text = self.export(self.halves)
        self.assertEqual(status, 0, text)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # unknown keys only warn
            check_device_map(self.model, device_map)
        self.assertEqual(device_map["blocks.1"], 0)
        self.assertEqual(device_map["blocks.10"], 1)
        self.assertEqual(device_map["head"], 1)
        self.assertEqual(notes["main_device"], 0)
        self.assertEqual(notes["nodes_moved"], 0)

    def test_the_dispatched_model_computes_the_same(self):
        import torch
        from accelerate import dispatch_model

        status, device_map, notes, text = self.export(lambda module: "cpu")
        self.assertEqual(status, 0, text)
        x = torch.randn(2, 4)
        expected = self.model(x)
        dispatched = dispatch_model(self.model, device_map, main_device=notes["main_device"])
        self.assertTrue(torch.equal(dispatched(x), expected))

    def test_cores_cannot_be_told_apart(self):
        status, _, _, text = self.export(lambda module: "cpu:1" if module == "head" else "cpu:0")
        self.assertEqual(status, 4)
        self.assertIn("cpu:0, cpu:1", text)


if __name__ == "__main__":
    unittest.main()
