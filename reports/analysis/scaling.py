"""How time grows with size: exponents, and the sizes at which one backend overtakes another.

A *series* is made of the workloads of a run that differ in one dimension alone. Pure functions of
rows; nothing is measured here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

import numpy as np
from scipy import optimize, special

from benchmarks import estimates
from benchmarks.estimates import CONFIDENCE, Estimate
from benchmarks.runfile import Record, of_kind
from reports.analysis.crossing import crossings
from reports.analysis.rows import Row

#: Sizes that make a series, and by which factor they span at least.
FEWEST_SIZES, LEAST_SPAN = 4, 10
#: A curve is a power law where no point is further from a straight line than this, in log time,
#: and twice the standard deviation with which the point is known.
STRAIGHT = 0.15
#: Sizes that a straight line is fitted to at least.
FEWEST_POINTS = 3

Dimension = Literal["n_samples", "n_features"]
#: One curve of a series: backend, device, threads.
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Series:
    """Workloads that differ in one dimension, with their timed rows."""

    dimension: Dimension
    fixed: int  # the other dimension
    dtype: str
    method: str  # in words
    names: Mapping[int, str]  # workload by size, the smallest first
    rows: Mapping[Key, Mapping[int, Row]]  # by size
    failed: list[tuple[int, Row]]  # and those that the gate refused, with their sizes


@dataclass(frozen=True)
class Exponent:
    """time ~ size**value over the sizes from `first` to `last`, with a 95 % interval."""

    value: float
    low: float
    high: float
    first: int
    last: int


@dataclass(frozen=True)
class Crossover:
    """`before` is the faster one up to about `size`, `after` from there on."""

    before: Key
    after: Key
    low: float
    high: float
    size: float | None  # None: from `low` to `high` they cannot be told apart at several sizes


def series(records: Sequence[Record], rows: Sequence[Row]) -> list[Series]:
    """The series of a run: at least four sizes over a factor of ten."""
    timed = [row for row in rows if row.status == "passed"]
    names_timed = {row.workload for row in timed}
    workloads = {w["name"]: w for w in of_kind(records, "workload") if w["name"] in names_timed}
    found = []
    dimensions: tuple[tuple[Dimension, Dimension], ...] = (
        ("n_samples", "n_features"),
        ("n_features", "n_samples"),
    )
    for varied, kept in dimensions:
        alike: dict[tuple[int, str, str, float], dict[int, str]] = {}
        for name, workload in workloads.items():
            if method := _method(workload["method"] or {}):
                same = (workload[kept], workload["dtype"], method, workload["sigma"])
                alike.setdefault(same, {})[workload[varied]] = name
        for (fixed, dtype, method, _), names in alike.items():
            if len(names) < FEWEST_SIZES or max(names) < LEAST_SPAN * min(names):
                continue
            sizes = {name: size for size, name in sorted(names.items())}
            curves: dict[Key, dict[int, Row]] = {}
            for row in (row for row in timed if row.workload in sizes):
                key = (row.backend, row.device, row.threads)
                curves.setdefault(key, {})[sizes[row.workload]] = row
            curves = {key: dict(sorted(curve.items())) for key, curve in sorted(curves.items())}
            wrong = [
                (sizes[r.workload], r) for r in rows if r.workload in sizes and r.status == "failed"
            ]
            names = dict(sorted(names.items()))
            found.append(Series(varied, fixed, dtype, method, names, curves, wrong))
    return found


def _method(method: Record) -> str:
    """What a workload asks for, in words that tell it from any other."""
    kind, epochs, rate, loss = map(method.get, ("kind", "epochs", "learning_rate", "loss"))
    return f"{kind}, {epochs} steps of {rate}, {loss} loss" if epochs else str(kind or "")


def exponent(curve: Mapping[int, Row]) -> Exponent | None:
    """The exponent of the upper part of a curve, where it is a power law.

    That part is the longest run of sizes, the largest included, of which no point is further than
    `STRAIGHT` (and what is not known of the point itself) from the straight line that weighted
    least squares fits to log time over log size, each point weighted by the inverse of its
    variance. To the variance that the rounds of a point show comes one that all points share: the
    machine may change its speed from one workload to the next. It is what makes the scatter about
    the line what it is expected to be, or 0 (Paule & Mandel, J. Res. NBS 87, 1982). The interval is
    Student's t, with two degrees of freedom less than points.

    Returns:
        None where even the three largest sizes are no power law, or there are fewer.
    """
    points = [(size, *_log_time(row)) for size, row in sorted(curve.items())]
    found = None
    for first in range(len(points) - FEWEST_POINTS, -1, -1):
        fitted = _straight(points[first:])
        if fitted is None:
            break
        found = fitted
    return found


def _log_time(row: Row) -> tuple[float, float]:
    """The logarithm of the time, and the standard deviation with which it is known."""
    try:
        centre, variance = estimates.log_typical(row.times)
        return centre, math.sqrt(variance.value)
    except ValueError:  # too few samples: known within a factor that is assumed
        return math.log(estimates.middle(row.times)), math.log(estimates.DRIFT) / 2


def _straight(points: Sequence[tuple[int, float, float]]) -> Exponent | None:
    """The line through (size, log time, standard deviation), if it is one."""
    sizes, y, sd = (np.array(values, float) for values in zip(*points, strict=True))
    x, freedom = np.log(sizes), len(points) - 2

    def excess(shared: float) -> float:
        _, off, _ = _line(x, y, sd**2 + shared)
        return float(np.sum(off**2 / (sd**2 + shared))) - freedom

    shared = 0.0
    if excess(0.0) > 0:
        # With a variance of all that scatters, the scatter is less than expected.
        shared = float(optimize.brentq(excess, 0.0, float(np.sum((y - y.mean()) ** 2)) + 1.0))
    slope, off, spread = _line(x, y, sd**2 + shared)
    if (np.abs(off) - 2 * sd).max() > STRAIGHT:
        return None
    reach = float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2)) / math.sqrt(spread)
    return Exponent(slope, slope - reach, slope + reach, points[0][0], points[-1][0])


def _line(x: np.ndarray, y: np.ndarray, variance: np.ndarray) -> tuple[float, np.ndarray, float]:
    """Slope of the weighted least-squares line, what is off it, the slope's inverse variance."""
    weight = 1 / variance
    middle = np.average(x, weights=weight)
    spread = float(np.sum(weight * (x - middle) ** 2))
    slope = float(np.sum(weight * (x - middle) * y) / spread)
    return slope, y - np.average(y, weights=weight) - slope * (x - middle), spread


