"""The seeded initialiser against published generator values and a plain, one-value-at-a-time version of its text."""

import math
import unittest

from support import needs


@needs("numpy")
class Seeded(unittest.TestCase):
    def setUp(self):
        from placer_export import seeded
        self.seeded = seeded

    def test_splitmix64_gives_the_published_sequence(self):
        state, outputs = 1234567, []
        for _ in range(3):
            outputs.append(self.seeded.splitmix64(state))
            state += self.seeded.GOLDEN_GAMMA
        self.assertEqual(outputs, [6457827717110365317, 3203168211198807973, 9817491932198370423])

    def test_fnv1a64_gives_the_published_hashes(self):
        self.assertEqual(self.seeded.fnv1a64(b""), 0xCBF29CE484222325)
        self.assertEqual(self.seeded.fnv1a64(b"a"), 0xAF63DC4C8601EC8C)
        self.assertEqual(self.seeded.fnv1a64(b"foobar"), 0x85944171F73967E8)

    def test_a_vectorised_value_is_the_scalar_one(self):
        key = self.seeded.key(1, "layer.weight")
        u = self.seeded.uniform(1, "layer.weight", 100)
        for i in (0, 1, 99):
            z = self.seeded.splitmix64(key + i * self.seeded.GOLDEN_GAMMA)
            self.assertEqual(u[i], (z >> 40) * 2.0**-24)

    def test_chunks_join_without_a_seam(self):
        whole = self.seeded.uniform(3, "x", 1000)
        chunk, self.seeded._CHUNK = self.seeded._CHUNK, 7
        try:
            self.assertTrue((self.seeded.uniform(3, "x", 1000) == whole).all())
        finally:
            self.seeded._CHUNK = chunk

    def test_documented_example(self):
        import numpy
        values = self.seeded.state_values(1, "layer.weight", (2, 3)).astype(numpy.float32)
        self.assertEqual([str(value) for value in values[0]], ["0.29181144", "0.4788099", "0.21969353"])

    def test_state_by_name_and_shape(self):
        state = self.seeded.state_values
        self.assertTrue((state(1, "bn.weight", (5,)) == 1).all())
        self.assertTrue((state(1, "bn.running_var", (5,)) == 1).all())
        self.assertTrue((state(1, "bn.running_mean", (5,)) == 0).all())
        self.assertTrue((state(1, "bn.num_batches_tracked", (), floating=False) == 0).all())
        self.assertTrue((state(1, "scale", ()) == 0).all())
        weight = state(1, "conv.weight", (8, 3, 3, 3))
        self.assertLess(abs(weight).max(), 1 / math.sqrt(27))
        self.assertGreater(abs(weight).max(), 0.9 / math.sqrt(27))
        self.assertEqual(state(1, "empty.weight", (0, 3)).shape, (0, 3))

    def test_inputs_keep_their_range(self):
        tokens = self.seeded.input_values(1, "x", (1000,), "int", 3, 7)
        self.assertEqual(sorted(set(tokens.tolist())), [3, 4, 5, 6])
        image = self.seeded.input_values(1, "x", (10000,), "float")
        self.assertAlmostEqual(float(image.mean()), 0, delta=0.03)
        self.assertAlmostEqual(float(image.var()), 1, delta=0.03)
        self.assertAlmostEqual(self.seeded.input_values(1, "m", (1000,), "bool").mean(), 0.5, delta=0.05)

    def test_an_integer_input_without_a_range_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "input x: an integer input needs a range"):
            self.seeded.input_values(1, "x", (2,), "int")
        with self.assertRaisesRegex(ValueError, "unknown kind"):
            self.seeded.input_values(1, "x", (2,), "complex")

    def test_names_and_seeds_give_different_values(self):
        first = self.seeded.uniform(1, "a", 8)
        self.assertFalse((first == self.seeded.uniform(1, "b", 8)).any())
        self.assertFalse((first == self.seeded.uniform(2, "a", 8)).any())


if __name__ == "__main__":
    unittest.main()
