"""How time grows with size: exponents, and the sizes at which one backend overtakes another.

A *series* is made of the workloads of a run that differ in one dimension alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise, permutations
from typing import Literal, get_args

import numpy as np
from scipy import optimize, special

from benchmarks import estimates, samples, scatter
from benchmarks.estimates import CONFIDENCE
from benchmarks.runfile.records import MethodRecord
from benchmarks.runfile.run import Run
from benchmarks.samples import Rounds
from benchmarks.scatter import Scatter, Variance
from reports.analysis.crossing import crossings
from reports.analysis.rows import Row, by_workload

#: A series has at least so many sizes, and the largest is at least this many times the smallest.
FEWEST_SIZES, LEAST_SPAN = 4, 10
#: A curve is a power law where every point is at most this far from a straight line, in log time,
#: beyond twice the standard deviation with which the point is known.
STRAIGHT = 0.15
#: A straight line is fitted to at least so many points.
FEWEST_POINTS = 3

Dimension = Literal["samples", "features"]
#: One curve of a series: backend, device, threads.
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Crossover:
    """`before` is the faster one up to about `size`, `after` from there on."""

    before: Key
    after: Key
    low: float
    high: float
    size: float | None  # None: from `low` to `high` they cannot be told apart at several sizes


@dataclass(frozen=True)
class Series:
    """Workloads that differ in one dimension."""

    varied: Dimension
    kept: Dimension
    fixed: int  # size of what is kept
    dtype: str
    method: str  # in words
    by_size: Mapping[int, Sequence[Row]]  # the smallest first

    @cached_property
    def rows(self) -> dict[Key, dict[int, Row]]:
        """The timed rows of each curve, by size."""
        found: dict[Key, dict[int, Row]] = {}
        for size, rows in self.by_size.items():
            for row in rows:
                if row.status == "passed":
                    key = row.entry.name, row.entry.device, row.entry.threads
                    found.setdefault(key, {})[size] = row
        return dict(sorted(found.items()))

    @property
    def failed(self) -> list[tuple[int, Row]]:
        """The rows that failed, with their sizes."""
        every = ((size, row) for size, rows in self.by_size.items() for row in rows)
        return [(size, row) for size, row in every if row.status == "failed"]

    def at(self, size: int) -> dict[Key, Row]:
        """The timed rows of one size."""
        return {key: curve[size] for key, curve in self.rows.items() if size in curve}

    @cached_property
    def crossovers(self) -> list[Crossover]:
        """Every crossover of every pair of curves, by size.

        They follow from the paired ratio of the two at each size, with an interval that holds for
        all pairs at that size together (see `crossing`).
        """
        found = []
        for (left, curve), (right, other) in combinations(self.rows.items(), 2):
            ratios = {}
            for size in curve.keys() & other.keys():
                confidence = estimates.simultaneous(len(self.at(size)))
                one, two = curve[size], other[size]
                if ratio := estimates.ratio(one.times, two.times, confidence, one.scatter):
                    ratios[size] = ratio
            for passage in crossings(ratios):
                pair = (left, right) if passage.rises else (right, left)
                found.append(Crossover(*pair, passage.low, passage.high, passage.size))
        return sorted(found, key=lambda crossover: crossover.low)


@dataclass(frozen=True)
class Exponent:
    """time ~ size**value over the sizes from `first` to `last`, with a 95 % interval."""

    value: float
    low: float
    high: float
    first: int
    last: int


def series(run: Run, rows: Sequence[Row]) -> list[Series]:
    """The series of a run: at least four sizes over a factor of ten."""
    by_name = by_workload(rows)
    timed = {row.entry.workload for row in rows if row.status == "passed"}
    workloads = [workload for name, workload in run.workloads.items() if name in timed]
    found = []
    for varied, kept in permutations(get_args(Dimension)):
        alike: dict[tuple[int, str, str, float | None], dict[int, str]] = {}
        for one in workloads:
            same = getattr(one, f"n_{kept}"), one.dtype, _in_words(one.method), one.sigma
            alike.setdefault(same, {})[getattr(one, f"n_{varied}")] = one.name
        for (fixed, dtype, method, _), names in alike.items():
            if len(names) >= FEWEST_SIZES and max(names) >= LEAST_SPAN * min(names):
                by_size = {size: by_name[names[size]] for size in sorted(names)}
                found.append(Series(varied, kept, fixed, dtype, method, by_size))
    return found


def _in_words(method: MethodRecord) -> str:
    if method.kind == "least squares":
        return method.kind
    steps = f"{method.epochs} steps of {method.learning_rate}"
    return f"{method.kind}, {steps}, {method.loss} loss"


def exponent(curve: Mapping[int, Row]) -> Exponent | None:
    """The exponent of the upper part of a curve, where it is a power law.

    That part is the longest run of sizes up to the largest in which every point is within
    `STRAIGHT` of a straight line. The line is fitted to log time over log size, each point weighted
    by the inverse of its variance. Besides what its rounds show, that has a part that all points
    share, since the machine may change its speed between workloads. It is such that the weighted
    sum of squared residuals equals its expectation, or is 0 (Paule & Mandel, J. Res. NBS 87, 1982).
    The interval is Student's t with two degrees of freedom fewer than points.

    Returns:
        None where even the three largest sizes are no power law, or there are fewer.
    """
    known = [(size, *log_time(row.times, row.scatter)) for size, row in sorted(curve.items())]
    points = [(size, centre, math.sqrt(variance.value)) for size, centre, variance in known]
    found = None
    for first in range(len(points) - FEWEST_POINTS, -1, -1):
        fitted = _straight(points[first:])
        if fitted is None:
            break
        found = fitted
    return found


def log_time(rounds: Rounds, known: Scatter = estimates.UNKNOWN) -> tuple[float, Variance]:
    """The logarithm of a typical time, in log seconds, and the variance with which it is known."""
    try:
        return estimates.log_typical(rounds, known)
    except ValueError:  # too few samples: known within a factor that is assumed
        assumed = Variance((math.log(estimates.DRIFT) / 2) ** 2, scatter.PRIOR_FREEDOM)
        return math.log(samples.middle(rounds)), assumed


def _straight(points: Sequence[tuple[int, float, float]]) -> Exponent | None:
    """The line through (size, log time, standard deviation), if it is one."""
    sizes, y, sd = (np.array(values, float) for values in zip(*points, strict=True))
    x, freedom = np.log(sizes), len(points) - 2

    def excess(shared: float) -> float:
        _, off, _ = _line(x, y, sd**2 + shared)
        return float(np.sum(off**2 / (sd**2 + shared))) - freedom

    shared = 0.0
    if excess(0.0) > 0:
        # With the variance of all points together, the scatter is smaller than expected.
        shared = float(optimize.brentq(excess, 0.0, float(np.sum((y - y.mean()) ** 2)) + 1.0))
    slope, off, spread = _line(x, y, sd**2 + shared)
    if (np.abs(off) - 2 * sd).max() > STRAIGHT:
        return None
    reach = float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2)) / math.sqrt(spread)
    return Exponent(slope, slope - reach, slope + reach, points[0][0], points[-1][0])


def _line(x: np.ndarray, y: np.ndarray, variance: np.ndarray) -> tuple[float, np.ndarray, float]:
    """Slope of the weighted least-squares line, residuals, inverse variance of the slope."""
    weight = 1 / variance
    middle = np.average(x, weights=weight)
    spread = float(np.sum(weight * (x - middle) ** 2))
    slope = float(np.sum(weight * (x - middle) * y) / spread)
    return slope, y - np.average(y, weights=weight) - slope * (x - middle), spread


def fastest(one: Series) -> list[Key]:
    """The fastest backend at each size, the smallest first."""
    found = (one.at(size) for size in one.by_size)
    return [min(rows, key=lambda key: samples.middle(rows[key].times)) for rows in found]


def leading(one: Series) -> list[Crossover]:
    """The crossovers at which the lead changes: from one fastest backend to the next."""
    changes = set(pairwise(fastest(one)))
    return [c for c in one.crossovers if (c.before, c.after) in changes]
