"""The schedule: interleaved rounds in random order, until the answer is known or time is up.

In each round every entry that is still being measured gives one sample, in fresh random order,
so that whatever the machine does meanwhile it does to all of them.
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks import estimates
from benchmarks.estimates import Sample

#: A sample lasts at least about this long; a shorter fit is repeated within it. Shorter samples
#: are blurred by the clock and the wake-up, longer ones by the machine's changing its speed.
SAMPLE_SECONDS = 5e-3
#: A warm-up fit that took longer than this is too dear to throw away: it counts as the sample
#: of the first round.
DEAR_SECONDS = 0.5
#: Whether to go on is decided after so many rounds, then after half as many again, and so on.
FIRST_LOOK = 30
#: Entries leave the rounds only when they are settled at this confidence: stricter than what is
#: reported, since stopping when an interval happens to be narrow makes intervals too narrow.
STOP_CONFIDENCE = 0.999


class Record(Protocol):
    """What is called with every sample."""

    def __call__(self, runner: Runner, round_: int, fits: int, sample: Sample) -> None: ...


@dataclass(eq=False)
class Runner:
    """One entry while it is being measured.

    Attributes:
        entry: its id.
        sample: (replicate, fits) -> seconds per fit; NaN if the worker was lost.
        fit_seconds: expected time of one fit; at first, that of the first fit.
        replicates: the processes that take turns.
        rival: an entry that it is to be told from, besides its neighbours in the ranking.
        rounds: the samples so far.
    """

    entry: str
    sample: Callable[[int, int], float]
    fit_seconds: float
    replicates: Sequence[int] = (0,)
    rival: str | None = None
    rounds: dict[int, Sample] = field(default_factory=dict)
    spent: float = 0.0  # seconds of measurement so far
    allowance: float = 0.0  # seconds that it may have spent by the next look
    lost: bool = False
    _dear: Sample | None = None  # a warm-up that still has to be recorded
    _turns: list[int] = field(default_factory=list)

    @property
    def fits(self) -> int:
        """How many fits make one sample."""
        return max(1, round(SAMPLE_SECONDS / max(self.fit_seconds, 1e-9)))

    @property
    def expected(self) -> float:
        """How long the next sample will take, in seconds."""
        return self.fits * self.fit_seconds

    def warm_up(self, processes: int | None = None) -> None:
        """One fit in each process, which says how long it takes once everything is compiled.

        Args:
            processes: in the first so many only; by default in all.
        """
        for replicate in self.replicates[:processes]:
            seconds = self._timed(replicate, 1)
            if self.lost:
                return
            self.fit_seconds = seconds
            if seconds > DEAR_SECONDS:
                self._dear = Sample(replicate, seconds)
                return

    def record_warm_up(self) -> None:
        """Let a warm-up in the first process count as a sample, dear or not: there is no time."""
        if not self.lost:
            self._dear = Sample(self.replicates[0], self.fit_seconds)

    def affordable(self, left: float) -> bool:
        """Whether its warm-up takes no more than half of the `left` seconds."""
        # A warm-up ends at the first fit that is dear.
        more = (len(self.replicates) - 1) * min(self.fit_seconds, DEAR_SECONDS)
        return self.fit_seconds + more <= left / 2

    @property
    def warm_up_was_dear(self) -> bool:
        """Whether the warm-up counts as a sample that is still to be recorded."""
        return self._dear is not None

    def take(self, rng: random.Random) -> tuple[int, Sample]:
        """The next sample, and how many fits it holds; the processes take turns."""
        if self._dear is not None:
            dear, self._dear = self._dear, None
            return 1, dear
        if not self._turns:
            self._turns = rng.sample(self.replicates, len(self.replicates))
        replicate, fits = self._turns.pop(), self.fits
        seconds = self._timed(replicate, fits)
        # Follow the machine's speed, but let one outlier change little.
        self.fit_seconds = 0.8 * self.fit_seconds + 0.2 * seconds
        return fits, Sample(replicate, seconds)

    def may_go_on(self, deadline: float) -> bool:
        """Whether another sample fits into its allowance, and before `deadline`."""
        if self.lost:
            return False
        if self._dear is not None:
            return True
        fair = not self.rounds or self.spent + self.expected <= self.allowance
        return fair and time.perf_counter() + self.expected <= deadline

    def _timed(self, replicate: int, fits: int) -> float:
        began = time.perf_counter()
        seconds = self.sample(replicate, fits)
        self.spent += time.perf_counter() - began
        self.lost = math.isnan(seconds)
        return seconds


def measure(
    runners: Sequence[Runner],
    seconds: float,
    deadline: float,
    rng: random.Random,
    record: Record,
    *,
    precision: float | None = 0.01,
    trials: float = 0.0,
    between_rounds: Callable[[int, float], None] = lambda done, left: None,
) -> float:
    """Sample in rounds until all is settled or the time is used up.

    The time is shared out equally among the entries that are not settled, so that one slow entry
    does not cost the others their rounds; but each gets a first sample, if half of what is left
    until `deadline` is enough for it.

    Where half is less than the first fit took, that may have been long because it compiled: the
    second fit, which tells, is made on top of the time, and is the only sample if it was as long.

    Args:
        runners: what to measure; one that is `lost` is left out from then on.
        seconds: measurement time for all of them together.
        deadline: `time.perf_counter()` after which no sample should end.
        rng: for the order of each round.
        record: called with every sample.
        precision: a ratio that is known this well counts as settled; None: nothing ever does.
        trials: seconds that such second fits may take, as long as the first ones took.
        between_rounds: called with the number of rounds that are done, and the seconds left.

    Returns the seconds that second fits took on top.
    """
    began = time.perf_counter()
    warm, on_top = _warm_up(runners, deadline, trials)
    began, deadline = began + on_top, deadline + on_top
    # A dear warm-up may have taken the others' part of the time, too: they get it nevertheless.
    others = sum(not runner.warm_up_was_dear for runner in warm) / max(len(warm), 1)
    until = min(max(began + seconds, time.perf_counter() + seconds * others), deadline)
    first = 1 + max((max(r.rounds, default=-1) for r in warm), default=-1)
    look = first + FIRST_LOOK
    active = _share_out(warm, until)
    for number in itertools.count(first):
        turn = [runner for runner in active if runner.may_go_on(deadline)]
        if number >= look or not turn:
            look = number + max(FIRST_LOOK, (number - first) // 2)
            active = _share_out(warm if precision is None else unsettled(warm, precision), until)
            turn = [runner for runner in active if runner.may_go_on(deadline)]
            if not turn:
                break
        for runner in rng.sample(turn, len(turn)):
            if not runner.may_go_on(deadline):
                continue
            fits, sample = runner.take(rng)
            if not runner.lost:
                runner.rounds[number] = sample
                record(runner, number, fits, sample)
        between_rounds(number - first + 1, deadline - time.perf_counter())
    return on_top


def _warm_up(
    runners: Sequence[Runner], deadline: float, trials: float
) -> tuple[list[Runner], float]:
    """Those that can be measured, warmed up, and the seconds that this took on top of the time."""
    warm, on_top = [], 0.0
    # The quick ones first: what they leave is known when a slow one's turn comes.
    for runner in sorted(runners, key=lambda runner: runner.fit_seconds):
        affordable = runner.affordable(deadline - time.perf_counter())
        # One with rounds already comes from a run that is being resumed.
        if not (affordable or runner.rounds) and runner.fit_seconds <= trials - on_top:
            runner.warm_up(processes=1)
            on_top, deadline = on_top + runner.spent, deadline + runner.spent
            affordable = runner.affordable(deadline - time.perf_counter())
            if not affordable:
                runner.record_warm_up()
        if affordable and not runner.warm_up_was_dear:
            runner.warm_up()
        if affordable or runner.warm_up_was_dear or runner.rounds:
            warm.append(runner)
    return warm, on_top


def _share_out(runners: Sequence[Runner], until: float) -> list[Runner]:
    """Let all spend up to one level, as high as the time that is left allows."""
    active = [runner for runner in runners if not runner.lost]
    left = max(0.0, until - time.perf_counter())
    # Filled like vessels: those that have spent more than the level already get nothing.
    totals = itertools.accumulate(sorted(runner.spent for runner in active))
    level = min(((left + total) / n for n, total in enumerate(totals, start=1)), default=0.0)
    for runner in active:
        runner.allowance = level
    return active


def unsettled(runners: Sequence[Runner], precision: float) -> list[Runner]:
    """Those with a neighbour in the ranking that they have not been told from yet.

    A pair is settled when the sign of its difference is certain, or its ratio is known to
    `precision`, both at `STOP_CONFIDENCE` for all these pairs together.
    """
    timed = [runner for runner in runners if runner.rounds and not runner.lost]
    if len(timed) < 2:
        return [r for r in timed if not _known(r, precision)] + [r for r in runners if not r.rounds]
    timed.sort(key=lambda runner: estimates.middle(runner.rounds))
    by_entry = {runner.entry: runner for runner in timed}
    pairs = list(itertools.pairwise(timed))
    pairs += [(r, by_entry[r.rival]) for r in timed if r.rival in by_entry]
    confidence = 1 - (1 - STOP_CONFIDENCE) / len(pairs)
    found = {runner for runner in runners if not runner.rounds}
    for one, other in pairs:
        ratio = estimates.ratio(one.rounds, other.rounds, confidence)
        settled = ratio and (ratio.against_one() != "cannot tell" or ratio.precision <= precision)
        if not settled:
            found |= {one, other}
    return [runner for runner in runners if runner in found]


def _known(runner: Runner, precision: float) -> bool:
    return estimates.typical(runner.rounds, STOP_CONFIDENCE).precision <= precision
