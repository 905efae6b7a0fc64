"""The commands as a user starts them: exit status and what is said."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

from support import EXPORT_FOLDER, needs

FACTORY = """
import torch
def good():
    return torch.nn.Linear(4, 3), (torch.randn(2, 4),), torch.nn.functional.cross_entropy, (torch.tensor([0, 1]),)
def inference():
    return torch.nn.Linear(4, 3), torch.randn(2, 4), None
def raises():
    raise KeyError("width")
def short():
    return torch.nn.Linear(4, 3), (torch.randn(2, 4),)
"""
BROKEN = "import a_module_that_is_not_there\n"


class Command(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name, text in (("my_model.py", FACTORY), ("broken.py", BROKEN)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)

    def run_command(self, *arguments, program="placer_export", text=""):
        return subprocess.run([sys.executable, os.path.join(EXPORT_FOLDER, program), *arguments],
                              cwd=self.folder, input=text, capture_output=True, text=True, timeout=600)

    def check_fails(self, status, expected, *arguments, program="placer_export"):
        result = self.run_command(*arguments, program=program)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertRegex(result.stderr, expected)
        self.assertNotIn("Traceback", result.stderr)

    def test_list_needs_no_torch(self):
        result = self.run_command("--list")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("inception_v3", result.stdout)
        self.assertIn("vocabulary=2000", self.run_command("--list").stdout)
        self.assertIn("lstm_lm", json.loads(self.run_command("--list", "--json").stdout))

    def test_wrong_usage(self):
        self.check_fails(2, "one of the arguments")
        self.check_fails(2, "-o FILE.pt2 is missing", "--zoo", "lstm_lm")
        self.check_fails(2, "there is no folder", "--zoo", "lstm_lm", "-o", "no/such/a.pt2")
        self.check_fails(2, "ends in .pt2", "--zoo", "lstm_lm", "-o", "a.onnx")

    @needs("torch")
    def test_as_a_module_and_own_factory(self):
        result = subprocess.run([sys.executable, "-m", "placer_export", "--module", "my_model:good", "-o", "mine.pt2"], cwd=self.folder,
                                env={**os.environ, "PYTHONPATH": EXPORT_FOLDER}, capture_output=True, text=True, timeout=600)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("next: placer import mine.pt2 -o graph.json", result.stdout)
        self.assertTrue(os.path.exists(os.path.join(self.folder, "mine.pt2")))

    @needs("torch", "numpy")
    def test_zoo_with_changed_sizes(self):
        sizes = dict(layers=1, width=8, steps=2, batch=2, vocabulary=9, dropout=0.5)
        result = self.run_command("--zoo", "lstm_lm", *(f"--set={key}={value}" for key, value in sizes.items()), "-o", "lm.pt2", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        summary = json.loads(result.stdout)
        self.assertEqual(summary["random"], ["aten.native_dropout.default"])
        self.assertEqual(sum(summary["operators"].values()), summary["nodes"])

    @needs("torch")
    def test_inference_program(self):
        result = self.run_command("--module", "my_model:inference", "-o", "i.pt2")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("1 operations", result.stdout)

    @needs("torch")
    def test_mistakes(self):
        self.check_fails(2, "unknown model 'vgg'; the zoo has: inception_v3", "--zoo", "vgg", "-o", "a.pt2")
        self.check_fails(2, "lstm_lm has no size 'huge'; it has: small, full", "--zoo", "lstm_lm", "--size", "huge", "-o", "a.pt2")
        self.check_fails(2, "lstm_lm has no option 'depth'; it has: layers", "--zoo", "lstm_lm", "--set", "depth=3", "-o", "a.pt2")
        self.check_fails(2, "expected OPTION=NUMBER", "--zoo", "lstm_lm", "--set", "width", "-o", "a.pt2")
        self.check_fails(2, "expected PACKAGE.MODULE:FACTORY", "--module", "my_model", "-o", "a.pt2")
        self.check_fails(3, "no Python module absent", "--module", "absent:f", "-o", "a.pt2")
        self.check_fails(3, "broken cannot be imported: No module named 'a_module_that_is_not_there'", "--module", "broken:f", "-o", "a.pt2")
        self.check_fails(3, "my_model has no function f", "--module", "my_model:f", "-o", "a.pt2")
        self.check_fails(3, r"must return \(module, inputs, loss\).*got tuple of 2", "--module", "my_model:short", "-o", "a.pt2")
        self.check_fails(3, "my_model.py, line 8: KeyError: 'width'", "--module", "my_model:raises", "-o", "a.pt2")
        self.check_fails(2, "without folders and .py", "--module", "./my_model:good", "-o", "a.pt2")
        self.check_fails(2, "ends in .pt2", "--module", "my_model:good", "-o", "a.onnx")

    @needs("torch", "numpy")
    def test_eager_step(self):
        core = str(min(os.sched_getaffinity(0)))
        result = self.run_command("--module", "my_model:good", "--repeats", "3", "--core", core, program="eager_step.py")
        self.assertEqual(result.returncode, 0, result.stderr)
        measured = json.loads(result.stdout)
        self.assertEqual(len(measured["wall_ms"]), 3)
        self.assertLessEqual(measured["wall_min_ms"], measured["wall_median_ms"])

        result = self.run_command("--module", "my_model:good", "--interactive", "--core", core, program="eager_step.py", text="\n\n")
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([sorted(line) for line in lines], [["ready"]] + [["cpu_ms", "loss", "wall_ms"]] * 2)

        self.check_fails(3, "core 100000 is not available", "--module", "my_model:good", "--core", "100000", program="eager_step.py")
        self.check_fails(3, "has no loss", "--module", "my_model:inference", "--core", core, program="eager_step.py")


if __name__ == "__main__":
    unittest.main()
