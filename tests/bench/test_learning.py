"""The arithmetic of tools/bench/learning.py: medians, claims, curves, limits, pictures."""

import contextlib
import io
import math
import os
import sys
import unittest
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "bench"))

import learning  # noqa: E402
import learning_claims as claims  # noqa: E402
import learning_workloads as workloads  # noqa: E402
import svg_plot  # noqa: E402


def cell(values, histories=()):
    return {"values": values, "histories": list(histories)}


class Medians(unittest.TestCase):
    def test_nothing_found_is_worse_than_any_number(self):
        self.assertEqual(claims.median([3, None, 1]), 3)
        self.assertEqual(claims.median([3, None, None]), math.inf)
        self.assertEqual(claims.spread([5, 2, None]), (5, 2, math.inf))

    def test_of_an_even_count_the_worse_middle_one_counts(self):
        self.assertEqual(claims.median([1, 2, 3, 4]), 3)


class Histories(unittest.TestCase):
    HISTORY = [[8, 0.1, 50], [40, 0.3, 45], [41, 0.3, 40]]

    def test_a_target_is_reached_with_the_first_improvement_to_it(self):
        self.assertEqual(claims.reached_after(self.HISTORY, 50), 8)
        self.assertEqual(claims.reached_after(self.HISTORY, 44), 41)
        self.assertEqual(claims.reached_after(self.HISTORY, 39), math.inf)

    def test_best_so_far(self):
        self.assertIsNone(claims.best_after(self.HISTORY, 7))
        self.assertEqual(claims.best_after(self.HISTORY, 40), 45)

    def test_curves_begin_where_half_of_the_seeds_have_something(self):
        other = [[16, 0.2, 60]]
        self.assertEqual(claims.curve([self.HISTORY, other, other], [8, 16, 64]), [(16, 60, 50, 60), (64, 60, 40, 60)])

    # On "a" and "b" the best ends are 40 and 5; on "c" no method finds anything, so that it does not count.
    def test_over_all_workloads_curves_are_over_the_best_end_of_each(self):
        cells = {("a", "post", 64): cell([40], [self.HISTORY]), ("a", "ppo", 64): cell([80], [[[16, 0, 80]]]),
                 ("b", "post", 64): cell([10], [[[16, 0, 10]]]), ("b", "ppo", 64): cell([5], [[[64, 0, 5]]]),
                 ("c", "post", 64): cell([None], [[]]), ("c", "ppo", 64): cell([None], [[]])}
        curves = claims.curves_over_all(cells, "abc", ["post", "ppo", "dual"], 64, [8, 16, 64])
        self.assertEqual(curves["post"], [(16, 2, 1.25, 2), (64, 2, 1, 2)])
        self.assertEqual(curves["ppo"], [(64, 2, 1, 2)])
        self.assertEqual(curves["dual"], [])


class Claims(unittest.TestCase):
    def test_every_workload_must_beat_random_search(self):
        cells = {("a", "post", 1000): cell([9, 9, 30]), ("a", "random", 1000): cell([10, 10, 10]),
                 ("b", "post", 1000): cell([None]), ("b", "random", 1000): cell([None])}
        (reached, text), = claims.beats_random(cells, ["a"], ["post"], 1000)
        self.assertTrue(reached)
        (reached, text), = claims.beats_random(cells, ["a", "b"], ["post"], 1000)
        self.assertFalse(reached)
        self.assertIn("on 1 of 2 workloads: not on b (neither finds anything in the median)", text)

    # REINFORCE's median seed ends at 40, which its seeds reach after 100, 90 and never: 100. PPO's reach it after 50, 60, 61: 60 %.
    def test_share_of_evaluations_until_the_others_median_end(self):
        colocrl = cell([], [[[100, 0, 40]], [[90, 0, 38]], [[10, 0, 45]]])
        ppo = cell([], [[[50, 0, 40]], [[10, 0, 60], [60, 0, 39]], [[61, 0, 1]]])
        self.assertEqual(claims.evaluations_ratio(ppo, colocrl), 0.6)
        (reached, text), = claims.ppo_needs_less({("a", "ppo", 10000): ppo, ("a", "colocrl", 10000): colocrl}, ["a"], 10000)
        self.assertTrue(reached)
        self.assertIn("60.0 %", text)
        never = cell([], [[[5, 0, 41]]] * 3)
        self.assertEqual(claims.evaluations_ratio(never, colocrl), math.inf)
        (reached, text), = claims.ppo_needs_less({("a", "ppo", 10): never, ("a", "colocrl", 10): colocrl}, ["a"], 10)
        self.assertFalse(reached)
        self.assertIn("ppo does not reach colocrl's best of 10", text)
        self.assertIsNone(claims.evaluations_ratio(ppo, cell([], [[]])))

    def test_without_both_methods_nothing_is_claimed(self):
        (reached, _), = claims.ppo_needs_less({}, ["a"], 10000)
        self.assertIsNone(reached)

    def test_best_learned_is_that_of_the_least_median_over_workloads(self):
        cells = {(w, "annealing", 100): cell([10]) for w in "abc"}
        cells |= {("a", "post", 100): cell([9]), ("b", "post", 100): cell([11]), ("c", "post", 100): cell([10])}
        cells |= {(w, "ppo", 100): cell([12]) for w in "abc"}
        lines = claims.best_learned_against(cells, "abc", ["ppo", "post"], "annealing", [100, 1000])
        self.assertEqual(len(lines), 1)
        self.assertTrue(lines[0][0])
        self.assertTrue(lines[0][1].endswith("post 100.0 %, ppo 120.0 %"))


