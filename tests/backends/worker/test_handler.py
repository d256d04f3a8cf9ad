"""The child's side of a worker, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backends.base import Fit, Unavailable
from backends.numpy import NumpyGelsd
from backends.worker import handler as worker
from backends.worker import slowdown as slowed


class Clock:
    """Moves only when a fit or the extra work does something."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def perf_counter_ns(self) -> int:
        return round(1e9 * self.now)

    def steps(self, count: int) -> Iterator[int]:
        """What the extra work loops over: 30 ns a step."""
        for step in range(count):
            self.now += 30e-9
            yield step


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MemoryError", ""),
        ("_ArrayMemoryError", "Unable to allocate 7.28 TiB for an array"),
        ("OutOfMemoryError", "CUDA out of memory. Tried to allocate 96.00 GiB."),
        ("AcceleratorError", "CUDA error: out of memory"),
        ("RuntimeError", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
        ("_LinAlgError", "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED"),
        ("OutOfMemoryError", "Out of memory allocating 8,000,000,000 bytes (allocated so far: 0)."),
        ("CUDARuntimeError", "cudaErrorMemoryAllocation: out of memory"),
        ("XlaRuntimeError", "RESOURCE_EXHAUSTED: Failed to allocate request for 7.28TiB"),
        ("JaxRuntimeError", "INTERNAL: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        ("ResourceExhaustedError", "failed to allocate memory [Op:AddV2]"),
        ("MemoryError", "std::bad_alloc: out_of_memory: CUDA error at: cuda_memory_resource.hpp"),
    ],
)
def test_each_frameworks_way_to_say_out_of_memory_is_known(name: str, text: str) -> None:
    def fails(**_: object) -> dict[str, Any]:
        raise type(name, (RuntimeError,), {})(text)

    assert worker._answer(fails, {})["kind"] == "memory"


def test_a_device_that_is_full_is_not_called_absent() -> None:
    def fails(**_: object) -> dict[str, Any]:
        raise Unavailable("CuPy 14.2.0 finds no usable GPU: cudaErrorMemoryAllocation: ...")

    assert worker._answer(fails, {})["kind"] == "memory"


def test_other_errors_are_not_taken_for_it() -> None:
    def fails(**_: object) -> dict[str, Any]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    assert worker._answer(fails, {})["kind"] == "error"


def test_extra_work_is_a_share_of_the_fit_and_does_not_add_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker serves one workload after another: what slows the first must not slow the next."""
    clock = Clock()

    def fit(_: object) -> Fit:
        clock.now += 1e-3
        return Fit(np.zeros(1), 0.0)

    monkeypatch.setattr(worker, "time", clock)
    monkeypatch.setattr(slowed, "time", clock)
    monkeypatch.setattr(slowed, "range", clock.steps, raising=False)
    monkeypatch.setattr(worker, "_map", lambda path: np.zeros((2, 1), np.float32))
    monkeypatch.setattr(NumpyGelsd, "fit", fit)
    monkeypatch.setattr(NumpyGelsd, "describe", lambda self: {})
    plain, double = worker.Worker(), worker.Worker()
    plain.start("numpy-gelsd", [], "cpu", 1)
    double.start("numpy-gelsd", [], "cpu", 1, extra_work=1.0)
    for _ in range(3):
        for served in (plain, double):
            served.load(".", {"kind": "least squares"})
            served.first()
        assert plain.sample(3)["seconds"] == pytest.approx(1e-3)
        assert double.sample(3)["seconds"] == pytest.approx(2e-3, rel=0.01)


@pytest.mark.parametrize(
    ("threads", "fits", "seconds", "made"),
    [(1, 1, 1e-3, 1), (1, 5, 1e-3, 6), (4, 1, 1e-3, 2), (4, 5, 1e-3, 6), (4, 1, 1.0, 1)],
)
def test_threads_that_wake_up_are_given_a_fit_to_spread_out(
    threads: int, fits: int, seconds: float, made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That fit takes ten times as long as those that follow it, and is not in the sample."""
    clock, calls = Clock(), 0

    def fit(_: object) -> Fit:
        nonlocal calls
        calls += 1
        clock.now += (10 if calls == 1 < made else 1) * seconds
        return Fit(np.zeros(1), 0.0)

    monkeypatch.setattr(worker, "time", clock)
    monkeypatch.setattr(worker, "_map", lambda path: np.zeros((2, 1), np.float32))
    monkeypatch.setattr(NumpyGelsd, "fit", fit)
    monkeypatch.setattr(NumpyGelsd, "describe", lambda self: {})
    served = worker.Worker()
    served.start("numpy-gelsd", [], "cpu", threads)
    served.load(".", {"kind": "least squares"})
    served.first()
    calls = 0
    assert served.sample(fits)["seconds"] == pytest.approx(seconds)
    assert calls == made
