"""The arithmetic of tools/bench/measured_learning.py: curves, shares, the claim."""

import json
import os
import pathlib
import sys
import tempfile
import types
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "bench"))

import measured_learning as bench  # noqa: E402


def one(measured, both, ratios):
    return {"seed": 1, "ratios": ratios, "curves": {"measured": measured, "both": both}}


class MeasuredLearning(unittest.TestCase):
    MEASURED = [(12, 50), (24, 45), (60, 40)]

    def test_ratios_are_of_what_both_has_after_so_many_steps(self):
        both, measured = [(12, [30, 44]), (24, [10, 10])], [(12, [1, 1]), (60, [20, 40])]
        self.assertEqual(bench.ratios(both, measured, 20), [1.5, 1.1])
        self.assertEqual(bench.ratios(both, measured, 11), [])

    # Of 6 samples the range: 1 - 2 / 2^6 = 97 %. Of 8 without the outermost: 1 - 2 * 9 / 2^8 = 93 %, too little; of 9: 96 %.
    def test_intervals_are_of_order_statistics(self):
        self.assertEqual(bench.median_interval([5, 1, 2, 3, 4, 6]), (1, 6))
        self.assertEqual(bench.median_interval([3, 4]), (3, 4))
        self.assertEqual(bench.median_interval(range(8)), (0, 7))
        self.assertEqual(bench.median_interval(range(9)), (1, 7))

    def test_curves_go_to_the_end_with_the_last_of_equal_steps(self):
        self.assertEqual(bench.curve([(12, [50]), (12, [47, 49, 60]), (24, [51])], 60), [(12, 49), (24, 51), (60, 51)])
        self.assertEqual(bench.curve([(12, [50]), (60, [49])], 60), [(12, 50), (60, 49)])

    def test_improvements_are_where_an_update_had_come_to(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            rows = [{"algorithm": algorithm, "evaluations": done, "timed_steps": 3 * done}
                    for algorithm in ("dual", "dual+steps") for done in (4, 8)]
            (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            (folder / "improvements").mkdir()
            files = [folder / "improvements" / f"dual+steps-{done:06}.json" for done in (1, 6, 9)]
            for file in files + [folder / "improvements" / "dual-000003.json"]:
                file.write_text("")
            self.assertEqual(bench.improvements(folder, "dual+steps"), ([(3, files[0]), (18, files[1]), (24, files[2])], 24))
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
        self.assertEqual(bench.band([self.MEASURED, [(10, 60), (30, 41)]]), [(12, 55.0, 50, 60), (24, 52.5, 45, 60), (30, 43.0, 41, 45)])

    def test_claims_are_reached_missed_or_not_decided(self):
        def claim(*ratios):
            return bench.claim(bench.summarise("graph", [one(self.MEASURED, self.MEASURED, list(some)) for some in ratios]))
        self.assertTrue(claim([0.9, 1.0, 1.2]).startswith("reached: graph: after 33 % of the measurements both takes 1.000 (0.900 to 1.200)"))
        self.assertTrue(claim([0.9, 1.1], [1.2, 1.1]).startswith("not decided"))
        self.assertTrue(claim([1.1], [1.2]).startswith("missed"))
        self.assertEqual(claim([0.5], []), "missed: graph: after 33 % of the measurements both has nothing that runs")

    def test_tables_have_both_to_the_end(self):
        result = bench.summarise("graph", [one(self.MEASURED, [(60, 41)], [1.0])])
        self.assertIn("| 60 | 40.0 (40.0 to 40.0) | 41.0 (41.0 to 41.0) |", bench.table(result))
        self.assertIn("| 30 | 45.0 (45.0 to 45.0) | - |", bench.table(result))


if __name__ == "__main__":
    unittest.main()
