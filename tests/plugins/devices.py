"""A device that works on its own, as a GPU does, and backends on it: honest ones and others.

It is a thread with a queue. What it is asked to do it does later, and whoever does not wait for it
has memory that is not filled yet. It stands in for CUDA where a test says that there is a GPU.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np

from backends.base import Backend, Data, Fit, Method, Unavailable


class Device:
    """Carries out one operation after another; `delay` (s) is how long each takes at least."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.transfers = self.synchronisations = 0
        self.busy = 0.0  # seconds
        self._operations: queue.Queue[Callable[[], None]] = queue.Queue()
        threading.Thread(target=self._work, daemon=True).start()

    def submit(self, operation: Callable[[], None]) -> None:
        """Have it done, some time."""
        self._operations.put(operation)

    def synchronise(self) -> None:
        """Wait until everything is done."""
        self.synchronisations += 1
        self._operations.join()

    def copy(self, source: np.ndarray, target: np.ndarray) -> None:
        """Copy between host and device, some time."""
        self.transfers += 1
        self.submit(lambda: np.copyto(target, source))

    def _work(self) -> None:
        while True:
            operation = self._operations.get()
            began = time.perf_counter()
            time.sleep(self.delay)
            operation()
            self.busy += time.perf_counter() - began
            self._operations.task_done()


def to_tf32(array: np.ndarray) -> np.ndarray:
    """Round float32 to TF32: 10 bits after the leading one."""
    bits = array.astype(np.float32).view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)


class Honest(Backend):
    """Waits for its result, and says what is so."""

    name = "device-honest"
    framework = "numpy"
    methods = ("least squares",)
    devices = ("cuda",)
    algorithm = "LAPACK gelsd, on a thread that plays the device"
    stability = "orthogonal"

    delay: ClassVar[float] = 0.002

    def start(self, device: str, threads: int) -> None:
        if device != "cuda:0":
            raise Unavailable(f"no device {device!r}")
        self.device = Device(self.delay)
        self.switched = self.tf32

    def load(self, data: Data, method: Method) -> None:
        self.fits = 0  # since then
        self.X, self.y = np.empty_like(data.X), np.empty_like(data.y)
        self.device.copy(data.X, self.X)
        self.device.copy(data.y, self.y)
        self.device.synchronise()

    def products(self, array: np.ndarray) -> np.ndarray:
        """The numbers that go into products."""
        return to_tf32(array) if self.switched and array.dtype == np.float32 else array

    def solve(self, X: np.ndarray, y: np.ndarray, solution: np.ndarray) -> None:
        """What the device does."""
        X, y = self.products(X), self.products(y)
        solution[:] = np.linalg.lstsq(np.column_stack([X, np.ones_like(y)]), y)[0]

    def bring_home(self, solution: np.ndarray) -> np.ndarray:
        """The solution on the host."""
        home = np.zeros_like(solution)
        self.device.copy(solution, home)
        self.device.synchronise()
        return home

    def fit(self) -> Fit:
        self.fits += 1
        solution = np.empty(self.X.shape[1] + 1, self.X.dtype)
        self.device.submit(partial(self.solve, self.X, self.y, solution))
        self.home = self.bring_home(solution)
        return Fit(self.home[:-1], self.home[-1])

    def describe(self) -> dict[str, Any]:
        return {
            "version": "1.0",
            "device": "cuda:0",
            "dtype": str(self.X.dtype),
            "algorithm": self.algorithm,
            "tf32": self.switched,
            "transfers": self.device.transfers,
            "synchronisations": self.device.synchronisations,
        }

    def device_seconds(self) -> float | None:
        before = self.device.busy
        self.fit()
        return self.device.busy - before


class Early(Honest):
    """Returns arrays that its device fills later."""

    name = "device-early"
    #: Long beside the moments for which a busy machine may keep its worker from looking.
    delay = 0.1

    def bring_home(self, solution: np.ndarray) -> np.ndarray:
        home = np.zeros_like(solution)
        self.device.copy(solution, home)
        return home


class EarlyOnceWarm(Early):
    """Waits for its first fit only; always the same memory, which holds the last result."""

    name = "device-early-once-warm"
    delay = 0.05

    def bring_home(self, solution: np.ndarray) -> np.ndarray:
        if self.fits == 1:
            return super(Early, self).bring_home(solution)
        self.device.copy(solution, self.home)
        return self.home


class Lazy:
    """A framework's array: looking at it waits for the device."""

    def __init__(self, device: Device, values: np.ndarray) -> None:
        self.device, self.values = device, values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        self.device.synchronise()
        return self.values.astype(dtype)


class Promises(Early):
    """Returns the framework's own array, and leaves the waiting to whoever looks at it."""

    name = "device-promises"

    def fit(self) -> Fit:
        fit = super().fit()
        return Fit(Lazy(self.device, fit.weight), Lazy(self.device, fit.bias))  # type: ignore[arg-type]


class FallsBack(Honest):
    """Works on the CPU, as some frameworks do when an operation has no CUDA kernel."""

    name = "device-falls-back"

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"device": "cpu"}


class SwitchesTF32On(Honest):
    """Faster, with a quarter of the digits."""

    name = "device-tf32"

    def start(self, device: str, threads: int) -> None:
        super().start(device, threads)
        self.switched = True


class HidesTF32(SwitchesTF32On):
    """The same, and says nothing of it."""

    name = "device-tf32-hidden"

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"tf32": False}


class OutOfMemoryError(RuntimeError):
    """What torch.OutOfMemoryError is."""


class OutOfMemory(Honest):
    """Its data do not fit."""

    name = "device-out-of-memory"

    def load(self, data: Data, method: Method) -> None:
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 96.00 GiB.\nGPU 0 has 80.")
