"""The arithmetic of tools/bench/measured_learning.py: curves, shares, the claim."""

import json
import math
import os
import pathlib
import sys
import tempfile
import types
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "bench"))

import measured_learning as bench  # noqa: E402


def one(points):
    return {"seed": 1, "curve": points}


class MeasuredLearning(unittest.TestCase):
    MEASURED = [(12, 50), (24, 45), (60, 40)]

    def test_the_share_is_of_all_measurements_of_the_other(self):
        self.assertEqual(bench.share_needed(self.MEASURED, [(12, 44), (24, 40)]), 24 / 60)
        self.assertEqual(bench.share_needed(self.MEASURED, [(12, 39)]), 12 / 60)
        self.assertEqual(bench.share_needed(self.MEASURED, [(12, 41)]), math.inf)

    def test_curves_go_to_the_end_with_the_last_of_equal_steps(self):
        self.assertEqual(bench.curve([(12, 50), (12, 49), (24, 51)], 60), [(12, 49), (24, 51), (60, 51)])
        self.assertEqual(bench.curve([(12, 50), (60, 49)], 60), [(12, 50), (60, 49)])

    def test_improvements_are_of_the_update_that_found_them(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            rows = [{"algorithm": algorithm, "evaluations": done, "timed_steps": 3 * done}
                    for algorithm in ("dual", "dual+steps") for done in (4, 8)]
            (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            (folder / "improvements").mkdir()
            files = [folder / "improvements" / f"dual+steps-{done:06}.json" for done in (1, 5, 9)]
            for file in files + [folder / "improvements" / "dual-000003.json"]:
                file.write_text("")
            self.assertEqual(bench.improvements(folder, "dual+steps"), ([(12, files[0]), (24, files[1]), (24, files[2])], 24))
            self.assertEqual(len(bench.improvements(folder, "dual")[0]), 1)

    def test_a_run_has_learned_when_no_update_fits_into_what_is_left(self):
        options = types.SimpleNamespace(algorithm="dual", budget=21)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.assertFalse(bench.has_learned(options, folder, "both"))
            lines = [json.dumps({"algorithm": algorithm, "evaluations": done, "timed_steps": 3 * done}) + "\n"
                     for algorithm in ("dual", "dual+steps") for done in (10, 14, 18)]
            (folder / "metrics.jsonl").write_text("".join(lines[:5]) + lines[5][:-1])
            self.assertTrue(bench.has_learned(options, folder, "measured"))
            self.assertFalse(bench.has_learned(options, folder, "both"))  # 18 is still being written
            (folder / "metrics.jsonl").write_text("".join(lines))
            self.assertTrue(bench.has_learned(options, folder, "both"))

    def test_bands_end_with_the_shortest_curve(self):
        runs = [one(self.MEASURED), one([(10, 60), (30, 41)])]
        self.assertEqual(bench.band(runs), [(12, 55.0, 50, 60), (24, 52.5, 45, 60), (30, 43.0, 41, 45)])

    def test_claims_are_reached_or_missed(self):
        def summary(points):
            return bench.summarise("graph", {"measured": [one(self.MEASURED)], "both": [one(points)]})
        self.assertTrue(bench.claim(summary([(20, 40)])).startswith("reached"))
        self.assertTrue(bench.claim(summary([(21, 40)])).startswith("missed"))
        never = summary([(60, 41)])
        self.assertIsNone(never["share"])
        self.assertIn("never", bench.claim(never))
        self.assertIn("| 60 | 40.0 (40.0 to 40.0) | 41.0 (41.0 to 41.0) |", bench.table(never))


if __name__ == "__main__":
    unittest.main()
