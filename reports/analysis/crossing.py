"""Where a ratio of two times crosses 1, when it is known at some sizes, each with its interval.

Between sizes, log ratio is interpolated over log size, twice: by straight lines, and by piecewise
cubics as monotone as the points (Fritsch & Carlson, SIAM J. Numer. Anal. 17, 1980). The distance of
the two is taken for what interpolation does not know. The interval has the sizes at which the
interpolated interval of the ratio holds 1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from benchmarks.estimates import Estimate

#: "from": slower below a size and faster above it; "until": the other way round.
Answer = Literal["from", "until", "always", "never", "cannot tell"]


@dataclass(frozen=True)
class Crossing:
    """One passage of the ratio through 1, with an interval for its size."""

    rises: bool  # from below 1 to above
    low: float
    high: float
    size: float | None  # None: the ratio runs along 1 at several sizes from `low` to `high`


@dataclass(frozen=True)
class Comparison:
    """What is usual against what may be faster, over the sizes at which both were timed."""

    ratios: Mapping[int, Estimate]  # time of what is usual over time of the other, by size

    @cached_property
    def crossing(self) -> Crossing | None:
        """The last one."""
        return next(reversed(crossings(self.ratios)), None)

    @property
    def answer(self) -> Answer:
        """Where the other is faster; the largest size at which that is certain decides."""
        sides = [ratio.against_one() for _, ratio in sorted(self.ratios.items())]
        certain = [side for side in sides if side != "cannot tell"]
        if not certain:
            return "cannot tell"
        if certain[-1] == "slower":  # what is usual
            return "from" if "faster" in certain else "always"
        return "until" if "slower" in certain else "never"

    @property
    def first_certain(self) -> int | None:
        """The smallest size at which it is certain which of the two is faster."""
        certain = [n for n, ratio in self.ratios.items() if ratio.against_one() != "cannot tell"]
        return min(certain, default=None)


def crossings(ratios: Mapping[int, Estimate]) -> list[Crossing]:
    """Every passage that is certain: below 1 at one size, and above it at a later one.

    Args:
        ratios: by size; where the interval of one holds 1, its side is not known.
    """
    sizes = sorted(ratios)
    decided = [n for n, size in enumerate(sizes) if _side(ratios[size])]
    by_size = [ratios[size] for size in sizes]
    return [
        _crossing(sizes, by_size, before, after)
        for before, after in pairwise(decided)
        if _side(by_size[before]) != _side(by_size[after])
    ]


def _side(ratio: Estimate) -> int:
    """-1 below 1 and 1 above, for certain; or 0."""
    return {"faster": -1, "slower": 1, "cannot tell": 0}[ratio.against_one()]


def _crossing(
    sizes: Sequence[int], ratios: Sequence[Estimate], before: int, after: int
) -> Crossing:
    rises = _side(ratios[after]) > 0
    early, late = ("high", "low") if rises else ("low", "high")
    first = _roots(sizes, [getattr(ratio, early) for ratio in ratios], before, before + 1)
    last = _roots(sizes, [getattr(ratio, late) for ratio in ratios], after - 1, after)
    ends, size = [*first, *last], None
    if after - before <= 2:
        middle = _roots(sizes, [ratio.value for ratio in ratios], before, after)
        size, ends = middle[-1], [*ends, *middle]
    return Crossing(rises, min(ends), max(ends), size)


def _roots(
    sizes: Sequence[int], values: Sequence[float], before: int, after: int
) -> tuple[float, float]:
    """Where the values, one on each side of 1, pass it: by straight lines and by cubics."""
    x, y = np.log(sizes), np.log(values)
    ends = x[before], x[after]
    cubics = PchipInterpolator(x, y)
    straight = brentq(lambda at: float(np.interp(at, x, y)), *ends)
    return math.exp(straight), math.exp(brentq(lambda at: float(cubics(at)), *ends))
