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
from reports import text
from reports.analysis.crossing import Crossing, crossings
from reports.analysis.rows import Row, by_workload, leaders
from reports.figures.axes import Curve, log_log
from reports.figures.drawing import DASHES, INK, Picture, looks

#: A series has at least so many sizes, and the largest is at least this many times the smallest.
FEWEST_SIZES, LEAST_SPAN = 4, 10
#: A curve is a power law where every point is at most this far from a straight line, in log time,
#: beyond twice the standard deviation with which the point is known.
STRAIGHT = 0.15
#: A straight line is fitted to at least so many points.
FEWEST_POINTS = 3

Dimension = Literal["samples", "features"]
#: One curve of a series: backend, device, threads.
CurveKey = tuple[str, str, int]
#: `before` is the faster one up to about the size of the crossing, `after` from there on.
Crossover = tuple[CurveKey, CurveKey, Crossing]


@dataclass(frozen=True)
class Series:
    """Workloads that differ in one dimension."""

    number: int
    varied: Dimension
    kept: Dimension
    fixed: int  # size of what is kept
    dtype: str
    method: str  # in words
    by_size: Mapping[int, Sequence[Row]]  # the smallest first

    @cached_property
    def rows(self) -> dict[CurveKey, dict[int, Row]]:
        """The timed rows of each curve, by size."""
        found: dict[CurveKey, dict[int, Row]] = {}
        for size, rows in self.by_size.items():
            for row in rows:
                if row.status == "passed":
                    key = row.entry.name, row.entry.device, row.entry.threads
                    found.setdefault(key, {})[size] = row
        return dict(sorted(found.items()))

    @cached_property
    def some(self) -> dict[CurveKey, Row]:
        """Any row of each curve, for what does not depend on the size."""
        return {key: next(iter(curve.values())) for key, curve in self.rows.items()}

    @property
    def failed(self) -> list[tuple[int, Row]]:
        """The rows that failed, with their sizes."""
        every = ((size, row) for size, rows in self.by_size.items() for row in rows)
        return [(size, row) for size, row in every if row.status == "failed"]

    def at(self, size: int) -> dict[CurveKey, Row]:
        """The timed rows of one size."""
        return {key: curve[size] for key, curve in self.rows.items() if size in curve}

    @cached_property
    def crossovers(self) -> list[Crossover]:
        """Every crossover of every pair of curves, by size.

        They follow from the paired ratio of the two at each size, with an interval that holds for
        all pairs at that size together (see `crossing`).
        """
        found: list[Crossover] = []
        for (left, curve), (right, other) in combinations(self.rows.items(), 2):
            ratios = {}
            for size in curve.keys() & other.keys():
                confidence = estimates.simultaneous(len(self.at(size)))
                one, two = curve[size], other[size]
                if ratio := estimates.ratio(one.times, two.times, confidence, one.scatter):
                    ratios[size] = ratio
            for crossing in crossings(ratios):
                pair = (left, right) if crossing.rises else (right, left)
                found.append((*pair, crossing))
        return sorted(found, key=lambda crossover: crossover[2].low)

    @cached_property
    def fastest(self) -> list[CurveKey]:
        """The fastest backend at each size, the smallest first."""
        found = map(self.at, self.by_size)
        return [min(rows, key=lambda key: samples.middle(rows[key].times)) for rows in found]

    @property
    def leading(self) -> list[Crossover]:
        """The crossovers at which the lead changes: from one fastest backend to the next."""
        changes = set(pairwise(self.fastest))
        return [crossover for crossover in self.crossovers if crossover[:2] in changes]

    @property
    def setting(self) -> str:
        """What all its workloads have in common: `10 features, float32`."""
        return f"{self.fixed:,} {self.kept}, {self.dtype}"

    @cached_property
    def labels(self) -> dict[CurveKey, str]:
        """The names of the curves."""
        by_id = text.labels(self.some.values())
        return {key: by_id[row.entry.id] for key, row in self.some.items()}

    @cached_property
    def sentences(self) -> list[str]:
        """One for each change of the lead."""
        if lead := self.leading:
            return [self.say(*crossover) for crossover in lead]
        sizes = list(self.by_size)
        all_sizes = f"{sizes[0]:,} to {sizes[-1]:,} {self.varied}"
        if len(set(self.fastest)) == 1:
            name = self.labels[self.fastest[0]]
            if all(len(leaders(self.at(size).values())) == 1 for size in sizes):
                return [f"{name} is the fastest from {all_sizes}."]
            shared = "the first place is not certain at every size"
            return [f"{name} has the shortest median time from {all_sizes}; {shared}."]
        return [f"From {all_sizes}, the lead does not change for certain."]

    def say(self, before: CurveKey, after: CurveKey, found: Crossing) -> str:
        """A crossover in a sentence."""
        first, second = self.labels[before], self.labels[after]
        low, high = round_size(found.low), round_size(found.high)
        if found.size is None:
            sides = f"{first} is faster up to {low} {self.varied} and {second} from {high} on"
            return f"{sides}; in between it is not certain at every size."
        where = f"{round_size(found.size)} {self.varied} ({low} to {high})"
        return f"Below about {where} {first} is faster than {second}, above it slower."

    @cached_property
    def picture(self) -> Picture:
        """The time of one fit over size, and the floor."""
        curves, floors, said = [], dict[int, float](), []
        styles = looks(list(self.some.values()), DASHES[:3])
        for (key, curve), (colour, *style) in zip(self.rows.items(), styles, strict=True):
            times = {size: row.time for size, row in curve.items() if row.time}
            floors |= {size: row.floor.seconds for size, row in curve.items() if row.floor}
            curves.append(Curve(self.labels[key], colour, times, times.values(), *style))
            ends = f"{time_at(curve, min(curve))}, {time_at(curve, max(curve))}"
            said.append(f"{self.labels[key]}: {ends}")
        if floors:
            sizes = sorted(floors)
            curves.append(Curve("floor", INK, sizes, [floors[size] for size in sizes], width=0.9))
        alt = f"Time of one fit over {self.varied}. {'; '.join(said)}"
        x, y = f"{self.varied}, log scale", "time of one fit, log scale"
        scales = (x, "{:,.0f}".format), (y, text.tick)
        return log_log(f"scaling-{self.number}", alt, curves, scales)


