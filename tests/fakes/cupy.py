"""CuPy on NumPy, for machines without a GPU: what of it the suite uses.

Where CuPy differs from NumPy, this does as CuPy: an array has to be brought home with `get`, and a
Cholesky factorization that cuSOLVER gives up is handed out as it is, unless `cupyx.errstate` says
otherwise. `ran_out` makes the device full.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import scipy.linalg

__version__ = "14.2.0"
ran_out = False
raises = False
tf32 = os.environ.get("CUPY_TF32") == "1"
synchronisations = 0


class OutOfMemoryError(MemoryError):
    pass


class ndarray(np.ndarray):  # noqa: N801 - its name
    device = SimpleNamespace(id=0)

    def get(self) -> np.ndarray:
        return np.array(self)

    # A single number stays on the device.
    def __getitem__(self, key: Any) -> Any:
        return np.asarray(super().__getitem__(key)).view(ndarray)

    def sum(self, *arguments: Any, **named: Any) -> Any:
        return np.asarray(super().sum(*arguments, **named)).view(ndarray)

    def __matmul__(self, other: Any) -> Any:
        return np.asarray(np.matmul(np.asarray(self), np.asarray(other))).view(ndarray)


def _on_device(array: Any) -> Any:
    if ran_out:
        raise OutOfMemoryError("Out of memory allocating 512 bytes")
    return np.array(array).view(ndarray)


def _made(function: Any) -> Any:
    return lambda *arguments, **named: _on_device(function(*arguments, **named))


asarray, zeros, ones, empty = map(_made, (np.asarray, np.zeros, np.ones, np.empty))
ones_like, column_stack = map(_made, (np.ones_like, np.column_stack))


asnumpy = np.array


def _cholesky(a: np.ndarray) -> Any:
    try:
        return _on_device(np.linalg.cholesky(np.array(a)))
    except np.linalg.LinAlgError:
        if raises:
            raise
        return _on_device(np.tril(a))


def _lstsq(a: np.ndarray, b: np.ndarray, rcond: float | None = None) -> tuple[Any, ...]:
    x, residuals, rank, s = np.linalg.lstsq(np.array(a), np.array(b), rcond)
    return _on_device(x), residuals, rank, s


class _Event:
    def record(self) -> None:
        self.at = time.perf_counter()

    def synchronize(self) -> None:
        pass


class _Device:
    def synchronize(self) -> None:
        global synchronisations
        synchronisations += 1


linalg = SimpleNamespace(cholesky=_cholesky, lstsq=_lstsq)
_core = SimpleNamespace(get_compute_type=lambda kind: 7 if tf32 else 1)
cuda = SimpleNamespace(
    Device=_Device,
    Event=_Event,
    get_allocator=lambda: SimpleNamespace(__qualname__="MemoryPool.malloc"),
    get_elapsed_time=lambda first, last: 1e3 * (last.at - first.at),
    runtime=SimpleNamespace(runtimeGetVersion=lambda: 13000),
)


@contextlib.contextmanager
def _errstate(*, linalg: str) -> Iterator[None]:
    global raises
    raises, before = linalg == "raise", raises
    yield
    raises = before


def _solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False) -> Any:
    return _on_device(scipy.linalg.solve_triangular(a, b, trans, lower=lower))


_cupyx, _cupyx_scipy, _cupyx_linalg = (
    ModuleType(name) for name in ("cupyx", "cupyx.scipy", "cupyx.scipy.linalg")
)
vars(_cupyx).update(errstate=_errstate)
vars(_cupyx_linalg).update(solve_triangular=_solve_triangular)
sys.modules |= {module.__name__: module for module in (_cupyx, _cupyx_scipy, _cupyx_linalg)}
