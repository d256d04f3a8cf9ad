"""From samples to a typical time and to a ratio, each with its interval.

Everything is paired: two entries are compared through the rounds in which both were timed, so
that a machine that slows down for a second slows both. Intervals cover two kinds of variation:

- *within* a process, rounds scatter, and neighbouring rounds scatter together. So the rounds are
  cut into `BLOCKS` consecutive blocks, whose medians give the variance.
- *between* processes of the same program there is a difference that lasts as long as they live
  (memory layout, placement of threads): about `PROCESS_SPREAD`. Replicate processes refine this
  figure; with a single process it is assumed.
"""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

CONFIDENCE = 0.95
BLOCKS = 10
#: A typical standard deviation of log time between processes of one program.
PROCESS_SPREAD = 0.006
#: `PROCESS_SPREAD` weighs as much as so many further processes.
PRIOR_FREEDOM = 6
#: With fewer rounds, no interval is computed from their scatter.
FEWEST = 3
#: A time is then known within this factor: no machine was seen to drift more.
DRIFT = 2.0

Comparison = Literal["faster", "slower", "cannot tell"]


class Sample(NamedTuple):
    """One timed sample of an entry."""

    replicate: int  # which of the entry's processes
    seconds: float  # per fit


#: The samples of one entry by round.
Rounds = Mapping[int, Sample]


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


class Variance(NamedTuple):
    """The variance of an estimate, and its degrees of freedom."""

    value: float
    freedom: float


def typical(rounds: Rounds, confidence: float = CONFIDENCE) -> Estimate:
    """The median time of one fit, in seconds.

    Raises:
        ValueError: no samples.
    """
    if not rounds:
        raise ValueError("no samples")
    return _estimate(*_logs(rounds), confidence)


def ratio(
    times: Rounds,
    baseline: Rounds,
    confidence: float = CONFIDENCE,
    further: Sequence[Variance] = (),
) -> Estimate | None:
    """The median of `times` / `baseline` over the rounds that have both; None if none has.

    `further` are variances of the log ratio that the rounds do not show.
    """
    both = sorted(times.keys() & baseline.keys())
    if not both:
        return None
    logs = np.array([math.log(times[r].seconds / baseline[r].seconds) for r in both])
    sides = [np.array([side[r].replicate for r in both]) for side in (times, baseline)]
    return _estimate(logs, sides, confidence, further)


def simultaneous(n_entries: int, confidence: float = CONFIDENCE) -> float:
    """The confidence of each pair with which all pairs of `n_entries` hold together.

    Bonferroni's correction: the pairs share the risk equally. It is valid for dependent pairs.
    """
    return 1 - (1 - confidence) / max(math.comb(n_entries, 2), 1)


def places(times: Mapping[str, Rounds], confidence: float) -> dict[str, str]:
    """By entry, one more than the number of certainly faster others; "2=" if shared.

    If the intervals of all pairs hold together, no entry's true place is better: this is the
    lower end of an interval for the place (Al Mohamad et al. 2022, *Simultaneous confidence
    intervals for ranks*, Biometrics 78). `confidence` is that of each pair; see `simultaneous`.
    """
    found = dict.fromkeys(times, 1)
    for one, other in itertools.combinations(times, 2):
        pair = ratio(times[one], times[other], confidence)
        verdict = pair.against_one() if pair else "cannot tell"
        found[one] += verdict == "slower"
        found[other] += verdict == "faster"
    shared = Counter(found.values())
    return {e: f"{place}=" if shared[place] > 1 else f"{place}" for e, place in found.items()}


def log_typical(rounds: Rounds) -> tuple[float, Variance]:
    """The log of the median time in seconds, and its variance.

    Raises:
        ValueError: fewer than `FEWEST` samples.
    """
    if len(rounds) < FEWEST:
        raise ValueError("too few samples")
    logs, sides = _logs(rounds)
    return float(np.median(logs)), _variance(logs, sides)


def _logs(rounds: Rounds) -> tuple[np.ndarray, list[np.ndarray]]:
    """The log times of an entry, and its side, as `_estimate` takes them."""
    order = sorted(rounds)
    logs = np.array([math.log(rounds[r].seconds) for r in order])
    return logs, [np.array([rounds[r].replicate for r in order])]


def _estimate(
    logs: np.ndarray,
    sides: Sequence[np.ndarray],
    confidence: float,
    further: Sequence[Variance] = (),
) -> Estimate:
    """Median and interval of log times (one side) or log ratios (two) by round.

    `sides` are, for each side, the process of its sample in each round.
    """
    centre = float(np.median(logs))
    if len(logs) < FEWEST:
        return assumed(centre)
    return interval(centre, add([_variance(logs, sides), *further]), confidence)


def _variance(logs: np.ndarray, sides: Sequence[np.ndarray]) -> Variance:
    """The variance of the median; arguments as in `_estimate`."""
    blocks = [float(np.median(block)) for block in np.array_split(logs, min(BLOCKS, len(logs)))]
    # Blocks of one or two rounds scatter like rounds: the variance of a median is then pi/2 times
    # that of the mean.
    few = math.pi / 2 if len(logs) < 2 * BLOCKS else 1.0
    within = Variance(few * float(np.var(blocks, ddof=1)) / len(blocks), len(blocks) - 1)
    return add([within, *(_between(logs, side, within.value) for side in sides)])


def _between(logs: np.ndarray, processes: np.ndarray, within: float) -> Variance:
    """What the choice of processes on one side contributes.

    The variance between the processes' medians, less that from the scatter of rounds. Few
    processes say too little, so it is averaged with `PROCESS_SPREAD`, which counts as
    `PRIOR_FREEDOM` processes (Smyth 2004, *Linear models and empirical Bayes methods*, section 3).
    """
    names = np.unique(processes)
    medians = [float(np.median(logs[processes == name])) for name in names]
    own = len(names) - 1
    # `within` is that of a median of all rounds; each process has only a share.
    observed = float(np.var(medians, ddof=1)) if own else 0.0
    found = max(0.0, observed - len(names) * within)
    freedom = PRIOR_FREEDOM + own
    moderated = (PRIOR_FREEDOM * PROCESS_SPREAD**2 + own * found) / freedom
    return Variance(moderated / len(names), freedom)


def add(variances: Sequence[Variance]) -> Variance:
    """The variance of a sum of independent estimates (Satterthwaite)."""
    total = sum(variance.value for variance in variances)
    weight = sum(variance.value**2 / variance.freedom for variance in variances)
    return Variance(total, total**2 / weight)


def interval(centre: float, variance: Variance, confidence: float) -> Estimate:
    """A quantity from the centre and the variance of its logarithm."""
    quantile = float(special.stdtrit(variance.freedom, (1 + confidence) / 2))
    return _around(centre, quantile * math.sqrt(variance.value))


def assumed(centre: float) -> Estimate:
    """A quantity with the logarithm `centre`, taken to be known within `DRIFT`."""
    return _around(centre, math.log(DRIFT))


def _around(centre: float, reach: float) -> Estimate:
    return Estimate(math.exp(centre), math.exp(centre - reach), math.exp(centre + reach))


def middle(rounds: Rounds) -> float:
    """The median time of one fit, in seconds, without an interval."""
    return float(np.median([sample.seconds for sample in rounds.values()]))
