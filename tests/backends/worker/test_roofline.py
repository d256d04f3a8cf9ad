"""What a worker measures of the machine: rates, the time of a call, the memory of a call."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from backends.base import Data, LeastSquares
from backends.numpy import NumpyGelsd
from backends.worker import roofline
from backends.worker.memory import Peak, WatchedPeak

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel does not say")


class Clock:
    """Moves only when it is told to, by as many threads as like."""

    def __init__(self) -> None:
        self.now, self._lock = 0.0, threading.Lock()

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


@pytest.mark.parametrize("takes", [2e-3, 3e-7])
def test_a_call_is_timed_once_and_not_all_its_repetitions(takes: float) -> None:
    clock = Clock()
    assert roofline.seconds(lambda: clock.move(takes), clock) == pytest.approx(takes)


def test_what_a_first_call_takes_does_not_count() -> None:
    clock = Clock()
    calls: list[float] = []

    def slow_at_first() -> None:
        clock.move(1e-6 if calls else 0.2)
        calls.append(1.0)

    assert roofline.seconds(slow_at_first, clock) == pytest.approx(1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_bytes", [8, 1 << 20])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_read_rate_is_that_of_what_was_read(dtype: str, n_bytes: int, threads: int) -> None:
    """A memory that gives each thread 1 GB a second, and takes 1 µs more for each call."""
    clock = Clock()

    def maxima(view: np.ndarray) -> np.ndarray:
        # The threads read at the same time: each moves the clock by its part of it.
        clock.move((view.nbytes / 1e9 + 1e-6) / threads)
        return roofline.maxima(view)

    found = roofline.read_rate(n_bytes, dtype, threads, clock, maxima)
    assert found == pytest.approx(threads * 1e9, rel=0.005)


@pytest.mark.parametrize("threads", [1, 2])
def test_memory_is_really_read(threads: int) -> None:
    """By the system's clock, and every number of the buffer."""
    seen: list[np.ndarray] = []

    def maxima(view: np.ndarray) -> np.ndarray:
        seen.append(view)
        return roofline.maxima(view)

    assert roofline.read_rate(1 << 20, "float64", threads, read_rows=maxima) > 0
    assert {view.shape[1] for view in seen} == {(1 << 20) // 8 // threads}
    assert len({view.ctypes.data for view in seen}) == threads
    assert {view.strides for view in seen} == {(0, 8)}
    assert all((roofline.maxima(view) == 1).all() for view in seen[:threads])


def test_numpy_offers_its_product_and_its_cheapest_call() -> None:
    backend = NumpyGelsd()
    X = np.ones((4, 1), np.float32)
    backend.load(Data(X, X[:, 0], X, X[:, 0]), LeastSquares())
    probes = backend.probes(64, 4096, "float32")
    assert probes.product
    result = probes.product()
    assert isinstance(result, np.ndarray)
    assert (result == 64).all()
    assert result.dtype == np.float32
    np.testing.assert_array_equal(probes.call(), [2])


@linux
def test_the_peak_is_what_was_needed_on_top_and_is_forgotten() -> None:
    large, small = 64 << 20, 16 << 20
    kept = np.ones(large, np.uint8)
    for size in (large, small):
        peak = Peak()
        np.ones(size, np.uint8).sum()
        found = peak.bytes()
        assert found is not None
        # The kernel counts pages in batches, some hundred KiB at a time.
        assert size - (2 << 20) < found < size + (8 << 20)
    assert kept.all()


@linux
def test_a_watched_peak_is_without_mapped_files(tmp_path: Path) -> None:
    size = 64 << 20
    np.save(tmp_path / "zeros.npy", np.zeros(size, np.uint8))
    peak = WatchedPeak()
    assert np.load(tmp_path / "zeros.npy", mmap_mode="c").max() == 0
    needed = np.ones(size // 2, np.uint8)
    time.sleep(0.1)  # it is looked at some times
    del needed
    found = peak.bytes()
    assert found is not None
    assert size // 2 - (2 << 20) < found < size // 2 + (8 << 20)


@linux
def test_what_cannot_be_read_is_none() -> None:
    assert Peak(Path("/nowhere")).bytes() is None
    assert WatchedPeak(Path("/nowhere")).bytes() is None
