"""The samples of an entry, round by round, and their logarithms."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Sample(NamedTuple):
    """One timed sample of an entry."""

    replicate: int  # which of the entry's processes
    seconds: float  # per fit


#: The samples of one entry by round.
Rounds = Mapping[int, Sample]


def middle(rounds: Rounds) -> float:
    """The median time of one fit, in seconds."""
    return float(np.median([sample.seconds for sample in rounds.values()]))


def logs(rounds: Rounds, baseline: Rounds | None = None) -> tuple[np.ndarray, list[np.ndarray]]:
    """Logarithms by round, of times or, with a baseline, of ratios in the rounds of both.

    Returns:
        The logarithms, and for each side the process of its sample in each round.
    """
    sides = [rounds] if baseline is None else [rounds, baseline]
    order = sorted(rounds if baseline is None else rounds.keys() & baseline.keys())
    found = [np.array([math.log(side[number].seconds) for number in order]) for side in sides]
    processes = [np.array([side[number].replicate for number in order]) for side in sides]
    return found[0] if baseline is None else found[0] - found[1], processes
