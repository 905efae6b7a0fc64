#!/usr/bin/env python3
"""Read what `placer place` and `placer export --to accelerate` write. Python 3.8 or later, nothing else needed: copy this file.

    from read_placement import read_placement, device_map
    devices = read_placement("placement.json")        # {"conv1": "cpu:0", ...}
    model = accelerate.dispatch_model(model, device_map("device_map.json"))

As a program it prints how many nodes are on each device:  python3 read_placement.py placement.json
"""

import collections
import json
import sys

FORMAT = "placer.placement"
VERSION = 1


class PlacementError(ValueError):
    """The file is not what was expected; the text names the file and the place in it."""


def read_placement(path):
    """Node name -> device name (both str) of a placement file, in the file's order. Raises PlacementError, OSError."""
    document = _load(path)
    found = document.get("format")
    if found != FORMAT:
        hint = "" if found is None else f" (a {found} file)"
        raise PlacementError(f'{path}: "format" is {json.dumps(found)}, expected "{FORMAT}"{hint}')
    version = document.get("version")
    if version != VERSION or isinstance(version, bool):
        raise PlacementError(f'{path}: "version" is {json.dumps(version)}, this reader knows {VERSION}')
    return _names(path, "assignment", document.get("assignment"))


def device_map(path):
    """Module name -> device for accelerate, from a file written by `placer export --to accelerate`.

    Takes a plain JSON object or one with the map under "device_map". GPU numbers stay integers, as accelerate wants.
    Raises PlacementError, OSError.
    """
    document = _load(path)
    if document.get("format") == FORMAT:
        raise PlacementError(f"{path}: a placement of single operations; make a device map of it: placer export {path} --to accelerate")
    return _names(path, "device_map", document.get("device_map", document), integers=True)


def by_device(placement):
    """Device -> list of the nodes on it, from the dict that `read_placement` returns."""
    devices = collections.defaultdict(list)
    for node, device in placement.items():
        devices[device].append(node)
    return dict(devices)


def _load(path):
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file, object_pairs_hook=_unique)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, _Duplicate) as error:
        raise PlacementError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise PlacementError(f"{path}: expected a JSON object")
    return document


class _Duplicate(ValueError):
    pass


def _unique(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        name = next(name for name, count in collections.Counter(name for name, _ in pairs).items() if count > 1)
        raise _Duplicate(f"{json.dumps(name)} appears twice")
    return result


def _names(path, key, value, integers=False):
    if not isinstance(value, dict):
        raise PlacementError(f'{path}: "{key}" must be an object of names')
    for name, device in value.items():
        if isinstance(device, str) and device:
            continue
        if integers and isinstance(device, int) and not isinstance(device, bool) and device >= 0:
            continue
        raise PlacementError(f"{path}: {key}.{name} is {json.dumps(device)}, expected the name of a device")
    return value


def main(arguments):
    if len(arguments) != 1:
        print("usage: read_placement.py PLACEMENT.json", file=sys.stderr)
        return 2
    try:
        placement = read_placement(arguments[0])
    except (PlacementError, OSError) as error:
        print(f"read_placement: {error}", file=sys.stderr)
        return 3
    for device, nodes in sorted(by_device(placement).items()):
        print(f"{device}: {len(nodes)} nodes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
