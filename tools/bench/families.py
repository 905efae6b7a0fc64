#!/usr/bin/env python3
"""Is a policy that was trained on one family of graphs better there than one that was trained on all?

  python3 tools/bench/families.py build/release/placer                       # dual, 60,000 placements each; most of an hour
  python3 tools/bench/families.py build/release/placer -o runs/no_messages --train all --set layers=0

Trains a policy on each family alone and one on all of them, with as many placements each (configs/dual.json otherwise), and tests every
one on held-back problems of every family: what its most probable placement costs over the best heuristic's, geometric means. Prints a Markdown
table. Policies stay in the folder given (-o): what is there, from the same config, is not trained again.
"""

import argparse
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FAMILIES = ["layered", "random", "series-parallel", "transformer"]
ALL = "all"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("-o", "--output", default="runs/families", help="folder for configs and policies")
    parser.add_argument("--families", default=",".join(FAMILIES), help="of the tests")
    parser.add_argument("--train", default=",".join([*FAMILIES, ALL]), help="policies to make, each of one family or all")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="parameter of dual")
    parser.add_argument("--placements", type=int, default=60000, help="of each training")
    parser.add_argument("--problems", type=int, default=64, help="held-back ones of a test")
    return parser.parse_args()


def config_of(options, families, budget, policy=None):
    """Of a training on these families; from another policy where one is given."""
    with open(os.path.join(ROOT, "configs", "dual.json"), encoding="utf-8") as file:
        config = json.load(file)
    # What is searched after decoding is not looked at.
    config |= {"budget": budget, "test_every": 1000000, "test_problems": options.problems, "test_evaluations": 1}
    config["training"]["families"] = families
    config["parameters"] = dict(setting.split("=", 1) for setting in options.set)
    if policy:
        config["parameters"]["policy"] = os.path.abspath(policy)
    return config


def path_of(options, name):
    return os.path.join(options.output, name)


def train(options, name, config):
    """Output of `placer train`, which writes NAME.policy."""
    if os.path.exists(path_of(options, f"{name}.policy")):
        os.remove(path_of(options, f"{name}.policy"))
    with open(path_of(options, f"{name}.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=1)
    done = subprocess.run([options.program, "-q", "train", path_of(options, f"{name}.json"), "-o", path_of(options, f"{name}.policy")],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{name}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


def train_once(options, name, config):
    """The same, unless it was done before with the same config."""
    log = path_of(options, f"{name}.trained.json")  # written when the training has ended
    if os.path.exists(log):
        with open(log, encoding="utf-8") as file:
            if json.load(file) == config:
                return
        os.remove(log)
    train(options, name, config)
    with open(log, "w", encoding="utf-8") as file:
        json.dump(config, file, indent=1)


def cost(text):
    """Of the most probable placement before training, over the best heuristic's, in percent: the row of round 0."""
    found = re.search(r"^ +0 +([+-][0-9.]+) %", text, re.MULTILINE)
    if not found:
        sys.exit("no row of round 0 in:\n" + text)
    return float(found.group(1))


def tested(options, trained_on, family):
    config = config_of(options, [family], "1", path_of(options, f"{trained_on}.policy"))
    return cost(train(options, f"test-{trained_on}-{family}", config))


def main():
    options = arguments()
    os.makedirs(options.output, exist_ok=True)
    families = options.families.split(",")
    policies = options.train.split(",")
    for name in policies:
        train_once(options, name, config_of(options, FAMILIES if name == ALL else [name], str(options.placements)))
        print(f"{name}: trained", file=sys.stderr)
    print("| trained on | " + " | ".join(families) + " |\n" + "|---" * (len(families) + 1) + "|")
    for name in policies:
        print(f"| {name} | " + " | ".join(f"{tested(options, name, family):+.1f} %" for family in families) + " |", flush=True)


if __name__ == "__main__":
    main()
