"""What learning.py makes of its cells: medians, tables, claims. Plain arithmetic, no files and no processes.

A cell is what one method came to on one workload under one budget: {"values": [a seed], "histories": [a seed]}. A value is None where
nothing feasible was found; a history is a list of [evaluations, seconds, value], an improvement each.
"""

import math
import statistics

SHARE = 0.61  # of REINFORCE's evaluations that PPO may need (Spotlight, ICML 2018: 60.9 % of the time)


def number(value):
    return math.inf if value is None else value


def median(values):
    """Of values where None is worse than any number; math.inf where half of them are None. Of an even count the worse middle one."""
    return sorted(map(number, values))[len(values) // 2]


def spread(values):
    """(median, least, most)."""
    return median(values), min(map(number, values)), max(map(number, values))


def reached_after(history, target):
    """Evaluations of the first improvement to `target` or below it; math.inf: never."""
    return next((point[0] for point in history if point[2] <= target), math.inf)


def best_after(history, evaluations):
    """What was best after so many evaluations; None: nothing yet."""
    found = [point[2] for point in history if point[0] <= evaluations]
    return found[-1] if found else None


def evaluations_ratio(cell, other):
    """By how much fewer or more evaluations `cell` needs than `other` until the median of its seeds is where the median seed of `other`
    ends. None: `other` finds nothing."""
    target = median([cell_end(history) for history in other["histories"]]) if other["histories"] else math.inf
    if math.isinf(target):
        return None
    needs = [median([reached_after(history, target) for history in c["histories"]]) for c in (cell, other)]
    return math.inf if math.isinf(needs[0]) else needs[0] / needs[1]


def cell_end(history):
    return history[-1][2] if history else None


def ratio(value, other):
    """value / other, where nothing found is infinite: 1 where both found nothing."""
    if math.isinf(value) and math.isinf(other):
        return 1.0
    return value / other


def percent(share):
    return "-" if share is None or math.isinf(share) else f"{100 * share:.1f} %"


def verdict(reached):
    return "reached" if reached else "missed"


def beats_random(cells, workloads, learned, budget):
    """A line a learned method: on how many workloads its median is below random search's."""
    lines = []
    for method in learned:
        lost = []
        known = [w for w in workloads if (w, method, budget) in cells and (w, "random", budget) in cells]
        for workload in known:
            own, other = (median(cells[workload, name, budget]["values"]) for name in (method, "random"))
            if not own < other:
                lost.append(workload + (" (neither finds anything in the median)" if math.isinf(own) and math.isinf(other) else ""))
        text = f"{method} beats random search after {budget} evaluations on {len(known) - len(lost)} of {len(known)} workloads"
        lines.append((bool(known) and not lost, text + (": not on " + ", ".join(lost) if lost else "")))
    return lines


def ppo_needs_less(cells, workloads, budget):
    """One line: the share of REINFORCE's evaluations that PPO needs to reach REINFORCE's best, in the median over workloads."""
    shares = []
    for workload in workloads:
        if (workload, "ppo", budget) in cells and (workload, "colocrl", budget) in cells:
            share = evaluations_ratio(cells[workload, "ppo", budget], cells[workload, "colocrl", budget])
            if share is not None:
                shares.append(share)
    if not shares:
        return [(None, "ppo against colocrl: this program has not both, or colocrl found nothing")]
    middle = statistics.median(shares) if not any(map(math.isinf, shares)) else median(shares)
    never = sum(map(math.isinf, shares))
    needs = "does not reach" if math.isinf(middle) else f"needs {percent(middle)} of the evaluations to reach"
    return [(middle <= SHARE, f"ppo {needs} colocrl's best of {budget} evaluations (claim: {percent(SHARE)} of them at most; "
             f"median of {len(shares)} workloads, on {never} it never does)")]


def against(cells, workloads, method, other, budget):
    """median value of `method` / that of `other`, median over workloads; None: not run."""
    ratios = [ratio(median(cells[w, method, budget]["values"]), median(cells[w, other, budget]["values"])) for w in workloads
              if (w, method, budget) in cells and (w, other, budget) in cells]
    return median(ratios) if ratios else None


def best_learned_against(cells, workloads, learned, other, budgets):
    """A line a budget: the learned method that is best against `other` in the median over workloads."""
    lines = []
    for budget in budgets:
        shares = {method: against(cells, workloads, method, other, budget) for method in learned}
        shares = {method: share for method, share in shares.items() if share is not None}
        if not shares:
            continue
        best = min(shares, key=shares.get)
        each = ", ".join(f"{method} {percent(share)}" for method, share in sorted(shares.items(), key=lambda item: item[1]))
        lines.append((shares[best] <= 1, f"best learned method at or below {other} after {budget} evaluations, median over workloads: {each}"))
    return lines


def claims(cells, workloads, learned, budgets):
    """(reached or None where it cannot be said, text) of everything that is claimed."""
    evaluations = [budget for budget in budgets if isinstance(budget, int)]
    lines = beats_random(cells, workloads, learned, 1000) if 1000 in evaluations else []
    if evaluations:
        lines += ppo_needs_less(cells, workloads, max(evaluations))
    return lines + best_learned_against(cells, workloads, learned, "annealing", [b for b in (100, 1000) if b in evaluations])


def curve(histories, points):
    """[(evaluations, median, least, most)] of the seeds' best so far, from the first point on where half of them have found something."""
    rows = []
    for point in points:
        middle, least, most = spread([best_after(history, point) for history in histories])
        if not math.isinf(middle):
            rows.append((point, middle, least, most if not math.isinf(most) else middle))
    return rows


def curves_over_all(cells, workloads, methods, budget, points):
    """Method to [(evaluations, median, lower quartile, upper quartile)], over workloads: the median seed's best so far over the best
    median that any method ends with there. From the first point on where half of the workloads have something."""
    ends = {w: min((median(cells[w, m, budget]["values"]) for m in methods if (w, m, budget) in cells), default=math.inf) for w in workloads}
    known = [w for w in workloads if not math.isinf(ends[w])]
    curves = {}
    for method in methods:
        histories = {w: cells[w, method, budget]["histories"] for w in known if (w, method, budget) in cells}
        rows = []
        for point in points:
            ratios = sorted(median([best_after(history, point) for history in seeds]) / ends[w] for w, seeds in histories.items())
            middle, lower, upper = (ratios[share * len(ratios) // 4] if ratios else math.inf for share in (2, 1, 3))
            if not math.isinf(middle):
                rows.append((point, middle, lower, upper if not math.isinf(upper) else middle))
        curves[method] = rows
    return curves
