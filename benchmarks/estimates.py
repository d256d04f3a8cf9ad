"""From samples to a typical time and to a ratio, each with its interval.

Everything is paired: two entries are compared through the rounds in which both were timed, so
that a machine that slows down for a second slows both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
#: Below this many samples no interval is computed from their spread ...
FEWEST = 3
#: ... and a ratio is taken to be known within this factor, which is more than these machines
#: were seen to drift within one run.
DRIFT = 2.0

Comparison = Literal["faster", "slower", "cannot tell"]


@dataclass(frozen=True)
class Estimate:
    """A positive quantity and the interval that holds it with 95 % confidence."""

    value: float
    low: float
    high: float

    def against_one(self) -> Comparison:
        """Read as a ratio of times: is the first faster or slower than the second?"""
        if self.high < 1:
            return "faster"
        return "slower" if self.low > 1 else "cannot tell"


def median(values: Sequence[float]) -> Estimate:
    """The median and a distribution-free interval for it.

    The interval is made of order statistics: the number of samples below the true median is
    binomial with p = 1/2 (Conover, *Practical Nonparametric Statistics*, 3.2). Where too few
    samples exist for 95 % it is their whole range; for fewer than `FEWEST`, that factor `DRIFT`
    to either side.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("no samples")
    ordered = np.sort(np.asarray(values, dtype=float))
    middle = float(np.median(ordered))
    n = len(ordered)
    if n < FEWEST:
        return Estimate(middle, middle / DRIFT, middle * DRIFT)
    # ppf is the first count whose tail reaches the risk; one less is the last that does not.
    first = max(int(stats.binom.ppf((1 - CONFIDENCE) / 2, n, 0.5)) - 1, 0)
    return Estimate(middle, float(ordered[first]), float(ordered[n - 1 - first]))


def ratio(times: Mapping[int, float], baseline: Mapping[int, float]) -> Estimate | None:
    """How many times the baseline's time, from the rounds in which both were timed.

    Both map a round to the seconds of one fit in it. The value is the median of the rounds'
    ratios. Returns None where no round has both.
    """
    rounds = sorted(times.keys() & baseline.keys())
    if not rounds:
        return None
    return median([times[r] / baseline[r] for r in rounds])