class FakeRunner:
    """A program with two learned methods and a heuristic, whose cells are made up."""

    def compare(self, workload, *arguments):
        return [{"algorithm": name, "learns": learns, "searches": learns, "runs": [{"feasible": True, "value_us": 1000.0}]}
                for name, learns in (("ppo", True), ("gnn", True), ("heft", False))]

    def cell(self, workload, method, budget, seeds):
        return cell([method, budget, seeds])


class Cells(unittest.TestCase):
    SETTINGS = {"evaluations": [10], "seconds": [], "seeds": 2}

    def run_all(self, wanted):
        with contextlib.redirect_stderr(io.StringIO()):
            return learning.run_all(FakeRunner(), [{"name": "a"}], self.SETTINGS, wanted)

    def test_every_learned_method_and_search_is_run_unless_some_are_named(self):
        cells, learned = self.run_all([])
        self.assertEqual(learned, ["ppo", "gnn"])
        self.assertEqual(cells["a", "ppo", 10]["values"], ["ppo", 10, 2])
        cells, learned = self.run_all(["gnn"])
        self.assertEqual(learned, ["gnn"])
        self.assertEqual({key[1] for key in cells if len(key) == 3}, {"gnn", *learning.SEARCHES})

    def test_a_method_that_the_program_has_not_is_refused(self):
        with self.assertRaisesRegex(SystemExit, "no learned method pop; it has ppo, gnn"):
            self.run_all(["gnn", "pop"])


class Limits(unittest.TestCase):
    # Of 8 devices two thirds are 6, rounded up: each gets 1.15 sixths of 600.
    def test_tight_memory_needs_about_two_thirds_of_the_devices(self):
        self.assertEqual(workloads.tight_limit(600, 8), 115)
        self.assertEqual(workloads.tight_limit(600, 2), 345)

    def test_hosts_beside_accelerators_keep_their_memory(self):
        acc, cpu = {"kind": "acc"}, {"kind": "cpu"}
        self.assertEqual(workloads.accelerators({"devices": [acc, cpu]}), [acc])
        self.assertEqual(workloads.accelerators({"devices": [cpu, cpu]}), [cpu, cpu])

    def test_what_a_split_needs_is_that_of_the_thriftiest_on_enough_devices(self):
        def row(used, *peaks, feasible=True):
            return {"runs": [{"feasible": feasible, "devices_used": used, "peak_memory_bytes": dict(enumerate(peaks))}]}
        report = {"algorithms": [row(2, 9, 8, 7), row(3, 6, 5, 8), row(1, 1, 0, 0), row(3, 1, 1, 1, feasible=False)]}
        self.assertEqual(workloads.needed_by_a_split(report, 3), 8)
        self.assertEqual(workloads.needed_by_a_split({"algorithms": [row(1, 5, 0, 0)]}, 3), 0)

    def test_what_one_device_needs_is_that_of_the_most_demanding(self):
        def single(device, peak):
            run = {"feasible": peak is not None, "peak_memory_bytes": {device: peak, "other": 1}}
            return {"algorithm": "single:" + device, "runs": [run]}
        self.assertEqual(workloads.needed_on_one({"algorithms": [single("acc:0", 5), single("acc:1", 7), single("acc:2", None)]}), 7)
        self.assertIsNone(workloads.needed_on_one({"algorithms": [single("acc:0", None)]}))


class Pictures(unittest.TestCase):
    def test_ticks_are_round_and_inside(self):
        self.assertEqual(svg_plot.ticks(0, 100), [0, 20, 40, 60, 80, 100])
        self.assertTrue(all(17.3 <= tick <= 18.2 for tick in svg_plot.ticks(17.3, 18.2)))

    def test_a_picture_is_xml_with_a_line_a_method(self):
        picture = svg_plot.plot({"a<b": [(1, 5, 4, 6), (100, 3, 2, 4)], "post": [(10, 4, 4, 4)]}, "title & more", "ms")
        tree = xml.etree.ElementTree.fromstring(picture)
        self.assertEqual(len(tree.findall("{http://www.w3.org/2000/svg}polyline")), 2)
        self.assertEqual(svg_plot.plot({"post": []}, "empty", "ms"), "")


if __name__ == "__main__":
    unittest.main()
