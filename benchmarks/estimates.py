"""From samples to a typical time and to a ratio, each with its interval.

Everything is paired: two entries are compared through the rounds in which both were timed, so
that a machine that slows down for a second slows both. `benchmarks.scatter` says how far their
medians scatter.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from benchmarks import scatter
from benchmarks.samples import Rounds, logs
from benchmarks.scatter import Scatter, Variance

CONFIDENCE = 0.95
#: With fewer rounds, no interval is computed from their own scatter alone.
FEWEST = 3
#: A time is then known within this factor: no machine was seen to drift more.
DRIFT = 2.0
#: What is typical where nothing else is known.
UNKNOWN = Scatter()

Comparison = Literal["faster", "slower", "cannot tell"]


@dataclass(frozen=True)
class Estimate:
    """A positive quantity and its confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"

    def against_one(self) -> Comparison:
        """Read as a ratio of times: is the first faster or slower than the second?"""
        if self.high < 1:
            return "faster"
        return "slower" if self.low > 1 else "cannot tell"

    @property
    def precision(self) -> float:
        """Half the width of the interval, relative to the value."""
        return (self.high - self.low) / (2 * self.value)


def typical(rounds: Rounds, confidence: float = CONFIDENCE, known: Scatter = UNKNOWN) -> Estimate:
    """The median time of one fit, in seconds; `known` is what is typical of its workload.

    Raises:
        ValueError: no samples.
    """
    if not rounds:
        raise ValueError("no samples")
    return _estimate(*logs(rounds), confidence, known.processes, known.time)


def ratio(
    times: Rounds,
    baseline: Rounds,
    confidence: float = CONFIDENCE,
    known: Scatter = UNKNOWN,
    further: Sequence[Variance] = (),
) -> Estimate | None:
    """The median of `times` / `baseline` over the rounds that have both; None if none has.

    `known` is what is typical of their workload, and `further` are variances of the log ratio
    that the rounds do not show.
    """
    values, sides = logs(times, baseline)
    if not len(values):
        return None
    return _estimate(values, sides, confidence, known.processes, known.ratio, further)


def simultaneous(n_entries: int, confidence: float = CONFIDENCE) -> float:
    """The confidence of each pair with which all pairs of `n_entries` hold together.

    Pairs that share an entry go wrong together: this is Tukey's range of normal variables, which
    asks for a little less than Bonferroni's correction.
    """
    if n_entries < 3:
        return confidence
    from scipy.stats import studentized_range  # takes longer to import than all else here

    reach = studentized_range.ppf(confidence, n_entries, math.inf) / math.sqrt(2)
    return float(1 - 2 * special.ndtr(-reach))


def speeds(rounds: Rounds) -> list[float]:
    """The median seconds of each process if they differ for certain; nothing if not."""
    values, (processes,) = logs(rounds)
    if len(values) < FEWEST:
        return []
    return [math.exp(m) for m in scatter.speeds(values, processes)]


def log_typical(rounds: Rounds, known: Scatter = UNKNOWN) -> tuple[float, Variance]:
    """The log of the median time in seconds, and its variance.

    Raises:
        ValueError: fewer than `FEWEST` samples.
    """
    if len(rounds) < FEWEST:
        raise ValueError("too few samples")
    values, sides = logs(rounds)
    variance = scatter.of_median(values, sides, known.processes, known.time)
    return float(np.median(values)), variance


def _estimate(
    values: np.ndarray,
    sides: Sequence[np.ndarray],
    confidence: float,
    processes: Variance,
    one_round: Variance | None,
    further: Sequence[Variance] = (),
) -> Estimate:
    """Median and interval of logarithms by round; see `scatter.of_median`."""
    centre = float(np.median(values))
    if len(values) < (FEWEST if one_round is None else 2):
        return assumed(centre)
    variance = scatter.of_median(values, sides, processes, one_round)
    found = interval(centre, scatter.add([variance, *further]), confidence)
    # Who comes in two speeds may be as fast, or as slow, as any of its processes.
    below = above = 0.0
    for side in sides:
        if medians := scatter.speeds(values, side):
            below, above = below + medians[0] - centre, above + medians[-1] - centre
    return Estimate(found.value, found.low * math.exp(below), found.high * math.exp(above))


def interval(centre: float, variance: Variance, confidence: float) -> Estimate:
    """A quantity from the centre and the variance of its logarithm."""
    quantile = float(special.stdtrit(variance.freedom, (1 + confidence) / 2))
    return _around(centre, quantile * math.sqrt(variance.value))


def assumed(centre: float) -> Estimate:
    """A quantity with the logarithm `centre`, taken to be known within `DRIFT`."""
    return _around(centre, math.log(DRIFT))


def _around(centre: float, reach: float) -> Estimate:
    return Estimate(math.exp(centre), math.exp(centre - reach), math.exp(centre + reach))
