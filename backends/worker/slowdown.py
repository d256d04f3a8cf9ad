"""Extra work after each fit: what the suite is tried on, to see that it finds what is slower."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from backends.base import Fit

_BATCH_SECONDS = 5e-3  # of fits, and of extra work, when the latter is measured
_STEP_SECONDS = 4e-8  # of extra work, roughly


def slowed(fit: Callable[[], Fit], extra_work: float) -> Callable[[], Fit]:
    """`fit`, and after it a loop that takes `extra_work` times as long.

    The loop has a number of steps, fixed here once, and not a span of time: it is slowed down by
    whatever slows down the machine, as a real regression is. Its steps are the interpreter's, whose
    code every fit keeps warm: those of a library would cost the first few of them far more.
    """

    def fit_and_more(steps: int) -> Fit:
        result = fit()
        total = 0
        for step in range(steps):
            total += step
        return result

    def seconds(steps: int, fits: int) -> float:
        began = time.perf_counter()
        for _ in range(fits):
            fit_and_more(steps)
        return time.perf_counter() - began

    # In turns, so that both meet the machine as it is, and with so many steps that they are felt.
    seconds(0, 1)
    fits = max(1, round(_BATCH_SECONDS / seconds(0, 1)))
    steps = round(_BATCH_SECONDS / fits / _STEP_SECONDS)
    pairs: list[tuple[float, float]] = []
    ends = time.perf_counter() + 0.5
    while len(pairs) < 20 or time.perf_counter() < ends:
        pairs.append((seconds(0, fits), seconds(steps, fits)))
    ratios = sorted(slow / plain for plain, slow in pairs)
    of_a_step = max(ratios[len(ratios) // 2] - 1, 1e-9) / steps
    return functools.partial(fit_and_more, round(extra_work / of_a_step))
