"""What the machine can do at best, measured from within a worker: the limits of its backend.

Reading is measured with NumPy alone, which every worker has; a matrix product and the cheapest call
belong to a framework, which offers them through `Backend.probes`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.lib.stride_tricks import as_strided

#: A measurement lasts at least about this long ...
_SECONDS = 0.5e-3
#: ... and the shortest of so many counts: whatever disturbs it makes it longer.
_REPEATS = 3
#: Less than this for each thread would measure the loop around the reading.
_LEAST_BYTES = 1 << 16


def seconds(call: Callable[[], object]) -> float:
    """The time of one `call`, in the best of several batches."""
    return _best(lambda count: _time(lambda: [call() for _ in range(count)]))


def read_rate(n_bytes: int, dtype: str, threads: int) -> float:
    """Bytes a second that `threads` threads together read of a buffer of `n_bytes`.

    They read it over and over, each its part, so that it is in whatever cache it fits into, as
    the data of a fit that is repeated are. Taking the maximum is the reading: of what NumPy has,
    it does the least besides. (STREAM, McCalpin 1995, also writes, which no regression has to.)
    """
    n_bytes = max(n_bytes, threads * _LEAST_BYTES)
    buffer = np.ones(n_bytes // np.dtype(dtype).itemsize, dtype)
    parts = np.array_split(buffer, threads)

    with ThreadPoolExecutor(threads) as pool:

        def read(count: int) -> float:
            # Every row of the view is the whole part: one call reads it `count` times.
            views = [as_strided(part, (count, part.size), (0, part.itemsize)) for part in parts]
            return _time(lambda: list(pool.map(_maxima, views)))

        # Starting threads takes some 0.1 ms, which is to be little of it.
        return buffer.nbytes / _best(read, 10 * _SECONDS if threads > 1 else _SECONDS)


def _maxima(view: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum.reduce(view, axis=1))


def _best(timed: Callable[[int], float], least: float = _SECONDS) -> float:
    """Seconds of one of what `timed` does a number of times, and takes at least `least` for."""
    count = 1
    while (took := min(timed(count) for _ in range(_REPEATS))) < least:
        count = max(2 * count, round(1.2 * count * least / max(took, 1e-9)))
    return took / count


def _time(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
