"""The schedule: interleaved rounds in random order, within a budget.

In each round every entry that is still being measured gives one sample, in fresh random order,
so that whatever the machine does meanwhile it does to all of them.
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: A sample lasts at least about this long; a shorter fit is repeated within it. Shorter samples
#: are blurred by the clock and the wake-up, longer ones by the machine's changing its speed.
SAMPLE_SECONDS = 5e-3


#: A warm-up fit that took longer than this is too dear to throw away: it counts as the sample
#: of the first round.
DEAR_SECONDS = 0.5


@dataclass
class Runner:
    """One entry while it is being measured.

    Attributes:
        sample: runs that many fits and returns the seconds per fit; NaN if the worker was lost.
        fit_seconds: expected time of one fit; at first, that of the first fit.
    """

    entry: str
    sample: Callable[[int], float]
    fit_seconds: float
    spent: float = 0.0  # seconds of measurement so far
    samples: int = 0
    lost: bool = False
    _dear: float | None = None  # a warm-up that still has to be recorded

    @property
    def fits(self) -> int:
        """How many fits make one sample."""
        return max(1, round(SAMPLE_SECONDS / max(self.fit_seconds, 1e-9)))

    @property
    def expected(self) -> float:
        """How long the next sample will take, in seconds."""
        return self.fits * self.fit_seconds

    def warm_up(self) -> None:
        """One fit, which says how long a fit takes once everything is compiled."""
        seconds = self._timed(1)
        self.fit_seconds = seconds
        self._dear = seconds if seconds > DEAR_SECONDS else None

    def take(self) -> tuple[int, float]:
        """The next sample: how many fits, and the seconds per fit."""
        self.samples += 1
        if self._dear is not None:
            seconds, self._dear = self._dear, None
            return 1, seconds
        fits = self.fits
        seconds = self._timed(fits)
        # Follow the machine's speed, but let one outlier change little.
        self.fit_seconds = 0.8 * self.fit_seconds + 0.2 * seconds
        return fits, seconds

    def _timed(self, fits: int) -> float:
        began = time.perf_counter()
        seconds = self.sample(fits)
        self.spent += time.perf_counter() - began
        self.lost = math.isnan(seconds)
        return seconds


def measure(
    runners: Sequence[Runner],
    seconds: float,
    deadline: float,
    rng: random.Random,
    record: Callable[[Runner, int, int, float], None],
    between_rounds: Callable[[int], None] = lambda done: None,
) -> None:
    """Sample in rounds until the time is used up.

    An entry that has used its equal share of `seconds` sits out, so that one slow entry does not
    cost the others their rounds; but each gets a first sample, if half of what is left until
    `deadline` is enough for it.

    Args:
        runners: what to measure; one that is `lost` is left out from then on.
        seconds: measurement time for all of them together.
        deadline: `time.perf_counter()` after which no sample should end.
        record: called with (runner, round, fits, seconds per fit) after every sample.
        between_rounds: called with the number of rounds that are done.
    """
    share = seconds / max(len(runners), 1)
    # The quick ones first: what they leave is known when a slow one's turn comes.
    warm = []
    for runner in sorted(runners, key=lambda runner: runner.fit_seconds):
        if runner.fit_seconds <= (deadline - time.perf_counter()) / 2:
            runner.warm_up()
            warm.append(runner)
    for number in itertools.count():
        active = [runner for runner in warm if _goes_on(runner, share, deadline)]
        if not active:
            return
        for runner in rng.sample(active, len(active)):
            if not _goes_on(runner, share, deadline):
                continue
            fits, taken = runner.take()
            if not runner.lost:
                record(runner, number, fits, taken)
        between_rounds(number + 1)


def _goes_on(runner: Runner, share: float, deadline: float) -> bool:
    if runner.lost:
        return False
    if runner.samples == 0:
        return runner._dear is not None or time.perf_counter() + runner.expected <= deadline
    fair = runner.spent + runner.expected <= share
    return fair and time.perf_counter() + runner.expected <= deadline
