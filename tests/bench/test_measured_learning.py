"""The arithmetic of tools/bench/measured_learning.py: curves, shares, the claim."""

import math
import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "bench"))

import measured_learning as bench  # noqa: E402


def one(points):
    return {"seed": 1, "curve": points, "finalist_ms": None}


class MeasuredLearning(unittest.TestCase):
    MEASURED = [(12, 50), (24, 45), (60, 40)]

    def test_the_share_is_of_all_measurements_of_the_other(self):
        self.assertEqual(bench.share_needed(self.MEASURED, [(12, 44), (24, 40)]), 24 / 60)
        self.assertEqual(bench.share_needed(self.MEASURED, [(12, 39)]), 12 / 60)
        self.assertEqual(bench.share_needed(self.MEASURED, [(12, 41)]), math.inf)

    def test_updates_before_anything_has_run_are_no_points(self):
        rows = [{"timed_steps": 0, "best_step_time_ms": None}, {"timed_steps": 12, "best_step_time_ms": 7.5}]
        self.assertEqual(bench.curve(rows), [(12, 7.5)])

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
