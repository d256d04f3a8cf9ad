"""The process in which one backend lives: reads requests, answers each with one JSON line.

Run as `python -m backends.worker REQUESTS ANSWERS` (two file descriptors). Standard output and
error belong to the framework, which may print what it likes. It needs NumPy, this package and the
framework of its backend, and nothing else.

| request `do` | fields                                | answer |
| ------------ | ------------------------------------- | ------ |
| start        | backend, plugins, device, threads, (tf32, extra_work) | import_, start_seconds |
| load         | folder, method                        | sha256, transfer_seconds |
| pin          | cores                                 | cores (in force, or null) |
| first        |                                       | seconds, peak_bytes, fit, description |
| sample       | fits                                  | seconds (per fit) |
| last         |                                       | fit, device_seconds |
| transfers    |                                       | seconds (list) |
| changed      | seconds (to wait at most)             | changed (since its fit returned) |
| limits       | side, n_bytes, dtype, read            | words, call_seconds, (two rates) |
| stop         |                                       | - |

What cannot be measured is null.
Every answer has `ok`; where it is false, `kind` ("unavailable", "memory" or "error") and `reason`.
"""

from __future__ import annotations

import time

_began = time.perf_counter()
import numpy as np  # noqa: E402 - timed: every framework here needs it

_numpy_seconds = time.perf_counter() - _began

import ctypes  # noqa: E402
import gc  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import platform  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import traceback  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from backends import registry  # noqa: E402
from backends.base import Backend, Data, Fit, Method, Unavailable  # noqa: E402
from backends.worker import roofline as limits  # noqa: E402
from backends.worker.memory import Peak  # noqa: E402
from backends.worker.messages import ARRAYS, FIELDS, fit_to_json, method_from_json, sha256  # noqa: E402
from backends.worker.slowdown import slowed  # noqa: E402


class Unfinished(Exception):
    """A backend was timed although its device was still at work."""


#: Seconds in which a device finishes what it was given.
_UNFINISHED = 0.5
#: Seconds from which a fit is too long to be made untimed first; what it would save is a few per
#: cent then.
_LONG = 0.25
#: How often data are loaded once more, and from how many seconds in all the least of it is enough.
_LEAST_TRANSFERS, _MOST_TRANSFERS, _TRANSFERS_SECONDS = 3, 10, 0.1


class Worker:
    """Carries out requests on one backend; each method answers one kind of request."""

    backend: Backend
    device: str
    threads: int
    returned: Fit  # what the backend returned last, in its own arrays
    fit: dict[str, Any]  # the same as it was at that moment
    loaded: tuple[Data, Method]
    seconds: float  # that the last timed fit took

    extra_work = 0.0

    def start(
        self,
        backend: str,
        plugins: list[str],
        device: str,
        threads: int,
        tf32: bool = False,
        extra_work: float = 0.0,
    ) -> dict[str, Any]:
        """Import the framework, then make the device ready."""
        self.device, self.threads, self.extra_work = device, threads, extra_work
        known = registry.load(tuple(Path(path) for path in plugins))
        if backend not in known:
            raise Unavailable(f"there is no backend {backend!r} in {Path.cwd()}")
        made = known[backend]
        began = time.perf_counter()
        try:
            importlib.import_module(made.framework)
        except ImportError as error:
            raise Unavailable(registry.missing(made) or str(error)) from error
        imported = time.perf_counter()
        self.backend = made()
        self.backend.tf32 = tf32
        self.backend.start(device, threads)
        return {
            "import_seconds": _numpy_seconds + imported - began,
            "start_seconds": time.perf_counter() - imported,
        }

    def load(self, folder: str, method: dict[str, Any]) -> dict[str, Any]:
        """Map the arrays, digest them (which also reads them once), give them to the backend."""
        # Copy-on-write: the arrays may be written to, as those of a user may, and processes
        # still share the pages that nobody wrote to.
        arrays = {name: _map(Path(folder) / f"{name}.npy") for name in ARRAYS}
        data = Data(**arrays)
        digest = sha256(data)
        vars(self.backend).pop("fit", None)  # slowed for the data before
        self.loaded = data, method_from_json(method)
        return {"sha256": digest, "transfer_seconds": self._transfer()}

    def transfers(self) -> dict[str, Any]:
        """Load the same data some times more: the first time the device had no memory for them."""
        found: list[float] = []
        while len(found) < _MOST_TRANSFERS:
            if len(found) >= _LEAST_TRANSFERS and sum(found) > _TRANSFERS_SECONDS:
                break
            found.append(self._transfer())
        return {"seconds": found}

    def _transfer(self) -> float:
        """The seconds of one `load`."""
        began = time.perf_counter()
        self.backend.load(*self.loaded)
        return time.perf_counter() - began

    def pin(self, cores: list[int]) -> dict[str, Any]:
        """Bind all threads of this process to `cores`, where the system can do that."""
        if not hasattr(os, "sched_setaffinity"):
            return {"cores": None}
        # Threads that a framework started earlier keep their own binding.
        for thread in os.listdir("/proc/self/task"):
            os.sched_setaffinity(int(thread), cores)
        return {"cores": sorted(os.sched_getaffinity(0))}

    def first(self) -> dict[str, Any]:
        """The first fit since `load`: compiles, traces, fills caches."""
        peak = Peak()
        began = time.perf_counter()
        fit = self.backend.fit()
        self.seconds = time.perf_counter() - began
        peak_bytes = peak.bytes() if self.device == "cpu" else None
        self._keep(fit)
        if self.extra_work:
            self.backend.fit = slowed(self.backend.fit, self.extra_work)  # type: ignore[method-assign]
        # What is alive now stays: the collector need not look at a framework again and again.
        gc.collect()
        gc.freeze()
        return {
            "seconds": self.seconds,
            "peak_bytes": peak_bytes,
            "fit": self.fit,
            "description": self.backend.describe()
            | {"python": platform.python_version(), "numpy": np.__version__},
        }

    def sample(self, fits: int) -> dict[str, Any]:
        """Time `fits` fits in a row, the garbage collector waiting.

        Where there are several, one more goes before them untimed: other workers had the caches.
        So it does where there are several threads, unless it would take long: threads that were
        stopped until now may share a core until the system's next tick finds out, and those that
        wait for them at the end of every operation spin.
        """
        fit, clock, repeats = self.backend.fit, time.perf_counter_ns, range(fits)
        self._spoil()
        if fits > 1 or (self.threads > 1 and self.seconds < _LONG):
            fit()
        gc.disable()
        began = clock()
        for _ in repeats:
            result = fit()
        ended = clock()
        self._keep(result)
        gc.enable()
        # What was overwritten is still there: it comes now, or never.
        if _has_nan(self.fit) and self.changed(_UNFINISHED)["changed"]:
            raise Unfinished("returned before its device had finished: the result came afterwards")
        self.seconds = (ended - began) / fits / 1e9
        return {"seconds": self.seconds}

    def last(self) -> dict[str, Any]:
        """The last fit of a sample, so that it is judged as well; and the device's time of one."""
        return {"fit": self.fit, "device_seconds": self.backend.device_seconds()}

    def changed(self, seconds: float) -> dict[str, Any]:
        """Whether the last result changes although its fit has returned."""
        ends = time.monotonic() + seconds
        # As text, since NaN is not equal to itself.
        while not (found := repr(fit_to_json(self.returned)) != repr(self.fit)):
            if time.monotonic() > ends:
                break
            time.sleep(0.01)
        return {"changed": found}

    def limits(self, side: int, n_bytes: int, dtype: str, read: bool) -> dict[str, Any]:
        """What the framework can do at best and, if asked for, how fast memory is read."""
        probes = self.backend.probes(side, n_bytes, dtype)
        found: dict[str, Any] = dict.fromkeys(
            ("words", "call_seconds", "product_rate", "read_rate")
        )
        if probes:
            found |= {"words": probes.words, "call_seconds": limits.seconds(probes.call)}
            if probes.product:
                found["product_rate"] = 2 * side**3 / limits.seconds(probes.product)
            if probes.read:
                found["read_rate"] = n_bytes / limits.seconds(probes.read)
        if read and self.device == "cpu":
            found["read_rate"] = limits.read_rate(n_bytes, dtype, self.threads)
        return found

    def _keep(self, fit: Fit) -> None:
        """Take down a result as it is at this moment: whoever is not finished is caught."""
        self.fit = fit_to_json(fit)
        self.returned = fit

    def _spoil(self) -> None:
        """Overwrite the last result, lest an unfinished one be taken for the next."""
        for name in FIELDS:
            values = getattr(self.returned, name)
            if isinstance(values, np.ndarray) and values.flags.writeable:
                values.fill(np.nan)


