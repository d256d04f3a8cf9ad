"""Who is faster for certain among a workload's entries, and which places that leaves to each."""

import itertools
import math
from collections.abc import Mapping

from benchmarks import estimates
from benchmarks.estimates import Estimate
from benchmarks.samples import Rounds
from benchmarks.scatter import Scatter

#: By entry, the time of its fit over that of each other, as far as rounds have both.
Ratios = dict[str, dict[str, Estimate]]


def ratios(
    times: Mapping[str, Rounds], confidence: float, known: Scatter = estimates.UNKNOWN
) -> Ratios:
    """All pairs, both ways.

    `confidence` is that of each, see `estimates.simultaneous`; `known` is what is typical of the
    workload.
    """
    found: Ratios = {entry: {} for entry in times}
    for one, other in itertools.combinations(times, 2):
        if pair := estimates.ratio(times[one], times[other], confidence, known):
            found[one][other] = pair
            found[other][one] = inverse(pair)
    return found


def inverse(ratio: Estimate) -> Estimate:
    """The ratio the other way round; one without a lower end has then no upper one."""
    high = 1 / ratio.low if ratio.low else math.inf
    return Estimate(1 / ratio.value, 1 / ratio.high, high)


def faster(found: Ratios) -> dict[str, frozenset[str]]:
    """By entry, the others that are faster for certain.

    If the intervals of all pairs hold together, then so does what follows from them: who is faster
    than one that is faster is faster. What contradicts itself decides nothing.
    """
    before = {
        entry: {other for other, pair in pairs.items() if pair.low > 1}
        for entry, pairs in found.items()
    }
    for middle, entry in itertools.product(before, before):
        if middle in before[entry]:
            before[entry] |= before[middle]
    return {
        entry: frozenset(other for other in others if entry not in before[other])
        for entry, others in before.items()
    }


def places(before: Mapping[str, frozenset[str]]) -> dict[str, tuple[int, int]]:
    """By entry, the best and the worst place that it may have, from those faster for certain.

    If the intervals of all pairs hold together, no entry's true place is outside (Al Mohamad et al.
    2022, *Simultaneous confidence intervals for ranks*, Biometrics 78).
    """
    behind = dict.fromkeys(before, 0)
    for others in before.values():
        for other in others:
            behind[other] += 1
    n = len(before)
    return {entry: (1 + len(others), n - behind[entry]) for entry, others in before.items()}
