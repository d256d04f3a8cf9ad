"""How far medians scatter: within processes from round to round, and between processes.

- *Within* a process, neighbouring rounds scatter together. So the rounds are cut into `BLOCKS`
  consecutive blocks, whose medians give the variance.
- *Between* processes of the same program there is a difference that lasts as long as they live
  (memory layout, placement of threads).

A few rounds or processes alone say too little about either. So each variance is averaged with
what is typical of the run (`Scatter`), which counts as some further rounds or processes
(Smyth 2004, *Linear models and empirical Bayes methods*, section 3).

All variances are of logarithms of times or of ratios.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, special

from benchmarks.samples import Rounds, logs

BLOCKS = 10
#: A standard deviation between processes of one program that was typical before any run: the
#: median of six backends on three workloads.
PROCESS_SPREAD = 0.011
#: It is as certain as the variance of so many processes, but an average with those of a run
#: gives it the weight of `_PRIOR_WEIGHT`.
PRIOR_FREEDOM, _PRIOR_WEIGHT = 6, 0.5
#: The efficiency of the median absolute deviation relative to the standard deviation, for normal
#: residuals (Huber & Ronchetti 2009, *Robust Statistics*, ch. 5).
MEDIAN_EFFICIENCY = 0.37
#: The scatter of rounds that is typical of a workload weighs as much as so many further blocks: at
#: least, if entries scatter unlike each other, and at most.
LEAST_FREEDOM, MOST_FREEDOM = 3.0, 20.0
#: With fewer degrees of freedom in all series together, nothing is typical: those of `BLOCKS`.
_FEWEST_FREEDOM = BLOCKS - 1
#: With fewer series, it is not seen how alike they are.
_FEWEST_SERIES = 3
#: The median absolute deviation of a standard normal variable.
QUARTILE = float(special.ndtri(0.75))
_TINY = 1e-12  # far below any variance of times
#: With fewer rounds nothing is said about processes.
_FEWEST = 4
#: Processes of one program have different speeds, and not only noise, if they differ by this
#: factor and by so many standard errors.
SPEEDS, _CERTAINLY = 1.2, 4.0


class Variance(NamedTuple):
    """The variance of an estimate, and its degrees of freedom."""

    value: float
    freedom: float


#: Between the processes of one program, before a run has shown any.
PRIOR = Variance(PROCESS_SPREAD**2, PRIOR_FREEDOM)


@dataclass(frozen=True)
class Scatter:
    """What is typical of a workload or a run."""

    processes: Variance = PRIOR  # between those of one program
    time: Variance | None = None  # of one round, if known
    ratio: Variance | None = None  # the same, of a ratio


def typical(entries: Sequence[Rounds], processes: Variance | None = None) -> Scatter:
    """What is typical of entries that were timed in the same rounds.

    Args:
        entries: their samples.
        processes: between processes, where more than these entries show it.
    """
    times = [logs(rounds)[0] for rounds in entries]
    pairs = [logs(*pair)[0] for pair in itertools.combinations(entries, 2)]
    # How alike entries are is seen of the entries: their pairs are not independent of each other.
    freedom = _likeness(times)
    one_round = (_one_round(series) for series in (times, pairs))
    known = (None if value is None else Variance(value, freedom) for value in one_round)
    return Scatter(processes or between_processes([entries]), *known)


def between_processes(workloads: Iterable[Sequence[Rounds]]) -> Variance:
    """The variance between processes of one program, in workloads with like entries.

    Most entries decide: one process in thirty is several times slower for its whole life.
    """
    found = []
    for entries in workloads:
        for entry in entries:
            if (freedom := len({sample.replicate for sample in entry.values()}) - 1) < 1:
                continue
            # The same processes, seen beside each of the other entries.
            others = [rounds for rounds in entries if rounds is not entry]
            ways = [logs(entry, other) for other in others] if others else [logs(entry)]
            seen = [_processes(values, sides[0]) for values, sides in ways]
            if seen := [one for one in seen if one.freedom == freedom]:
                observed, noise = np.median([(one.observed, one.noise) for one in seen], axis=0)
                found.append(_Processes(float(observed), float(noise), freedom))
    own = MEDIAN_EFFICIENCY * sum(one.freedom for one in found)
    average = (_PRIOR_WEIGHT * PRIOR.value + own * _beyond_noise(found)) / (_PRIOR_WEIGHT + own)
    return Variance(average, PRIOR_FREEDOM + own)


def of_median(
    values: np.ndarray,
    sides: Sequence[np.ndarray],
    processes: Variance,
    one_round: Variance | None = None,
) -> Variance:
    """The variance of the median of logarithms by round.

    Args:
        values: the logarithms; three or more, or two if `one_round` is known.
        sides: of a time one, of a ratio two: the process of each sample.
        processes: the typical variance between processes.
        one_round: the typical variance of one round, if known.
    """
    within = _within(values, one_round)
    return add([within, *(_between(values, side, within.value, processes) for side in sides)])


def speeds(values: np.ndarray, processes: np.ndarray) -> list[float]:
    """The processes' medians, if these certainly have different speeds; else nothing."""
    medians, noise = _medians(values, processes), _processes(values, processes).noise
    apart = max(medians) - min(medians)
    return (
        sorted(medians) if apart > max(math.log(SPEEDS), _CERTAINLY * math.sqrt(2 * noise)) else []
    )


