"""What a command of placer prints with --json."""

import json


def report_of(output):
    """The report, or None where it ended without one. METIS prints warnings of its own before it."""
    begin = output.find("{\n")
    return json.loads(output[begin:]) if begin >= 0 else None
