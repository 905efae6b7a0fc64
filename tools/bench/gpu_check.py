#!/usr/bin/env python3
"""The parts of tools/gpu_check.sh, which says what is needed. Each writes OUT/PART.json:

  {"part", "status": "passed" | "failed" | "left out", "seconds", "problems": [...], and what was measured}

A claim that was not reached is a problem: the part failed. A part is left out when the time is over or what it builds on
failed. Commands and their output are in OUT/PART.log.
"""

import argparse
import concurrent.futures
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import gpu_check_policies

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "gpu")
PLACER = os.path.join(BUILD, "placer")

# Claims: the executor against eager PyTorch, the simulator against measured steps.
MOST_STEP_RATIO = 1.02
MOST_GRAPH_RATIO = 0.9  # with the step as one launch
MOST_ERROR = 0.10
LEAST_RANK_CORRELATION = 0.95
MOST_PROFILE_SECONDS = 30
PLACEMENTS = 30
PARTS = 4  # virtual GPUs of the first GPU
CAP_SHARE = 0.5  # of the memory of the whole step, that each of the four may use

# At their real sizes (tools/export/placer_export/zoo).
MODELS = ("inception_v3", "resnet50", "lstm_lm", "nmt", "bert")
SMALL_OPS = ("lstm_lm", "nmt")  # that spend their time on launches
PLACED = "inception_v3"  # the one that is profiled, simulated and placed
BESIDE_A_CORE = "configs/graphs/inception_v3_small.json.zst"  # batch 2: a core needs half a second for a step


class PartFailed(Exception):
    """A command that failed, or took too long."""


class Part:
    """What a part may use: commands with a time limit and a log, and where its results go."""

    def __init__(self, name, out, deadline, deps):
        self.name, self.out, self.deps, self.result, self.problems = name, out, deps, {}, []
        self._deadline = deadline
        self._log = os.path.join(out, f"{name}.log")

    def path(self, name):
        return os.path.join(self.out, name)

    def run(self, command, seconds, environment=None):
        """Standard output of the command; at most `seconds`, and no longer than the whole check may take."""
        limit = min(seconds, self._deadline - time.monotonic())
        if limit <= 0:
            raise PartFailed("no time left")
        with open(self._log, "a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            # A session of its own, so that a command that takes too long ends with all that it started.
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
                                       env={**os.environ, **(environment or {})})
            try:
                output, _ = process.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise PartFailed(f"{os.path.basename(command[0])} took more than {limit:.0f} s") from None
            log.write(output)
        if process.returncode != 0:
            raise PartFailed(f"{' '.join(command[:3])} ended with status {process.returncode} (see {self.name}.log)")
        return output

    def placer(self, *arguments, seconds, read=json.loads):
        return read(self.run([PLACER, "--json", "--quiet", *arguments], seconds))

    def claim(self, holds, text):
        if not holds:
            self.problems.append(text)


def build(part):
    """Builds into build/gpu, while PyTorch exports on other cores the models that the folder of dependencies has no graphs of."""
    prefix = [f"-DCMAKE_PREFIX_PATH={part.deps}", "-DCMAKE_LIBRARY_ARCHITECTURE=x86_64-linux-gnu",
              # Else libraries of the folder would not find one another.
              "-DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags"] if os.path.isdir(part.deps) else []
    part.result["dependencies"] = part.deps if prefix else "the system's"
    to_export = [model for model in MODELS if not os.path.exists(ready_graph(part, model))]
    with concurrent.futures.ThreadPoolExecutor(len(MODELS)) as pool:
        exports = {model: pool.submit(export, part, model) for model in to_export}
        part.run(["cmake", "--preset", "release", "-B", BUILD, "-DPLACER_WITH_CUDA=ON", "-DPLACER_WERROR=OFF",
                  f"-DLIBTORCH_ROOT={libtorch_root()}", f"-DPython3_EXECUTABLE={sys.executable}", *prefix], 60)
        part.run(["cmake", "--build", BUILD], 240)
    for model, exported in exports.items():
        try:
            exported.result()
            part.run([PLACER, "import", part.path(f"{model}.pt2"), "--optimizer", "sgd", "--no-weights",
                      "-o", part.path(f"{model}.json.zst")], 60)
        except PartFailed as problem:
            part.problems.append(f"{model}: {problem}")


