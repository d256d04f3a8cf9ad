"""What the process in which one backend lives does: it answers each request with one JSON line.

The process needs NumPy, this package and the framework of its backend, and nothing else.

| request   | fields                          | answer |
| --------- | ------------------------------- | ------ |
| start     | backend, plugins, device, threads | import_seconds, start_seconds, |
|           | and, optionally, tf32, extra_work, | sandboxed |
|           | entry_point, workers            | |
| load      | folder, method                  | sha256, transfer_seconds |
| pin       | cores                           | cores (in force, or null) |
| first     |                                 | seconds, peak_bytes, fit, description |
| sample    | fits                            | seconds (per fit), untimed_seconds (of a fit |
|           |                                 | before them), fit (one to be judged, or null), |
|           |                                 | disk_bytes (of large data, per fit, or null) |
| last      |                                 | fit, device_seconds |
| renewed   | judged                          | fresh, again, load, move (lists of seconds), |
|           |                                 | fit (of the first data, if judged) |
| transfers |                                 | seconds (list) |
| changed   | seconds (to wait at most)       | changed (since its fit returned) |
| exchange  | n_bytes (list)                  | seconds (list; of adding up arrays of so many |
|           |                                 | bytes of all workers), or null |
| limits    | side, n_bytes, dtype, read      | words, call_seconds, product_rate, read_rate, |
|           | and, optionally, disk           | disk_rate |
| stop      |                                 | none: the process ends |

The field `do` names the request. What cannot be measured is null.
Every answer has `ok`, and repeats the `token` of its request. If `ok` is false: `kind`
("unavailable", "memory" or "error") and `reason`. `benchmarks/engine/answers.py` checks all of it.
Workers of other revisions answer the same parent (`run --against`), so requests and answers only
gain optional fields.
"""

import gc
import importlib
import platform
import random
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from backends import registry
from backends.base import Backend, Data, Fit, Method, Unavailable
from backends.lazy import hide
from backends.worker import renewal, roofline
from backends.worker.binding import bind
from backends.worker.disk import bytes_read, disk_rate, mapped
from backends.worker.memory import Peak, WatchedPeak, ran_out_of_memory
from backends.worker.messages import ARRAYS, UNFINISHED, method_from_json, sha256
from backends.worker.results import Results
from backends.worker.slowdown import Clock, Work, count_up, slowed

#: Fits that take this many seconds get no untimed fit first: it would save a few per cent at most.
_LONG = 0.25
#: At least as many as there can be fits of data made anew.
_MOST_MOVES = 100
#: The data are loaded again at least and at most this often, and no more after so many seconds.
_LEAST_TRANSFERS, _MOST_TRANSFERS, _TRANSFERS_SECONDS = 3, 10, 0.1


class Refused(Exception):
    """The message alone says why a request failed."""


