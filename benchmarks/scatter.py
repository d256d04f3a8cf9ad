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
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from benchmarks.samples import Rounds, logs

BLOCKS = 10
#: A standard deviation between processes of one program that was typical before any run: the
#: median of six backends on three workloads.
PROCESS_SPREAD = 0.011
#: It is as certain as the variance of so many processes, but an average with those of a run
#: gives it the weight of `_PRIOR_WEIGHT`.
PRIOR_FREEDOM, _PRIOR_WEIGHT = 6, 2
#: The efficiency of the median absolute deviation relative to the standard deviation, for normal
#: residuals (Huber & Ronchetti 2009, *Robust Statistics*, ch. 5).
MEDIAN_EFFICIENCY = 0.37
#: The scatter of rounds that is typical of a workload weighs as much as so many further blocks.
ROUNDS_FREEDOM = 4
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
    time: float | None = None  # the variance of one round, if known
    ratio: float | None = None  # the same, of a ratio


def typical(entries: Sequence[Rounds], processes: Variance | None = None) -> Scatter:
    """What is typical of entries that were timed in the same rounds.

    Args:
        entries: their samples.
        processes: between processes, where more than these entries show it.
    """
    return Scatter(
        processes or between_processes([entries]),
        _one_round([logs(rounds)[0] for rounds in entries]),
        _one_round([logs(*pair)[0] for pair in itertools.combinations(entries, 2)]),
    )


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
    one_round: float | None = None,
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


def _within(values: np.ndarray, one_round: float | None) -> Variance:
    """What the scatter of rounds contributes."""
    own = _blocks(values)
    if one_round is None:
        return own
    freedom = ROUNDS_FREEDOM + own.freedom
    borrowed = one_round / len(values)
    return Variance((ROUNDS_FREEDOM * borrowed + own.freedom * own.value) / freedom, freedom)


def _blocks(values: np.ndarray) -> Variance:
    """The variance of the median, from the medians of consecutive blocks."""
    parts = np.array_split(values, min(BLOCKS, len(values)))
    blocks = [float(np.median(part)) for part in parts]
    # Blocks of one or two rounds scatter like rounds: the variance of a median is then pi/2 times
    # that of the mean.
    few = math.pi / 2 if len(values) < 2 * BLOCKS else 1.0
    return Variance(few * float(np.var(blocks, ddof=1)) / len(blocks), len(blocks) - 1)


def _one_round(series: Sequence[np.ndarray]) -> float | None:
    """The variance of one round, as most series show it; None if all are too short."""
    found = [len(values) * _blocks(values).value for values in series if len(values) >= BLOCKS]
    return float(np.median(found)) if found else None


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
    # Half of all chi-squared variables are below this share of their mean.
    half = special.chdtri(freedom, 0.5) / freedom

    def excess(variance: float) -> float:
        return float(np.median(observed / ((variance + noise) * half + _TINY))) - 1

    most = float(np.max(observed / half)) + _TINY
    return float(optimize.brentq(excess, 0.0, most)) if excess(0.0) > 0 else 0.0


def _medians(values: np.ndarray, processes: np.ndarray) -> list[float]:
    return [float(np.median(values[processes == name])) for name in np.unique(processes)]
