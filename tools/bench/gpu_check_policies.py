"""What the part `policies` of gpu_check.py runs, and what it makes of the reports. `part` is gpu_check.Part.

Learners search from nothing: the heuristics' placements would be feasible whatever a network does. Of seconds nothing is claimed; those on a GPU
have the start of CUDA in them.
"""

import json
import os

WORKLOAD = "configs/workloads/dnn-partitioning/throughput/layer_bert24_training.json"
METHODS = ("colocrl", "ppo", "hdp", "dual", "gnn")
DEVICES = ("cuda:0", "cpu")  # of the networks; in their order
EVALUATIONS = 200  # of each search

TRAINED = "gnn"  # by `placer train`, on few and small problems
TRAINING = {"format": "placer.training", "version": 1, "algorithm": TRAINED, "budget": 480, "evaluations": 60, "workers": 2, "test_every": 4,
            "test_problems": 2, "test_evaluations": 60, "training": {"nodes": [20, 40], "devices": [2, 3]}}


def import_workload(part):
    part.placer("import", "--from", "dnn-partitioning", WORKLOAD, "-o", part.path("workload.json"), "-c", part.path("workload_cluster.json"),
                seconds=20)


def search(part, method, device):
    """What a learner found, and what it did not reach."""
    report = part.placer(*place_arguments(part, method, device, method), "--budget", str(EVALUATIONS), seconds=60)
    found = found_by(report, method)
    return found, judge(found, EVALUATIONS)


def train(part, name, device):
    """A short training, and what its policy makes of the workload without search."""
    config, policy, metrics = part.path("training.json"), file_of(part, name, device, "policy"), file_of(part, name, device, "jsonl")
    with open(config, "w", encoding="utf-8") as file:
        json.dump(TRAINING, file)
    if os.path.exists(policy):  # of an earlier check, which `placer train` would refuse to write over
        os.remove(policy)
    part.placer("train", config, "-o", policy, "--metrics", metrics, "--policy-device", device, seconds=60, read=str)
    with open(metrics, encoding="utf-8") as file:
        result = trained(file.read())
    result["zero_shot"] = found_by(part.placer(*place_arguments(part, TRAINED, device, "zero_shot"), "--policy", policy, seconds=60), TRAINED)
    return result, [*judge_spent(result, TRAINING["budget"]), *judge(result["zero_shot"])]


def place_arguments(part, method, device, output):
    return ["place", part.path("workload.json"), "-c", part.path("workload_cluster.json"), "--algorithm", method, "--policy-device", device,
            "--signal", "simulated", "--no-measure", "--no-warm-start", "-o", file_of(part, output, device, "json")]


def file_of(part, name, device, ending):
    return part.path(f"{name}_{device.replace(':', '')}.{ending}")


def found_by(report, method):
    """A learner's row of a report of `placer place`; None: it has none, as nothing that it tried was feasible."""
    row = next((row for row in report["algorithms"] if row["algorithm"] == method), None)
    return row and {key: row[key] for key in ("feasible", "simulated_us", "evaluations", "seconds")}


def trained(metrics):
    """What a training came to, by the lines that `placer train --metrics` wrote, one a round."""
    lines = metrics.splitlines()
    last = json.loads(lines[-1]) if lines else {}
    return {"rounds": last.get("step", 0), "evaluations": last.get("evaluations", 0), "seconds": last.get("wall_time")}


def judge(found, evaluations=1):
    """What a learner did not reach that had so many evaluations."""
    return judge_spent(found, evaluations) if found and found["feasible"] else ["no feasible placement"]


def judge_spent(result, evaluations):
    spent = result["evaluations"]
    return [f"it ended after {spent} of {evaluations} evaluations"] if spent < evaluations else []


def gpu_over_cpu(by_device):
    """Seconds with the network on the GPU over those with it on a core; None where one of them is not known."""
    gpu, core = ((by_device.get(device) or {}).get("seconds") for device in DEVICES)
    return gpu / core if gpu is not None and core else None