def ready_graph(part, model):
    """The graph of a model that was exported before: exporting needs no GPU, and a minute or more."""
    return os.path.join(part.deps, "graphs", f"{model}.json.zst")


def graph(part, model):
    ready = ready_graph(part, model)
    path = ready if os.path.exists(ready) else part.path(f"{model}.json.zst")
    if not os.path.exists(path):
        raise PartFailed("it was not exported")
    return path


def libtorch_root():
    """The folder that holds this Python's torch/ and nvidia/."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        raise PartFailed(f"{sys.executable} has no PyTorch (PLACER_PYTHON names another Python)")
    return os.path.dirname(os.path.dirname(spec.origin))


def export(part, model):
    part.run([sys.executable, "tools/export/placer_export", "--zoo", model, "--size", "full", "-o", part.path(f"{model}.pt2")],
             200, {"CUDA_VISIBLE_DEVICES": ""})


def tests(part):
    """All about GPUs and the executor that needs none."""
    part.run(["ctest", "--test-dir", BUILD, "-R", "Gpu|Discovery|Runnable|DriverProblem|gpu_|Executor|Conformance", "-LE", "gpu",
              "--output-on-failure", "--no-tests=error", "--output-junit", part.path("tests.xml"), "-j", "4"], 120)


def conformance(part):
    """The tests that need a GPU (label gpu): the executor's results on it are those of one device."""
    text = part.run(["ctest", "--test-dir", BUILD, "-L", "gpu", "--verbose", "--no-tests=error"], 120)
    part.result["passed"] = text.count("[       OK ]")
    part.claim(part.result["passed"] > 0, "no test ran")
    part.claim("[  SKIPPED ]" not in text, "tests were skipped, as if there were no GPU")


def discovery(part):
    report = part.placer("devices", "-o", part.path("cluster.json"), seconds=60)
    if not report["gpus"]:
        raise PartFailed(f"no GPUs: {report['gpu_problem']}")
    split = part.placer("devices", "--split", f"cuda:0={PARTS}", "-o", part.path("split.json"), seconds=60)
    part.result.update(report)
    part.result["split_cluster"] = split["cluster"]
    part.result["bus_limits"] = [bus_limit(part, gpu["pci"]) for gpu in report["gpus"]]
    for gpu, limit in zip(report["gpus"], part.result["bus_limits"]):
        part.claim(not gpu["problem"], f"{gpu['name']}: {gpu['problem']}")
        if not gpu["problem"] and limit:
            gpu["share_of_bus_limit"] = {way: gpu[way]["bytes_per_second"] / limit for way in ("from_host", "to_host")}


# Bytes per second of one lane, both sides' encoding taken off, by generation of PCI Express.
LANE = {1: 250e6, 2: 500e6, 3: 984.6e6, 4: 1969e6, 5: 3938e6, 6: 7563e6}


def bus_limit(part, address):
    """What the GPU's bus can carry in one direction by its specification; None where nvidia-smi does not say."""
    try:
        text = part.run(["nvidia-smi", "-i", address, "--query-gpu=pcie.link.gen.max,pcie.link.width.max", "--format=csv,noheader"], 20)
        generation, width = (int(word) for word in text.split(","))
        return LANE[generation] * width
    except (PartFailed, OSError, ValueError, KeyError):
        return None


def profile(part):
    """Op times of the model for the first GPU and for its parts, of the small one for a core and the GPU."""
    begin = time.monotonic()
    report = part.placer("profile", graph(part, PLACED), "-c", one_gpu(part), "--no-cache", "-o", part.path("profiled.json"), seconds=90)
    part.result.update({"model": PLACED, "seconds_for_the_gpu": time.monotonic() - begin, "kinds": report["kinds"]})
    part.claim(part.result["seconds_for_the_gpu"] <= MOST_PROFILE_SECONDS,
               f"profiling {PLACED} took {part.result['seconds_for_the_gpu']:.0f} s, claimed at most {MOST_PROFILE_SECONDS}")
    part.placer("profile", part.path("profiled.json"), "-c", gpu_parts(part), "--no-cache", seconds=90)
    part.placer("profile", BESIDE_A_CORE, "-c", core_and_gpu(part), "--no-cache", "-o", part.path("profiled_small.json"), seconds=90)


