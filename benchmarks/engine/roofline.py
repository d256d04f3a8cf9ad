"""The limits of the machine, measured beside the fits: same run, same cores, same threads.

Each framework of a workload is asked, in turns and twice before and twice after the workload's
samples, for the rate of its matrix product and the time of its cheapest call; one worker for each
device and number of threads also says how fast memory is read. What is made of it is in `floor.py`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Home
from benchmarks.engine.worker import WorkerFailed
from benchmarks.problems.workloads import Workload

#: Visits to each framework before the samples, and again after them.
VISITS = 2
#: Seconds for the visits before the samples, and again after them; the first ones are always made.
SECONDS = 0.15
#: Seconds for all workloads together. From then on a framework is visited once for each dtype, and
#: memory is read once before and once after the samples, since that differs with each workload.
MOST_SECONDS = 2.0
#: A buffer need not be larger than this: it is several times any cache that one process has.
_MOST_BYTES = 1 << 28
#: Rows of the square matrices that are multiplied: they take some milliseconds.
_SIDE, _SIDE_THREADS, _SIDE_CUDA = 512, 1024, 4096


class Limits:
    """The limits of one run."""

    def __init__(
        self,
        pool: Pool,
        rng: random.Random,
        record: Callable[..., Any],
        lost: Callable[[Entry, Home, WorkerFailed], Any],
    ) -> None:
        """Nothing is measured yet.

        Args:
            pool: the workers.
            rng: for the order of each turn.
            record: called with the fields of every `limit` record.
            lost: called when a worker has died of it.
        """
        self.pool, self.rng, self.record, self.lost = pool, rng, record, lost
        self._spent = 0.0  # seconds
        self._seen: set[tuple[str, str, int, str]] = set()  # framework, device, threads, dtype

    def measure(self, workload: Workload, entries: Sequence[Entry]) -> None:
        """Visit the frameworks of one workload in turns.

        Args:
            workload: its data say how large a buffer is read, and of which dtype.
            entries: of that workload, with living workers.
        """
        visited = _one_of_each(entries)
        # The reading is the same whichever framework's worker does it.
        readers = list({(e.home.device, e.home.threads): e for e in reversed(visited)}.values())
        short = self._spent > MOST_SECONDS
        if short:
            visited = [e for e in visited if e in readers or _key(e) not in self._seen]
        began = time.perf_counter()
        for visit in range(1 if short else VISITS):
            for entry in self.rng.sample(visited, len(visited)):
                asked = time.perf_counter()
                if visit and asked - began > SECONDS:
                    break
                if not self._ask(workload, entry, entry in readers):
                    visited.remove(entry)
        self._spent += time.perf_counter() - began

    def _ask(self, workload: Workload, entry: Entry, read: bool) -> bool:
        """One visit; whether another one makes sense."""
        worker, began = self.pool.workers[entry.home], time.perf_counter()
        try:
            answer = worker.ask("limits", read=read, **_wanted(workload, entry.home))
        except WorkerFailed as failure:
            # A backend that cannot say what its limits are is none the worse for it.
            if worker.failed:
                self.lost(entry, entry.home, failure)
            return False
        framework, device, threads, dtype = _key(entry)
        self._seen.add((framework, device, threads, dtype))
        self.record(
            workload=workload.name,
            framework=framework,
            device=device,
            threads=threads,
            dtype=dtype,
            **{key: value for key, value in answer.items() if key != "ok"},
            took_seconds=time.perf_counter() - began,
        )
        return True


def _key(entry: Entry) -> tuple[str, str, int, str]:
    """What the limits of a framework depend on: its name, device, threads and dtype."""
    framework = entry.backend.framework.partition(".")[0]
    return framework, entry.home.device, entry.home.threads, entry.workload.recipe.dtype


def _one_of_each(entries: Sequence[Entry]) -> list[Entry]:
    """The first entry for each framework, device and number of threads."""
    found: dict[tuple[str, str, int, str], Entry] = {}
    for entry in entries:
        if entry.home.variant is None:
            found.setdefault(_key(entry), entry)
    return list(found.values())


def _wanted(workload: Workload, home: Home) -> dict[str, Any]:
    recipe = workload.recipe
    if home.device != "cpu":
        return {"side": _SIDE_CUDA, "n_bytes": _MOST_BYTES, "dtype": recipe.dtype}
    itemsize = 4 if recipe.dtype == "float32" else 8
    return {
        "side": _SIDE if home.threads == 1 else _SIDE_THREADS,
        "n_bytes": min(recipe.n_samples * recipe.n_features * itemsize, _MOST_BYTES),
        "dtype": recipe.dtype,
    }
