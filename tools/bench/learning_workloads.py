"""The workloads of learning.py: bundled ones, bundled training graphs with this machine's op times, generated ones; each with memory
to spare and with so little that about two thirds of the devices are needed."""

import json
import os
import subprocess
import sys

from placer_report import report_of

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PUBLIC = os.path.join(ROOT, "configs", "workloads", "dnn-partitioning")
TRAINING = ["inception_v3_small", "lstm_lm_small", "nmt_small"]
FAMILIES = ["layered", "transformer", "series-parallel", "random"]
SLACK = 1.15  # tight memory is so many times what a split needs a device


def public_workloads():
    for objective, folder in (("max-load", "throughput"), ("latency", "latency")):
        for file in sorted(os.listdir(os.path.join(PUBLIC, folder))):
            yield objective, f"{folder}/{file[:-len('.json')]}"


def tight_limit(needed, devices):
    """Bytes a device when the whole model needs `needed` on one: it does not fit on fewer than two thirds of them, but for the slack."""
    return int(SLACK * needed / -(-2 * devices // 3))


def needed_on_one(report):
    """The most that a step on a single device needs there, in bytes, of `placer compare --json`; None where no single device can run it."""
    peaks = {}
    for row in report["algorithms"]:
        name = row["algorithm"]
        if name.startswith("single:") and row["runs"][0]["feasible"]:
            device = name[len("single:"):]
            peaks[device] = row["runs"][0]["peak_memory_bytes"][device]
    return max(peaks.values()) if peaks else None


def needed_by_a_split(report, devices):
    """The least that the fullest device needs, over the splits in the report that use at least two thirds of `devices`; 0: there is
    none. What flows between devices is on both, so that a split may need more than its share."""
    peaks = [max(run["peak_memory_bytes"].values()) for row in report["algorithms"] for run in row["runs"]
             if run["feasible"] and 3 * run["devices_used"] >= 2 * devices]
    return min(peaks, default=0)


def accelerators(cluster):
    """Devices that hosts wait for: every one where there is a single kind, else those that are no cores."""
    kinds = {device["kind"] for device in cluster["devices"]}
    return [device for device in cluster["devices"] if len(kinds) == 1 or device["kind"] != "cpu"]


class Workloads:
    """Graph and cluster files in `folder`, made once."""

    def __init__(self, program, generator, folder):
        self._program = program
        self._generator = generator
        self._folder = folder
        os.makedirs(folder, exist_ok=True)

    def _call(self, *arguments):
        done = subprocess.run(arguments, cwd=self._folder, capture_output=True, text=True)
        if done.returncode != 0:
            print(f"left out: {' '.join(arguments)}: {done.stderr.strip()}", file=sys.stderr)
        return done if done.returncode == 0 else None

    def _made(self, name, *commands):
        """Name without what files cannot have; nothing where a command fails."""
        stem = name.replace("/", "-")
        if os.path.exists(os.path.join(self._folder, stem + ".cluster.json")):
            return stem
        return stem if all(self._call(*command(stem)) for command in commands) else None

    def public(self, objective, path):
        stem = self._made(path, lambda stem: (self._program, "-q", "import", "--from", "dnn-partitioning", os.path.join(PUBLIC, path + ".json"),
                                              "-o", stem + ".graph.json", "-c", stem + ".cluster.json"))
        return self._variants(path, objective, stem)

    def profiled(self, name):
        """File stem of a bundled training graph with this machine's op times, and of its cores."""
        bundled = os.path.join(ROOT, "configs", "graphs", name + ".json.zst")
        return self._made(name, lambda stem: (self._program, "-q", "devices", "-o", "cores.json"),
                          lambda stem: (self._program, "-q", "profile", bundled, "-c", "cores.json", "-o", stem + ".graph.json"),
                          lambda stem: ("cp", "cores.json", stem + ".cluster.json"))

    def training(self, name):
        return self._variants(name, "step-time", self.profiled(name))

    def generated(self, family, nodes):
        name = f"{family}-{nodes}"
        stem = self._made(name, lambda stem: (self._generator, "--family", family, "--nodes", str(nodes), "-o", stem + ".graph.json",
                                              "-c", stem + ".cluster.json"))
        return self._variants(name, "step-time", stem)

    def _variants(self, name, objective, stem):
        if stem is None:
            return []
        loose = {"name": name, "objective": objective, "graph": stem + ".graph.json", "cluster": stem + ".cluster.json"}
        tight = self._tighten(loose)
        return [loose] + ([tight] if tight else [])

    def _tighten(self, loose):
        path = loose["cluster"].replace(".cluster.json", ".tight.json")
        tight = loose | {"name": loose["name"] + ", tight", "cluster": path}
        if os.path.exists(os.path.join(self._folder, path)):
            return tight
        done = self._call(self._program, "-q", "--json", "compare", loose["graph"], "-c", loose["cluster"], "--objective", loose["objective"],
                          "--budget", "1")
        if not done:
            return None
        report = report_of(done.stdout)
        needed = needed_on_one(report)
        with open(os.path.join(self._folder, loose["cluster"])) as file:
            cluster = json.load(file)
        limited = accelerators(cluster)
        # Where one device does not hold the model its memory is tight as it is.
        if not needed or needed > min(device["memory_bytes"] for device in limited):
            return None
        limit = max(tight_limit(needed, len(limited)), int(SLACK * needed_by_a_split(report, len(limited))))
        for device in limited:
            device["memory_bytes"] = limit
        with open(os.path.join(self._folder, path), "w") as file:
            json.dump(cluster, file)
        return tight
