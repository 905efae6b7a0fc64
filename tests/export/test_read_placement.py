"""The placement reader, which needs nothing but Python."""

import contextlib
import io
import json
import os
import tempfile
import unittest

import support  # noqa: F401  (finds the folder)
import read_placement as reader


class ReadPlacement(unittest.TestCase):
    def write(self, document):
        handle, path = tempfile.mkstemp(suffix=".json")
        self.addCleanup(os.unlink, path)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(document if isinstance(document, str) else json.dumps(document))
        return path

    def placement(self, **changes):
        document = {"format": "placer.placement", "version": 1, "graph": {"name": "g"}, "assignment": {"a": "cpu:0", "b": "cpu:1", "c": "cpu:0"}}
        document.update(changes)
        return self.write({key: value for key, value in document.items() if value is not None})

    def test_reads_every_node_in_order(self):
        placement = reader.read_placement(self.placement())
        self.assertEqual(list(placement.items()), [("a", "cpu:0"), ("b", "cpu:1"), ("c", "cpu:0")])
        self.assertEqual(reader.by_device(placement), {"cpu:0": ["a", "c"], "cpu:1": ["b"]})

    def check_refused(self, path, expected, function=reader.read_placement):
        with self.assertRaisesRegex(reader.PlacementError, expected) as caught:
            function(path)
        self.assertIn(path, str(caught.exception))

    def test_says_what_is_wrong(self):
        self.check_refused(self.placement(format="placer.graph"), 'is "placer.graph", expected "placer.placement"')
        self.check_refused(self.placement(format=None), '"format" is null')
        self.check_refused(self.placement(version=2), '"version" is 2, this reader knows 1')
        self.check_refused(self.placement(version=True), '"version" is true')
        self.check_refused(self.placement(assignment=None), '"assignment" must be an object')
        self.check_refused(self.placement(assignment={"a": 0}), "assignment.a is 0, expected the name of a device")
        self.check_refused(self.write("[]"), "expected a JSON object")
        self.check_refused(self.write("{"), "not valid JSON")
        self.check_refused(self.write('{"a": 1, "a": 2}'), '"a" appears twice')
        self.check_refused(self.write("[" * 100000), "not valid JSON")

    def test_device_map_plain_or_wrapped(self):
        plain = {"embedding": 0, "head": "cpu"}
        self.assertEqual(reader.device_map(self.write(plain)), plain)
        self.assertEqual(reader.device_map(self.write({"format": "x", "device_map": plain, "main_device": 0})), plain)

    def test_device_map_says_what_is_wrong(self):
        self.check_refused(self.placement(), "--to accelerate", reader.device_map)
        self.check_refused(self.write({"embedding": -1}), "device_map.embedding is -1", reader.device_map)

    def test_as_a_program(self):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            self.assertEqual(reader.main([self.placement()]), 0)
            self.assertEqual(reader.main([]), 2)
            self.assertEqual(reader.main(["nowhere.json"]), 3)
        self.assertEqual(out.getvalue(), "cpu:0: 2 nodes\ncpu:1: 1 nodes\n")
        self.assertIn("nowhere.json", err.getvalue())


if __name__ == "__main__":
    unittest.main()