class RequestHandler:
    """Carries out requests on one backend; each public method answers one kind of request."""

    imported_seconds = 0.0  # that this process, or its fork server, has imported before `start`
    sandboxed = False  # whether this process can write to its own folders only

    backend: Backend
    device: str
    threads: int
    extra_work: float
    folder: Path  # of the data
    loaded: tuple[Data, Method]
    moves: list[int]  # by which rows can still be moved round to make new data
    timed: Callable[[], Fit]  # the backend's `fit`, or a slowed one
    results: Results  # of the loaded problem
    fit_seconds: float  # of the last timed fit

    def __init__(self, clock: Clock = time.perf_counter_ns, work: Work = count_up) -> None:
        """Nothing is imported yet; `work` does a number of steps of extra work."""
        self._clock, self._work = clock, work

    def start(
        self,
        backend: str,
        plugins: list[str],
        device: str,
        threads: int,
        tf32: bool = False,
        extra_work: float = 0.0,
        entry_point: str = "",
        workers: int = 1,
    ) -> dict[str, Any]:
        """Import the backend's module, then the framework, then make the device ready."""
        self.device, self.threads, self.extra_work = device, threads, extra_work
        chosen = registry.find(backend, [*filter(None, [entry_point]), *plugins])
        if chosen is None:
            raise Unavailable(f"there is no backend {backend!r} in {Path.cwd()}")
        if chosen.hidden:
            hide(chosen.hidden)
        began = self._clock()
        try:
            importlib.import_module(chosen.framework)
        except ImportError as error:
            lacking = f"{error.name}." if isinstance(error, ModuleNotFoundError) else ""
            if not f"{chosen.framework}.".startswith(lacking):
                raise  # it is there and lacks something else: broken, not absent
            raise Unavailable(registry.missing(chosen) or str(error)) from error
        import_seconds, began = self.imported_seconds + self._since(began), self._clock()
        self.backend = chosen()
        self.backend.tf32, self.backend.workers = tf32, workers
        self.backend.start(device, threads)
        times = {"import_seconds": import_seconds, "start_seconds": self._since(began)}
        return times | {"sandboxed": self.sandboxed}

    def load(self, folder: str, method: dict[str, Any]) -> dict[str, Any]:
        """Map the arrays, digest them (which also reads them once), give them to the backend."""
        # Copy-on-write: a backend may write to its arrays, as to those of a user, and processes
        # still share the pages that nobody wrote to.
        self.folder = Path(folder)
        data = Data(**{name: mapped(self.folder / f"{name}.npy") for name in ARRAYS})
        digest = sha256(data)
        self.loaded = data, method_from_json(method)
        self.timed = self.backend.fit
        self.moves = random.sample(range(1, len(data.y)), min(len(data.y) - 1, _MOST_MOVES))
        if self.device != "cpu" or self._is_large:
            return {"sha256": digest, "transfer_seconds": self._transfer(*self.loaded)}
        # What `load` makes of values is of no use: the data to be fitted come by `renew`.
        began_with = renewal.stand_in(data, np.random.default_rng()), self.loaded[1]
        seconds = self._transfer(*began_with)
        self.backend.renew(*self.loaded)
        return {"sha256": digest, "transfer_seconds": seconds}

    def transfers(self) -> dict[str, Any]:
        """Load the same data again: the first time, the device had to allocate memory for them."""
        found = [self._transfer(*self.loaded) for _ in range(_LEAST_TRANSFERS)]
        while len(found) < _MOST_TRANSFERS and sum(found) <= _TRANSFERS_SECONDS:
            found.append(self._transfer(*self.loaded))
        return {"seconds": found}

    def pin(self, cores: list[int]) -> dict[str, Any]:
        """Bind this process, and those that it has started, to `cores`."""
        return {"cores": bind(cores, self.backend.distributed)}

    def first(self) -> dict[str, Any]:
        """The first fit since `load`: compiles, traces, fills caches."""
        peak = WatchedPeak() if self._is_large else Peak()
        began = self._clock()
        fit = self.backend.fit()
        self.fit_seconds = self._since(began)
        # Of this process alone: it says nothing where others work as well.
        own = self.device == "cpu" and not self.backend.distributed
        peak_bytes = peak.bytes() if own else None
        self.results = Results()
        self.results.first(fit)
        if self.extra_work:
            self.timed = slowed(self.backend.fit, self.extra_work, self._clock, self._work)
        # What is alive now stays: the collector need not look at a framework again and again.
        gc.collect()
        gc.freeze()
        return {
            "seconds": self.fit_seconds,
            "peak_bytes": peak_bytes,
            "fit": self.results.fit,
            "description": {"dtype": str(fit.weight.dtype)}
            | self.backend.describe()
            | {"python": platform.python_version(), "numpy": np.__version__},
        }

    def sample(self, fits: int) -> dict[str, Any]:
        """Time `fits` fits in a row, without garbage collection.

        An untimed fit comes before several, because other workers used the caches meanwhile, and
        before those whose threads have to spread out.
        """
        fit, clock, repeats, results = self.timed, self._clock, range(fits), self.results
        results.spoil()
        untimed, from_disk = 0.0, bytes_read() if self._is_large else None
        if fits > 1 or self._spreads_out():
            began = clock()
            fit()
            untimed = self._since(began)
        gc.disable()
        began = clock()
        returned = [fit() for _ in repeats]
        ended = clock()
        if from_disk is not None:
            from_disk = ((bytes_read() or 0) - from_disk) // (fits + (untimed > 0))
        results.keep(returned[-1])
        gc.enable()
        # A NaN may be what `spoil` wrote: then the result arrives now, or never.
        if results.has_nan() and results.changed(UNFINISHED):
            raise Refused("returned before its device had finished: the result came afterwards")
        differing = results.differing(returned)
        self.fit_seconds = (ended - began) / fits / 1e9
        return {
            "seconds": self.fit_seconds,
            "untimed_seconds": untimed,
            "fit": differing,
            "disk_bytes": from_disk,
        }

    def last(self) -> dict[str, Any]:
        """The last fit of a sample, so that it is judged as well; and the device's time of one."""
        return {"fit": self.results.fit, "device_seconds": self.backend.device_seconds()}

    def renewed(self, judged: bool) -> dict[str, Any]:
        """What fits of data take that the backend has not seen; they follow the samples."""
        if self._spreads_out():
            self.timed()
        of, usual = self.loaded, self.fit_seconds
        visits = renewal.visit(
            self.backend, self.timed, *of, self._clock, self.moves, usual, judged
        )
        return vars(visits)

    def changed(self, seconds: float) -> dict[str, Any]:
        """Whether the last result changes although its fit has returned."""
        return {"changed": self.results.changed(seconds)}

    def exchange(self, n_bytes: list[int]) -> dict[str, Any]:
        """How long all workers take to add up arrays of these sizes; null where they never do."""
        calls = [self.backend.exchange(size) for size in n_bytes]
        return {"seconds": [roofline.typical_seconds(call) for call in calls if call] or None}

    def limits(
        self, side: int, n_bytes: int, dtype: str, read: bool, disk: bool = False
    ) -> dict[str, Any]:
        """What the framework can do at best and, if asked for, how fast memory or disk is read."""
        keys = "words", "call_seconds", "product_rate", "read_rate"
        found: dict[str, Any] = dict.fromkeys(keys)
        if probes := self.backend.probes(side, n_bytes, dtype):
            found |= {"words": probes.words, "call_seconds": roofline.seconds(probes.call)}
            if probes.product:
                found["product_rate"] = 2 * side**3 / roofline.seconds(probes.product)
            if probes.read:
                found["read_rate"] = n_bytes / roofline.seconds(probes.read)
        if read and self.device == "cpu":
            found["read_rate"] = roofline.read_rate(n_bytes, dtype, self.threads)
        if read and disk:
            found["disk_rate"] = disk_rate(self.folder / "X.npy")
        return found

    def _spreads_out(self) -> bool:
        """Whether an untimed fit has to come first, after this process was stopped.

        Its threads may share a core until the system's next tick moves them. For long fits that
        does not matter.
        """
        return self.threads > 1 and self.fit_seconds < _LONG

    @property
    def _is_large(self) -> bool:
        """Whether the data are read only once for what can be left out."""
        return self.loaded[0].X.nbytes > renewal.MOST_BYTES

    def _since(self, began: int) -> float:
        return (self._clock() - began) / 1e9

    def _transfer(self, data: Data, method: Method) -> float:
        """The seconds of one `load`."""
        began = self._clock()
        self.backend.load(data, method)
        return self._since(began)


def answer(handle: Callable[..., dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
    """What `handle` makes of the fields of a request, or why it failed."""
    try:
        return {"ok": True, **handle(**request)}
    except (Unavailable, Refused) as error:
        # A device whose memory is full may look as if it were not there.
        full, absent = ran_out_of_memory(str(error)), isinstance(error, Unavailable)
        kind, reason = "memory" if full else "unavailable" if absent else "error", str(error)
    except Exception as error:
        traceback.print_exc()
        name, text = type(error).__name__, " ".join(str(error).split())
        text = text.encode("utf-8", "replace").decode()  # half characters are not JSON
        kind, reason = "error", f"{name}: {text}"[:500]
        if ran_out_of_memory(f"{name} {text}"):
            kind, reason = "memory", f"out of memory: {text[:200]}"
    return {"ok": False, "kind": kind, "reason": reason}