def crossovers(one: Series) -> list[Crossover]:
    """Every crossover of every pair of curves, by size.

    From size to size the paired ratio of the two is looked at, with an interval that holds for all
    pairs at a size together (see `crossing`).
    """
    found = []
    for left, right in combinations(one.rows, 2):
        ratios = {size: _ratio(one, left, right, size) for size in one.names}
        for passage in crossings({size: ratio for size, ratio in ratios.items() if ratio}):
            pair = (left, right) if passage.rises else (right, left)
            found.append(Crossover(*pair, passage.low, passage.high, passage.size))
    return sorted(found, key=lambda crossover: crossover.low)


def fastest(one: Series) -> list[Key]:
    """The fastest backend at each size, the smallest first."""
    return [
        min(there, key=lambda key: there[key].seconds_median or math.inf)
        for size in one.names
        if (there := {key: curve[size] for key, curve in one.rows.items() if size in curve})
    ]


def leading(one: Series) -> list[Crossover]:
    """The crossovers at which the lead changes: from one fastest backend to the next."""
    changes = set(pairwise(fastest(one)))
    return [c for c in crossovers(one) if (c.before, c.after) in changes]


def _ratio(one: Series, left: Key, right: Key, size: int) -> Estimate | None:
    """The time of `left` over that of `right` at one size."""
    rows = [one.rows[key].get(size) for key in (left, right)]
    if rows[0] is None or rows[1] is None:
        return None
    there = sum(size in curve for curve in one.rows.values())
    return estimates.ratio(rows[0].times, rows[1].times, estimates.simultaneous(there))