def step(part):
    """The executor's step on one GPU against eager PyTorch's, model by model; of small ops also as one launch."""
    part.result["models"], part.result["one_launch"] = {}, {}
    for model in MODELS:
        step_ratio(part, model, "models", MOST_STEP_RATIO)
    for model in SMALL_OPS:
        step_ratio(part, model, "one_launch", MOST_GRAPH_RATIO, "--cuda-graphs")


def step_ratio(part, model, key, most, *how):
    try:
        text = part.run([sys.executable, "tools/bench/step_ratio.py", os.path.join(BUILD, "bench", "executor_step"),
                         graph(part, model), "--pairs", "10", "--cluster", one_gpu(part),
                         "--device", "cuda:0", "--json", *how, "--", "--zoo", model, "--size", "full"], 60)
        result = part.result[key][model] = json.loads(text)
        part.claim(result["ratio"] <= most, f"{model}{', one launch' if how else ''}: {result['ratio']:.3f} of eager PyTorch's step, "
                                            f"claimed at most {most}")
    except PartFailed as problem:
        part.problems.append(f"{model}: {problem}")


def fidelity(part):
    """The simulator against measured steps, on a core with the GPU and on the GPU's parts."""
    for name, profiled, cluster in (("core and GPU", "profiled_small.json", core_and_gpu(part)),
                                    ("parts of the GPU", "profiled.json", gpu_parts(part))):
        report = part.placer("measure", part.path(profiled), "-c", cluster, "--compare-simulator", "--placements", str(PLACEMENTS),
                             "--budget", "40s", seconds=100)
        part.result[name] = report
        for problem in judge_fidelity(report):
            part.problems.append(f"{name}: {problem}")


def judge_fidelity(report):
    """What the simulator does not reach in a report of `placer measure --compare-simulator`."""
    if "fidelity" not in report:
        return ["too few placements ran twice"]
    simulated, problems = report["fidelity"]["simulated"], []
    if simulated["mape"] > MOST_ERROR:
        problems.append(f"error {100 * simulated['mape']:.1f} %, claimed at most {100 * MOST_ERROR:.0f} %")
    if simulated["spearman"] < LEAST_RANK_CORRELATION:
        problems.append(f"rank correlation {simulated['spearman']:.3f}, claimed at least {LEAST_RANK_CORRELATION}")
    return problems


def place(part):
    """A search with measured steps on parts of which none can hold the model."""
    whole = memory_of_step(part)
    cap = int(CAP_SHARE * whole)
    caps = [word for i in range(PARTS) for word in ("--max-memory", f"cuda:0.{i}={cap}")]
    report = part.placer("place", part.path("profiled.json"), "-c", gpu_parts(part), "--signal", "both", "--budget", "60s", *caps,
                         "-o", part.path("placement.json"), seconds=100)
    part.result.update({"memory_of_step_bytes": whole, "cap_bytes": cap, "report": report})
    chosen = next(row for row in report["algorithms"] if row["algorithm"] == report["chosen"])
    part.claim(not report["not_measured"], f"steps were not measured: {report['not_measured']}")
    part.claim(chosen["devices_used"] > 1, "the chosen placement uses one part, which cannot hold the model")


def memory_of_step(part):
    """Bytes at most, with every op on one part of the GPU, by the simulator."""
    cluster = gpu_parts(part)
    one = part.path("one_part.json")
    part.placer("place", part.path("profiled.json"), "-c", cluster, "--pin", "*=cuda:0.0", "--no-measure", "--algorithm", "random",
                "--budget", "1", "-o", one, seconds=60)
    simulated = part.placer("simulate", part.path("profiled.json"), "-c", cluster, one, seconds=60)
    return next(device["peak_memory_bytes"] for device in simulated["devices"] if device["name"] == "cuda:0.0")


def policies(part):
    """Learners with their networks on the first GPU, and a short training, beside the same on a core."""
    gpu_check_policies.import_workload(part)
    part.result.update({"workload": gpu_check_policies.WORKLOAD, "evaluations": gpu_check_policies.EVALUATIONS, "runs": {}})
    runs = [(method, gpu_check_policies.search) for method in gpu_check_policies.METHODS] + [("train", gpu_check_policies.train)]
    for device in gpu_check_policies.DEVICES:
        for name, run in runs:
            policy_run(part, run, name, device)
    for by_device in part.result["runs"].values():
        by_device["gpu_over_cpu_seconds"] = gpu_check_policies.gpu_over_cpu(by_device)