def _has_nan(fit: dict[str, Any]) -> bool:
    """Whether any number is NaN (or the numbers overflow); quick, since it follows every sample."""
    return any(np.isnan(np.sum(fit[name])) for name in FIELDS if fit[name] is not None)


def _map(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path, mmap_mode="c"))
    except ValueError:  # an array without elements cannot be mapped
        return np.asarray(np.load(path))


def _answer(handle: Callable[..., dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"ok": True, **handle(**request)}
    except Unavailable as reason:
        # A device that is full may look as if it were not there.
        kind = "memory" if _ran_out(str(reason)) else "unavailable"
        return {"ok": False, "kind": kind, "reason": str(reason)}
    except Unfinished as reason:
        return {"ok": False, "kind": "error", "reason": str(reason)}
    except Exception as error:
        traceback.print_exc()
        name = type(error).__name__
        text = " ".join(str(error).split())
        if _ran_out(f"{name} {text}"):
            return {"ok": False, "kind": "memory", "reason": f"out of memory: {text[:200]}"}
        return {"ok": False, "kind": "error", "reason": f"{name}: {text}"[:500]}


def _ran_out(error: str) -> bool:
    """Whether the name or the text of an error says that there was no more memory."""
    return any(words in error.lower() for words in _OUT_OF_MEMORY)


#: How that is said: in Python, NumPy, torch and CuPy; in TensorFlow; in XLA; in the CUDA runtime,
#: its driver, cuBLAS and cuSOLVER; in RAPIDS.
_OUT_OF_MEMORY = (
    *("memoryerror", "resourceexhausted", "resource_exhausted"),
    *("out of memory", "out_of_memory", "memoryallocation", "alloc_failed", "bad_alloc"),
)


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent is gone, even in the middle of a fit."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def main() -> None:
    """Serve requests until the parent says stop or goes away."""
    _die_with_parent()
    requests, answers = os.fdopen(int(sys.argv[1])), os.fdopen(int(sys.argv[2]), "w")
    worker = Worker()
    for line in requests:
        request = json.loads(line)
        if (do := request.pop("do")) == "stop":
            break
        print(json.dumps(_answer(getattr(worker, do), request)), file=answers, flush=True)
    sys.stdout.flush()
    # Frameworks with thread pools can hang in their exit handlers; nothing here needs them.
    os._exit(0)


if __name__ == "__main__":
    main()