def add(variances: Sequence[Variance]) -> Variance:
    """The variance of a sum of independent estimates (Satterthwaite)."""
    total = sum(variance.value for variance in variances)
    weight = sum(variance.value**2 / variance.freedom for variance in variances)
    return Variance(total, total**2 / weight)


def _within(values: np.ndarray, one_round: Variance | None) -> Variance:
    """What the scatter of rounds contributes."""
    own = _blocks(values)
    if one_round is None:
        return own
    freedom = one_round.freedom + own.freedom
    borrowed = one_round.freedom * one_round.value / len(values)
    return Variance((borrowed + own.freedom * own.value) / freedom, freedom)


def _blocks(values: np.ndarray) -> Variance:
    """The variance of the median, from the medians of consecutive blocks."""
    parts = np.array_split(values, min(BLOCKS, len(values)))
    blocks = [float(np.median(part)) for part in parts]
    # Blocks of one or two rounds scatter like rounds: the variance of a median is then pi/2 times
    # that of the mean.
    few = math.pi / 2 if len(values) < 2 * BLOCKS else 1.0
    return Variance(few * float(np.var(blocks, ddof=1)) / len(blocks), len(blocks) - 1)


def _one_round(series: Sequence[np.ndarray]) -> float | None:
    """The variance of one round that half of all series have at most, and half at least.

    None if there are too few. A sample variance is below its expectation more often than not: the
    median of a chi-squared variable is below its mean.
    """
    known = _known(series)
    if sum(own.freedom for _, own in known) < _FEWEST_FREEDOM:
        return None
    return float(np.median([len(v) * own.value / _half(own.freedom) for v, own in known]))


def _likeness(series: Sequence[np.ndarray]) -> float:
    """How many degrees of freedom the typical variance has, as a guess of that of one series.

    Many, if the variances of all series differ no more than by chance (Smyth 2004, section 6.2).
    """
    known = [(len(values) * own.value, own.freedom) for values, own in _known(series)]
    values, freedom = np.array([one for one in known if one[0] > 0]).reshape(-1, 2).T
    if len(values) < _FEWEST_SERIES:
        return LEAST_FREEDOM
    logs_of = np.log(values) - special.digamma(freedom / 2) + np.log(freedom / 2)
    excess = float(np.var(logs_of, ddof=1) - np.mean(special.polygamma(1, freedom / 2)))
    least, most = LEAST_FREEDOM / 2, MOST_FREEDOM / 2
    if excess >= special.polygamma(1, least):
        return LEAST_FREEDOM
    if excess <= special.polygamma(1, most):
        return MOST_FREEDOM
    return 2 * float(optimize.brentq(lambda x: special.polygamma(1, x) - excess, least, most))


def _known(series: Sequence[np.ndarray]) -> list[tuple[np.ndarray, Variance]]:
    """Those of two rounds and more, each with what its blocks say."""
    return [(values, _blocks(values)) for values in series if len(values) > 1]


def _half(freedom: Any) -> Any:
    """Half of all chi-squared variables are below this share of their mean."""
    return special.chdtri(freedom, 0.5) / freedom


def _between(
    values: np.ndarray, processes: np.ndarray, within: float, typical: Variance
) -> Variance:
    """What the choice of processes on one side contributes."""
    seen = _processes(values, processes)
    # `within` is that of a median of all rounds; each process has only a share.
    found = max(0.0, seen.observed - (seen.freedom + 1) * within)
    freedom = typical.freedom + seen.freedom
    moderated = (typical.freedom * typical.value + seen.freedom * found) / freedom
    return Variance(moderated / (seen.freedom + 1), freedom)


class _Processes(NamedTuple):
    """The processes of one entry."""

    observed: float  # the variance between their medians
    noise: float  # what rounds contribute to it
    freedom: int


def _processes(values: np.ndarray, processes: np.ndarray) -> _Processes:
    medians = _medians(values, processes)
    own = len(medians) - 1
    if len(values) < _FEWEST or not own:
        return _Processes(0.0, 0.0, 0)
    _, member, sizes = np.unique(processes, return_inverse=True, return_counts=True)
    off = np.abs(values - np.array(medians)[member])
    # By the median absolute deviation; a median varies pi/2 times as much as a mean.
    spread = (float(np.median(off)) / QUARTILE) ** 2 * len(values) / max(len(values) - own - 1, 1)
    noise = math.pi / 2 * spread * float(np.mean(1 / sizes))
    return _Processes(float(np.var(medians, ddof=1)), noise, own)


def _beyond_noise(found: Sequence[_Processes]) -> float:
    """The variance with which half of all entries vary less, and half more, than by chance."""
    if not found:
        return 0.0
    observed, noise, freedom = (np.array(column) for column in zip(*found, strict=True))
    half = _half(freedom)

    def excess(variance: float) -> float:
        return float(np.median(observed / ((variance + noise) * half + _TINY))) - 1

    most = float(np.max(observed / half)) + _TINY
    return float(optimize.brentq(excess, 0.0, most)) if excess(0.0) > 0 else 0.0


def _medians(values: np.ndarray, processes: np.ndarray) -> list[float]:
    return [float(np.median(values[processes == name])) for name in np.unique(processes)]
