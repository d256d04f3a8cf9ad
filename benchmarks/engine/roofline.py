"""What the machine can do at best: measured in the same run, on the same cores.

Each framework of a workload is asked, twice before and twice after the samples, for the rate of
its matrix product and the time of its cheapest call. One worker for each device and number of
threads also says how fast memory is read. `reports.analysis.roofline` makes the floors of it.
Workers that share a fit say how long they take to add up arrays: what sharing costs at least.
"""

import random
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.engine import memory
from benchmarks.engine.answers import Exchanged, Limits
from benchmarks.engine.plan import Entry
from benchmarks.engine.recorder import Recorder
from benchmarks.engine.worker import WorkerFailed
from benchmarks.runfile.records import ExchangeRecord, RooflineRecord

#: Visits to each framework before the samples, and again after them.
VISITS = 2
#: Seconds for the visits before, and after, the samples; the first are always made.
SECONDS = 0.15
#: Seconds for all workloads together. From then on a framework is visited once for each dtype, and
#: memory is read once before and once after the samples, since that differs with each workload.
MOST_SECONDS = 1.0
#: Several times the caches: a larger buffer would be read no slower.
_MOST_BYTES = 1 << 28
#: Rows of the square matrices that are multiplied: they take some milliseconds.
_SIDE, _SIDE_THREADS, _SIDE_CUDA = 512, 1024, 4096
#: Bytes of arrays that workers add up: the smallest shows the latency, and the largest the rate.
EXCHANGED = (8, 1 << 14, 1 << 17, 1 << 20)

#: What the best of a framework depends on: its name, device, threads and dtype.
Key = tuple[str, str, int, str]


class Roofline:
    """Measures and records the best of the machine in one run."""

    def __init__(
        self,
        recorder: Recorder,
        seed: int = 0,
        seconds: float = SECONDS,
        most_seconds: float = MOST_SECONDS,
    ) -> None:
        """Nothing is measured yet; `seed` is for the order of each turn."""
        self.recorder, self.pool, self.rng = recorder, recorder.pool, random.Random(seed)
        self.seconds, self.most_seconds = seconds, most_seconds
        self._spent = 0.0  # seconds
        self._seen: set[Key] = set()

    def measure(self, entries: Sequence[Entry]) -> None:
        """Visit the frameworks of some entries of one workload in turns."""
        visited: dict[Key, Entry] = {}
        for entry in entries:
            if entry.process.launch.variant is None:
                visited.setdefault(_key(entry), entry)
        # The reading is the same whichever framework's worker does it.
        readers = {
            (entry.process.device, entry.process.threads): key
            for key, entry in reversed(visited.items())
        }.values()
        short = self._spent > self.most_seconds
        if short:
            visited = {k: e for k, e in visited.items() if k in readers or k not in self._seen}
        began = time.perf_counter()
        for visit in range(1 if short else VISITS):
            for key in self.rng.sample(list(visited), len(visited)):
                if visit and time.perf_counter() - began > self.seconds:
                    break
                if not self._visit(visited[key], key, key in readers):
                    del visited[key]
        self._spent += time.perf_counter() - began

    def exchange(self, entries: Sequence[Entry]) -> None:
        """Ask the first process of each entry whose backend has several workers how they exchange.

        The one with a single worker as well: whatever that spends on messages is no work to be
        shared.
        """
        shared = {entry.backend.name for entry in entries if entry.process.workers > 1}
        for entry in (entry for entry in entries if entry.backend.name in shared):
            process = entry.process
            try:
                found: Exchanged = self.pool.workers[process].ask("exchange", n_bytes=EXCHANGED)
            except WorkerFailed as failure:
                self.recorder.failed(entry, process, "exchange", failure)
                continue
            if found.seconds:
                sizes = {"n_bytes": EXCHANGED, "seconds": found.seconds}
                self.recorder.record(ExchangeRecord, entry, process, **sizes)

    def _visit(self, entry: Entry, key: Key, read: bool) -> bool:
        """Returns whether another visit makes sense."""
        worker, began = self.pool.workers[entry.process], time.perf_counter()
        try:
            limits: Limits = worker.ask("limits", read=read, **_sizes(entry))
        except WorkerFailed as failure:
            # A backend that cannot say what is possible is no worse for it.
            if worker.failed:
                self.recorder.failed(entry, entry.process, "limits", failure)
            return False
        self._seen.add(key)
        framework, device, threads, dtype = key
        self.recorder.write(
            RooflineRecord(
                workload=entry.workload.name,
                framework=framework,
                device=device,
                threads=threads,
                dtype=dtype,
                took_seconds=time.perf_counter() - began,
                **vars(limits),
            )
        )
        return True


def _key(entry: Entry) -> Key:
    process = entry.process
    return entry.framework, process.device, process.threads, entry.workload.recipe.dtype


def _sizes(entry: Entry) -> dict[str, Any]:
    """How much is multiplied and read, and in which dtype."""
    recipe, process = entry.workload.recipe, entry.process
    if process.device != "cpu":
        return {"side": _SIDE_CUDA, "n_bytes": _MOST_BYTES, "dtype": recipe.dtype}
    side = _SIDE if process.threads == 1 else _SIDE_THREADS
    n_bytes = recipe.n_samples * recipe.n_features * np.dtype(recipe.dtype).itemsize
    sizes = {"side": side, "n_bytes": min(n_bytes, _MOST_BYTES), "dtype": recipe.dtype}
    # Only where it says something: an older worker may not know it.
    return sizes | ({"disk": True} if n_bytes > memory.available() else {})
