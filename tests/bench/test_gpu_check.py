"""What tools/bench/gpu_check.py decides without a GPU: clusters cut down, verdicts, what is left out; the script that starts it, and the one
that gathers what it builds from."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "bench"))

import gpu_check  # noqa: E402
import gpu_check_policies as policies  # noqa: E402

CLUSTER = {
    "devices": [{"name": name} for name in ("cpu:0", "cpu:1", "cuda:0.0", "cuda:0.1", "cuda:1")],
    "links": [{"name": "shared memory", "between": [["cpu:0", "cpu:1"]]},
              {"name": "host to cuda:0", "from_to": [["cpu:0", "cuda:0.0"], ["cpu:1", "cuda:0.0"]]},
              {"name": "peers", "between": [["cuda:0.0", "cuda:1"]]}],
}


class Clusters(unittest.TestCase):
    def test_links_go_with_their_devices(self):
        reduced = gpu_check.reduce_cluster(CLUSTER, lambda name: name in ("cpu:0", "cuda:0.0"))
        self.assertEqual([device["name"] for device in reduced["devices"]], ["cpu:0", "cuda:0.0"])
        self.assertEqual(reduced["links"], [{"name": "host to cuda:0", "from_to": [["cpu:0", "cuda:0.0"]]}])

    def test_the_parts_of_the_first_gpu_stand_alone(self):
        with tempfile.TemporaryDirectory() as out:
            part = gpu_check.Part("place", out, 0, "")
            with open(part.path("split.json"), "w", encoding="utf-8") as file:
                json.dump(CLUSTER, file)
            with open(gpu_check.gpu_parts(part), encoding="utf-8") as file:
                self.assertEqual([device["name"] for device in json.load(file)["devices"]], ["cuda:0.0", "cuda:0.1"])


class Verdicts(unittest.TestCase):
    @staticmethod
    def report(mape, spearman):
        return {"fidelity": {"simulated": {"mape": mape, "spearman": spearman}}}

    def test_fidelity(self):
        self.assertEqual(gpu_check.judge_fidelity(self.report(0.10, 0.95)), [])
        self.assertEqual(gpu_check.judge_fidelity(self.report(0.12, 0.9)),
                         ["error 12.0 %, claimed at most 10 %", "rank correlation 0.900, claimed at least 0.95"])
        self.assertEqual(gpu_check.judge_fidelity({}), ["too few placements ran twice"])


class Learner:
    """Answers commands as placer would; keeps them. What is in `fails` ends with an error."""

    def __init__(self, fails=()):
        self.commands, self._fails = [], fails

    def run(self, command, seconds, environment=None):
        arguments = dict(zip(command[3:], command[4:]))
        self.commands.append(arguments)
        method, device = arguments.get("--algorithm", "train"), arguments.get("--policy-device")
        if (method, device) in self._fails:
            raise gpu_check.PartFailed("ended with status 5")
        if "train" in arguments:
            with open(arguments["--metrics"], "w", encoding="utf-8") as file:
                file.write('{"step": 1, "wall_time": 2.5, "evaluations": 120}\n{"step": 4, "wall_time": 6, "evaluations": 480}\n')
            return "4 rounds\n"
        row = {"algorithm": method, "feasible": True, "simulated_us": 5, "evaluations": int(arguments.get("--budget", 9)),
               "seconds": 4 if device == "cpu" else 1}
        return json.dumps({"algorithms": [{"algorithm": "heft"}, row]})


class Policies(unittest.TestCase):
    FOUND = {"feasible": True, "simulated_us": 5.0, "evaluations": 200, "seconds": 3.0}

    @staticmethod
    def check(learner, out):
        part = gpu_check.Part("policies", out, 0, "")
        with mock.patch.object(part, "run", learner.run):
            gpu_check.policies(part)
        return part

    def test_of_a_report_only_the_learner_counts(self):
        report = {"algorithms": [{"algorithm": "heft"}, {"algorithm": "gnn", "devices_used": 2, **self.FOUND}]}
        self.assertEqual(policies.found_by(report, "gnn"), self.FOUND)
        self.assertIsNone(policies.found_by(report, "hdp"))

    def test_a_result_is_feasible_and_complete(self):
        self.assertEqual(policies.judge(self.FOUND, 200), [])
        self.assertEqual(policies.judge(None), ["no feasible placement"])
        self.assertEqual(policies.judge({**self.FOUND, "feasible": False}), ["no feasible placement"])
        self.assertEqual(policies.judge(self.FOUND, 300), ["it ended after 200 of 300 evaluations"])

    def test_a_training_is_its_last_round(self):
        self.assertEqual(policies.trained('{"step": 1}\n{"step": 2, "wall_time": 6.5, "evaluations": 480, "gain": 1}\n'),
                         {"rounds": 2, "evaluations": 480, "seconds": 6.5})
        self.assertEqual(policies.judge_spent(policies.trained(""), 480), ["it ended after 0 of 480 evaluations"])

    def test_seconds_on_the_gpu_over_those_on_a_core(self):
        self.assertEqual(policies.gpu_over_cpu({"cuda:0": {"seconds": 3}, "cpu": {"seconds": 2}}), 1.5)
        self.assertIsNone(policies.gpu_over_cpu({"cuda:0": None, "cpu": {"seconds": 2}}))

    def test_every_learner_runs_on_both_devices_and_searches_from_nothing(self):
        learner = Learner()
        with tempfile.TemporaryDirectory() as out:
            part = self.check(learner, out)
        self.assertEqual(part.problems, [])
        searches = [command for command in learner.commands if "--budget" in command]
        self.assertEqual({(command["--algorithm"], command["--policy-device"]) for command in searches},
                         {(method, device) for method in policies.METHODS for device in ("cpu", "cuda:0")})
        for command in searches:
            self.assertEqual((command["--signal"], command["--budget"]), ("simulated", "200"))
            self.assertTrue({"--no-measure", "--no-warm-start"} <= set(command))
        self.assertEqual(part.result["runs"]["hdp"]["gpu_over_cpu_seconds"], 0.25)
        self.assertEqual((part.result["runs"]["train"]["cuda:0"]["seconds"], part.result["runs"]["train"]["cpu"]["rounds"]), (6, 4))

    def test_a_learner_that_fails_is_its_own_problem(self):
        with tempfile.TemporaryDirectory() as out:
            part = self.check(Learner(fails=[("dual", "cuda:0")]), out)
        self.assertEqual(part.problems, ["dual on cuda:0: ended with status 5"])
        self.assertIsNone(part.result["runs"]["dual"]["gpu_over_cpu_seconds"])
        self.assertEqual(part.result["runs"]["gnn"]["gpu_over_cpu_seconds"], 0.25)

    def test_the_policy_of_an_earlier_check_makes_way(self):
        with tempfile.TemporaryDirectory() as out:
            old = os.path.join(out, "train_cuda0.policy")
            with open(old, "w", encoding="utf-8"):
                pass
            self.check(Learner(), out)
            self.assertFalse(os.path.exists(old))


class Parts(unittest.TestCase):
    def check(self, parts, *names):
        """Runs main() with these functions as parts; returns its status and the summary."""
        with tempfile.TemporaryDirectory() as out, mock.patch.object(gpu_check, "ORDER", parts), contextlib.redirect_stdout(io.StringIO()):
            status = gpu_check.main(["--out", out, "--seconds", "60", *names])
            with open(os.path.join(out, "summary.json"), encoding="utf-8") as file:
                return status, json.load(file)["parts"]

    def test_a_claim_that_is_not_reached_fails_its_part_alone(self):
        def good(part):
            part.result["figure"] = 1

        def bad(part):
            part.claim(True, "not said")
            part.claim(False, "too slow")

        status, parts = self.check({"one": (bad, ()), "two": (good, ())})
        self.assertEqual(status, 1)
        self.assertEqual([(part["status"], part["problems"]) for part in parts], [("failed", ["too slow"]), ("passed", [])])

    def test_what_builds_on_nothing_is_left_out(self):
        status, parts = self.check({"profile": (None, ()), "place": (None, ("profile",))}, "place")
        self.assertEqual(status, 1)
        self.assertEqual(parts[0]["status"], "left out")
        self.assertEqual(parts[0]["problems"], ["part profile comes first"])

    def test_a_command_that_hangs_or_fails_is_a_problem(self):
        def hangs(part):
            part.run([sys.executable, "-c", "import time; time.sleep(60)"], 0.2)

        def fails(part):
            part.run([sys.executable, "-c", "raise SystemExit(5)"], 30)

        _, parts = self.check({"one": (hangs, ()), "two": (fails, ())})
        self.assertIn("took more than 0 s", parts[0]["problems"][0])
        self.assertIn("ended with status 5", parts[1]["problems"][0])


class Script(unittest.TestCase):
    SCRIPT = os.path.join(ROOT, "tools", "gpu_check.sh")

    def test_without_arguments_it_says_what_it_does(self):
        done = subprocess.run([self.SCRIPT], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("tools/gpu_check.sh OUT", done.stderr)

    @unittest.skipIf(os.path.exists("/dev/nvidiactl"), "this machine has a GPU")
    def test_without_a_gpu_it_says_so(self):
        with tempfile.TemporaryDirectory() as out:
            done = subprocess.run([self.SCRIPT, out], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 5)
        self.assertIn("no GPU", done.stderr)


@unittest.skipUnless(shutil.which("dpkg-query"), "this is not Debian")
class Pack(unittest.TestCase):
    SCRIPT = os.path.join(ROOT, "tools", "pack_deps.sh")

    def test_has_every_library_that_the_build_looks_for(self):
        with open(os.path.join(ROOT, "tools", "cmake", "ThirdParty.cmake"), encoding="utf-8") as file:
            wanted = re.findall(r"^placer_find_library\(\w+ HEADER (\S+) NAMES (\w+)", file.read(), re.MULTILINE)
        self.assertGreater(len(wanted), 5)
        with tempfile.TemporaryDirectory() as folder:
            pack = os.path.join(folder, "deps")
            done = subprocess.run([self.SCRIPT, pack], capture_output=True, text=True, check=False)
            if "packages are missing" in done.stderr:
                self.skipTest(done.stderr.strip())
            self.assertEqual(done.returncode, 0, done.stderr)
            for header, library in wanted:
                self.assertTrue(any(os.path.exists(os.path.join(pack, "include", place, header)) for place in ("", "scotch")), header)
                self.assertTrue(os.path.exists(os.path.join(pack, "lib", "x86_64-linux-gnu", f"lib{library}.so")), library)
            self.assertTrue(os.path.exists(os.path.join(pack, "src", "googletest", "CMakeLists.txt")))

    def test_does_not_remove_a_folder_that_it_did_not_make(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([self.SCRIPT, folder], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertTrue(os.path.isdir(folder))


if __name__ == "__main__":
    unittest.main()