def policy_run(part, run, name, device):
    by_device = part.result["runs"].setdefault(name, {})
    try:
        by_device[device], problems = run(part, name, device)
    except PartFailed as problem:
        problems = [problem]
    part.problems.extend(f"{name} on {device}: {problem}" for problem in problems)


def one_gpu(part):
    return reduced(part, "cluster.json", "one_gpu.json", lambda name: name == "cuda:0")


def core_and_gpu(part):
    return reduced(part, "cluster.json", "core_and_gpu.json", lambda name: name in ("cpu:0", "cuda:0"))


def gpu_parts(part):
    return reduced(part, "split.json", "gpu_parts.json", lambda name: name.startswith("cuda:0."))


def reduced(part, name, new_name, keep):
    """Writes the cluster file `name` with some of its devices as `new_name`; returns its path."""
    with open(part.path(name), encoding="utf-8") as file:
        cluster = reduce_cluster(json.load(file), keep)
    with open(part.path(new_name), "w", encoding="utf-8") as file:
        json.dump(cluster, file)
    return part.path(new_name)


def reduce_cluster(cluster, keep):
    """A cluster file's contents without the devices whose names keep() refuses, and without links that then link nothing."""
    devices = [device for device in cluster["devices"] if keep(device["name"])]
    names = {device["name"] for device in devices}
    links = []
    for link in cluster.get("links", []):
        key = "between" if "between" in link else "from_to"
        pairs = [pair for pair in link[key] if set(pair) <= names]
        if pairs:
            links.append({**link, key: pairs})
    return {**cluster, "devices": devices, "links": links}


# In their order; what a part builds on.
ORDER = {
    "build": (build, ()),
    "tests": (tests, ("build",)),
    "discovery": (discovery, ("build",)),
    "conformance": (conformance, ("discovery",)),
    "profile": (profile, ("discovery",)),
    "step": (step, ("discovery",)),
    "fidelity": (fidelity, ("profile",)),
    "place": (place, ("profile",)),
    "policies": (policies, ("build",)),
}


def run_part(name, out, deadline, deps):
    part = Part(name, out, deadline, deps)
    begin = time.monotonic()
    try:
        ORDER[name][0](part)
    except (PartFailed, OSError, ValueError, KeyError) as problem:
        part.problems.append(str(problem) or type(problem).__name__)
    return {"part": name, "status": "failed" if part.problems else "passed", "seconds": time.monotonic() - begin,
            "problems": part.problems, **part.result}


def earlier(name, out):
    """Whether an earlier run of a part left what later parts build on: it need not have reached its claims."""
    needed = {"build": PLACER, "discovery": os.path.join(out, "split.json"), "profile": os.path.join(out, "profiled.json")}
    return os.path.exists(needed[name])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(ORDER)} (default: all)")
    parser.add_argument("--out", required=True, help="folder for results")
    parser.add_argument("--deps", default=os.path.join(ROOT, "deps"), help="folder that tools/pack_deps.sh made")
    parser.add_argument("--seconds", type=float, default=480, help="for everything (default 480)")
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in ORDER]
    if unknown:
        parser.error(f"unknown part {unknown[0]}: expected {', '.join(ORDER)}")
    deadline = time.monotonic() + options.seconds
    results = []
    for name, (_, needs) in ORDER.items():
        if options.parts and name not in options.parts:
            continue
        missing = [need for need in needs if not earlier(need, options.out)]
        if missing or time.monotonic() >= deadline:
            why = f"part {missing[0]} comes first" if missing else f"the {options.seconds:.0f} s are over"
            result = {"part": name, "status": "left out", "seconds": 0, "problems": [why]}
        else:
            result = run_part(name, options.out, deadline, options.deps)
        results.append(result)
        with open(os.path.join(options.out, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
        print(f"{name}: {result['status']}, {result['seconds']:.0f} s" + "".join(f"\n  {problem}" for problem in result["problems"]), flush=True)
    summary = {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "seconds": sum(result["seconds"] for result in results),
               "parts": [{key: result[key] for key in ("part", "status", "seconds", "problems")} for result in results]}
    with open(os.path.join(options.out, "summary.json"), "w", encoding="utf-8") as file:
        json.dump(summary, file, indent=2)
    return 0 if all(result["status"] == "passed" for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
