"""What a worker measures of the machine: rates, the time of a call, the memory of a call."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from backends import limits
from backends.base import Data, LeastSquares
from backends.memory import Peak
from backends.numpy_backends import NumpyGelsd

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel does not say")


def test_a_call_is_timed_once_and_not_all_its_repetitions() -> None:
    """A short one and a long one, as told by the clock itself."""
    assert 2e-3 <= limits.seconds(lambda: time.sleep(2e-3)) < 20e-3
    assert limits.seconds(lambda: None) < 1e-4


def test_what_a_first_call_takes_does_not_count() -> None:
    calls: list[float] = []

    def slow_at_first() -> None:
        time.sleep(0 if calls else 0.2)
        calls.append(1.0)

    assert limits.seconds(slow_at_first) < 0.1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_bytes", [8, 1 << 20])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_read_rate_is_that_of_reading_once(dtype: str, n_bytes: int, threads: int) -> None:
    """Within what NumPy does with one pass over as large a buffer, and a thousand times that."""
    buffer = np.ones((1 << 20) // np.dtype(dtype).itemsize, dtype)
    one_pass = buffer.nbytes / limits.seconds(lambda: buffer.max())
    rate = limits.read_rate(n_bytes, dtype, threads)
    assert one_pass / 100 < rate < 1000 * one_pass


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
def test_what_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    from backends import memory

    monkeypatch.setattr(memory, "_SELF", Path("/nowhere"))
    assert Peak().bytes() is None
