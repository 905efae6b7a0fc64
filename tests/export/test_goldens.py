"""The committed eager results are complete and are what the command makes here."""

import json
import os
import struct
import unittest

from support import GOLDEN_FOLDER, needs


def load(name):
    with open(os.path.join(GOLDEN_FOLDER, f"{name}.json"), encoding="utf-8") as file:
        return json.load(file)


class Committed(unittest.TestCase):
    def test_losses_agree_with_their_bits(self):
        for name in ("inception_v3", "lstm_lm", "nmt"):
            golden = load(name)
            self.assertEqual((golden["format"], golden["version"], golden["model"]), ("placer.eager-golden", 1, name))
            for entry in (golden, *golden["second_steps"]):
                (value,) = struct.unpack("<f", struct.pack("<I", int(entry["loss_bits"], 16)))
                self.assertEqual(value, entry["loss"])
            self.assertAlmostEqual(golden["gradient_norm_sum"], sum(golden["gradient_norms"].values()))


@needs("torch", "numpy")
class MadeAgain(unittest.TestCase):
    def check(self, name):
        from placer_export.goldens import golden
        expected, got = load(name), golden(name)
        self.assert_close(got["loss"], expected["loss"], expected["loss_relative_tolerance"])
        for again, step in zip(got["second_steps"], expected["second_steps"]):
            self.assertEqual(again["learning_rate"], step["learning_rate"])
            self.assert_close(again["loss"], step["loss"], step["relative_tolerance"])
        self.assertEqual(list(got["gradient_norms"]), list(expected["gradient_norms"]))
        for parameter, norm in expected["gradient_norms"].items():
            self.assert_close(got["gradient_norms"][parameter], norm, expected["gradient_norm_relative_tolerance"], parameter)
        self.assertEqual(got["inputs"], expected["inputs"])

    def assert_close(self, value, expected, tolerance, what=None):
        self.assertLessEqual(abs(value - expected), tolerance * abs(expected), what)

    def test_inception_v3(self):
        self.check("inception_v3")

    def test_lstm_lm(self):
        self.check("lstm_lm")

    def test_nmt(self):
        self.check("nmt")


if __name__ == "__main__":
    unittest.main()
