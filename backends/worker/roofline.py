"""What the machine can do at best, measured from within a worker.

Reading is measured with NumPy. A matrix product and the cheapest call depend on the framework,
which offers them through `Backend.probes`.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.lib.stride_tricks import as_strided

Clock = Callable[[], float]  # seconds

#: A measurement lasts at least about this long ...
_SECONDS = 0.5e-3
#: ... and the shortest of so many counts: disturbances only make it longer.
_REPEATS = 3
#: Of a call whose usual time is wanted.
_CALLS = 21
#: With fewer bytes per thread, the loop around the reading would be measured.
_LEAST_BYTES = 1 << 16


def seconds(call: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """The time of one `call`, in the best of several batches."""
    return _best(lambda count: _time(lambda: [call() for _ in range(count)], clock))


def typical_seconds(call: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """The median time of one `call`, each timed by itself: what usually happens, not at best."""
    return statistics.median(_time(call, clock) for _ in range(_CALLS))


def maxima(view: np.ndarray) -> np.ndarray:
    """Read every row of `view`: of NumPy's functions, this one does the least besides."""
    return np.asarray(np.maximum.reduce(view, axis=1))


def read_rate(
    n_bytes: int,
    dtype: str,
    threads: int,
    clock: Clock = time.perf_counter,
    read_rows: Callable[[np.ndarray], np.ndarray] = maxima,
) -> float:
    """Bytes per second that `threads` threads together read of a buffer of `n_bytes`.

    Each reads its part again and again, so that it stays in whatever cache it fits into, as the
    data of a repeated fit do. (STREAM, McCalpin 1995, also writes, which no regression has to.)
    """
    n_bytes = max(n_bytes, threads * _LEAST_BYTES)
    buffer = np.ones(n_bytes // np.dtype(dtype).itemsize, dtype)
    parts = np.array_split(buffer, threads)

    with ThreadPoolExecutor(threads) as pool:

        def read(count: int) -> float:
            # Every row of the view is the whole part: one call reads it `count` times.
            views = [as_strided(part, (count, part.size), (0, part.itemsize)) for part in parts]
            return _time(lambda: list(pool.map(read_rows, views)), clock)

        # Starting threads takes some 0.1 ms, which must be a small part of the measurement.
        return buffer.nbytes / _best(read, 10 * _SECONDS if threads > 1 else _SECONDS)


def _best(timed: Callable[[int], float], least: float = _SECONDS) -> float:
    """Seconds of one repetition; `timed(count)` takes at least `least` s for enough of them."""
    count = 1
    while (took := min(timed(count) for _ in range(_REPEATS))) < least:
        count = max(2 * count, round(1.2 * count * least / max(took, 1e-9)))
    return took / count


def _time(call: Callable[[], object], clock: Clock) -> float:
    began = clock()
    call()
    return clock() - began
