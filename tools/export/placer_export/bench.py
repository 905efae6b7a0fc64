"""Time of a training step in eager Python: forward, backward and SGD update, on one pinned core with one thread, or on a GPU."""

import os
import statistics
import time

from .errors import ExportError
from .step import make_step, mode


class EagerStep:
    """A training step of `model` (spec.Model) in eager mode, ready to be run and timed.

    Weights and inputs are seeded (seeded.py). The update is torch.optim.SGD without momentum. On a GPU ("cuda:0") a step
    ends when the GPU has done all of it.
    """

    def __init__(self, model, seed=1, learning_rate=0.01, dropout=True, device="cpu"):
        import torch

        from .seeded import fill_state

        if model.loss is None:
            raise ExportError("this model has no loss: there is no training step to time")
        fill_state(model.module, seed)
        model.module.to(device)
        self._wait = torch.cuda.synchronize if device != "cpu" else lambda: None
        torch.manual_seed(seed)  # for dropout
        self._mode = mode(model.module, train=True, dropout=dropout)  # kept: leaving it would restore the module
        self._mode.__enter__()
        self._arguments = tuple(value.to(device) for value in (*model.make_inputs(seed), *model.make_targets(seed)))
        self._step = make_step(model.module, model.loss, len(model.inputs), len(model.targets))
        self._optimizer = torch.optim.SGD(model.module.parameters(), lr=learning_rate)

    def run(self):
        """One step; returns (loss, wall seconds, process CPU seconds). The loss is read after the clocks."""
        wall, cpu = time.perf_counter(), time.process_time()
        self._optimizer.zero_grad(set_to_none=True)
        (loss,) = self._step(*self._arguments)
        loss.backward()
        self._optimizer.step()
        self._wait()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return loss.item(), wall, cpu


def pin(core):
    """Bind this process to one core (its number) and torch to one thread. Raises ExportError if the core is not available."""
    import torch

    allowed = sorted(os.sched_getaffinity(0))
    if core not in allowed:
        raise ExportError(f"core {core} is not available to this process, which may use: {', '.join(map(str, allowed))}")
    os.sched_setaffinity(0, {core})
    torch.set_num_threads(1)


def measure(step, repeats, warmup=3):
    """Run `step` (EagerStep) warmup + repeats times; returns a dict of times in milliseconds, warm-up left out."""
    for _ in range(warmup):
        step.run()
    walls, cpus = [], []
    for _ in range(repeats):
        loss, wall, cpu = step.run()
        walls.append(1e3 * wall)
        cpus.append(1e3 * cpu)
    return {
        "n": repeats,
        "warmup": warmup,
        "wall_median_ms": statistics.median(walls),
        "wall_min_ms": min(walls),
        "cpu_median_ms": statistics.median(cpus),
        "cpu_min_ms": min(cpus),
        "wall_ms": walls,
        "last_loss": loss,
    }