def series(run: Run, rows: Sequence[Row]) -> list[Series]:
    """The series of a run: at least four sizes over a factor of ten."""
    by_name = by_workload(rows)
    timed = {row.entry.workload for row in rows if row.status == "passed"}
    workloads = [workload for name, workload in run.workloads.items() if name in timed]
    found: list[Series] = []
    for varied, kept in permutations(get_args(Dimension)):
        alike: dict[tuple[int, str, str, float | None], dict[int, str]] = {}
        for one in workloads:
            same = getattr(one, f"n_{kept}"), one.dtype, _in_words(one.method), one.sigma
            alike.setdefault(same, {})[getattr(one, f"n_{varied}")] = one.name
        for (fixed, dtype, method, _), names in alike.items():
            if len(names) >= FEWEST_SIZES and max(names) >= LEAST_SPAN * min(names):
                by_size = {size: by_name[names[size]] for size in sorted(names)}
                number = len(found) + 1
                found.append(Series(number, varied, kept, fixed, dtype, method, by_size))
    return found


def _in_words(method: MethodRecord) -> str:
    if method.kind == "least squares":
        return method.kind
    steps = f"{method.epochs} steps of {method.learning_rate}"
    return f"{method.kind}, {steps}, {method.loss} loss"


@dataclass(frozen=True)
class Exponent:
    """time ~ size**value over the sizes from `first` to `last`, with a 95 % interval."""

    value: float
    low: float
    high: float
    first: int
    last: int


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


def time_at(curve: Mapping[int, Row], size: int) -> str:
    """The time of one fit at a size: `1.40 ms at 1,000`."""
    return f"{text.seconds(curve[size].time)} at {size:,}"


def round_size(value: float, digits: int = 2) -> str:
    """A size to two digits: `38,000`."""
    return f"{float(f'{value:.{digits}g}'):,.0f}"
