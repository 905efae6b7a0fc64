"""What tools/bench/families.py reads of the output of `placer train`."""

import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "bench"))

import families  # noqa: E402

OUTPUT = """12 rounds, 6144 evaluations, 9 s
held-back problems against the best heuristic of each (geometric means)
   round   zero-shot   searched   zero-shot failed
       0    +20.71 %   +10.50 %                  0
      12     -1.25 %    -3.50 %                  0
wrote policy
"""


class Cost(unittest.TestCase):
    def test_is_that_of_the_policy_before_it_goes_on(self):
        self.assertEqual(families.cost(OUTPUT), 20.71)
        self.assertEqual(families.cost(OUTPUT.replace("+20.71", "-0.42")), -0.42)

    def test_without_a_table_there_is_none(self):
        with self.assertRaises(SystemExit):
            families.cost("12 rounds, 6144 evaluations, 9 s\n")


if __name__ == "__main__":
    unittest.main()
