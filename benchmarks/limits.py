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

from benchmarks.plan import Entry
from benchmarks.pool import Pool
from benchmarks.workers import Home, WorkerFailed
from benchmarks.workloads import Workload

#: Visits to each framework before the samples, and again after them.
VISITS = 2
#: Seconds for the visits before the samples, and again after them; the first ones are always made.
SECONDS = 0.15
#: A buffer need not be larger than this: it is several times any cache that one process has.
_MOST_BYTES = 1 << 28
#: Rows of the square matrices that are multiplied: they take some milliseconds.
_SIDE, _SIDE_THREADS, _SIDE_CUDA = 512, 1024, 4096


def measure(
    workload: Workload,
    entries: Sequence[Entry],
    pool: Pool,
    rng: random.Random,
    record: Callable[..., Any],
    lost: Callable[[Entry, Home, WorkerFailed], Any],
) -> None:
    """Visit the frameworks of one workload in turns.

    Args:
        workload: its data say how large a buffer is read, and of which dtype.
        entries: of that workload, with living workers.
        pool: the workers.
        rng: for the order of each turn.
        record: called with the fields of every `limit` record.
        lost: called when a worker has died of it.
    """
    visited = _one_of_each(entries)
    # The reading is the same whichever framework's worker does it.
    readers = {(e.home.device, e.home.threads): e for e in reversed(visited)}.values()
    began = time.perf_counter()
    for visit in range(VISITS):
        for entry in rng.sample(visited, len(visited)):
            asked = time.perf_counter()
            if visit and asked - began > SECONDS:
                return
            wanted = _wanted(workload, entry.home) | {"read": entry in readers}
            try:
                answer = pool.workers[entry.home].ask("limits", **wanted)
            except WorkerFailed as failure:
                # A backend that cannot say what its limits are is none the worse for it.
                visited.remove(entry)
                if pool.workers[entry.home].failed:
                    lost(entry, entry.home, failure)
                continue
            record(
                workload=workload.name,
                framework=entry.backend.framework.partition(".")[0],
                device=entry.home.device,
                threads=entry.home.threads,
                dtype=workload.recipe.dtype,
                **{key: value for key, value in answer.items() if key != "ok"},
                took_seconds=time.perf_counter() - asked,
            )


def _one_of_each(entries: Sequence[Entry]) -> list[Entry]:
    """One entry for each framework, device and number of threads."""
    found: dict[tuple[str, str, int], Entry] = {}
    for entry in entries:
        if entry.home.variant is None:
            framework = entry.backend.framework.partition(".")[0]
            found.setdefault((framework, entry.home.device, entry.home.threads), entry)
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
