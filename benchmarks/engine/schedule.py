"""The schedule: interleaved rounds in random order, until the answer is known or time is up.

In each round every entry that is still measured gives one sample, in fresh random order, so that
what the machine does meanwhile, it does to all of them.
"""

import itertools
import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks import estimates
from benchmarks.estimates import Sample

#: A sample lasts at least about this long; a shorter fit is repeated within it. Shorter samples
#: are blurred by the clock and the wake-up, longer ones by the machine's changing its speed.
SAMPLE_SECONDS = 5e-3
#: Where an untimed fit comes first (`backends.worker.handler`), so many follow it, or as many as
#: take about so many seconds: it then costs a fifth of the time, and not half.
_AFTER_UNTIMED, _LONGEST = 4, 0.2
#: A warm-up fit that took longer than this is too expensive to discard: it is the sample of the
#: first round.
EXPENSIVE_SECONDS = 0.5
#: Rounds after which it is first decided who goes on; then after half as many again.
FIRST_LOOK = 30
#: Entries leave the rounds only when settled at this confidence. It is stricter than what is
#: reported: to stop when an interval happens to be narrow makes intervals too narrow.
STOP_CONFIDENCE = 0.999


@dataclass(eq=False)
class Turn:
    """Whose turn it is. Whoever is given it fills in `seconds` and `spent`."""

    entry: str  # id
    replicate: int  # which of its processes
    fits: int  # in a row
    round: int | None  # None: a warm-up, which is not recorded
    #: Per fit. None: the worker was lost. Filled in already: a warm-up too expensive to discard,
    #: which has only to be recorded.
    seconds: float | None = None
    spent: float = 0.0  # seconds that the turn took, messages included
    expected: float = 0.0  # seconds that its fits should take


@dataclass(eq=False)
class Contender:
    """One entry while it is being measured."""

    entry: str  # id
    fit_seconds: float  # expected time of one fit; at first, that of the first fit
    replicates: Sequence[int] = (0,)  # the processes that take turns
    rival: str | None = None  # to be told from, besides its neighbours in the ranking
    rounds: dict[int, Sample] = field(default_factory=dict)  # the samples so far
    spent: float = 0.0  # seconds of measurement so far
    allowance: float = 0.0  # seconds that it may have spent by the next look
    lost: bool = False
    warm_up: Sample | None = None  # one that still has to be recorded as a sample
    waiting: list[int] = field(default_factory=list)  # replicates that are next
    threads: int = 1

    @property
    def fits(self) -> int:
        """How many fits make one sample."""
        return fits_of_a_sample(self.fit_seconds, self.threads)


def fits_of_a_sample(fit_seconds: float, threads: int) -> int:
    """How many fits that take so long each, on so many threads, make one sample."""
    fit_seconds = max(fit_seconds, 1e-9)
    fits = max(1, round(SAMPLE_SECONDS / fit_seconds))
    if fits == threads == 1:
        return 1
    return max(fits, min(_AFTER_UNTIMED, round(_LONGEST / fit_seconds)))


class Schedule:
    """Shares out the time of one workload.

    The time goes in equal parts to the entries that are not settled, so that one slow entry does
    not cost the others their rounds; but each gets a first sample, if half of what is left until
    the deadline is enough for it.

    Where half is less than the first fit took, the first fit may have been long because it
    compiled. The second fit, which tells, is made on top of the time, and is the only sample if it
    was as long.
    """

    def __init__(
        self,
        contenders: Sequence[Contender],
        seconds: float,
        deadline: float,
        rng: random.Random,
        *,
        precision: float | None = 0.01,
        trials: float = 0.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Nothing is measured yet.

        Args:
            contenders: what to measure; one that is `lost` is left out from then on.
            seconds: for all of them together.
            deadline: time of the clock after which no sample should end.
            rng: for the order of each round.
            precision: a ratio that is known this well is settled; None: nothing ever is.
            trials: seconds that second fits on top may take, as long as the first ones took.
            clock: seconds, from an arbitrary start.
        """
        self.contenders, self.seconds, self.deadline = contenders, seconds, deadline
        self.rng, self.precision, self.trials, self.clock = rng, precision, trials, clock
        self.on_top = 0.0  # seconds that second fits took on top of the time
        self.lost = 0.0  # seconds in which a worker was lost: the others do not pay for them

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return max(0.0, self.deadline - self.clock())

    def turns(self) -> Iterator[Turn]:
        """Turn after turn, until all is settled or the time is used up."""
        began = self.clock()
        warm: list[Contender] = []
        # The quick ones first: then it is known what they leave to slow ones.
        for contender in sorted(self.contenders, key=lambda c: c.fit_seconds):
            if (yield from self._warm_up(contender)):
                warm.append(contender)
        began += self.on_top + self.lost
        # Expensive warm-ups may have taken the others' time: they get it anyway.
        others = sum(not contender.warm_up for contender in warm) / max(len(warm), 1)
        until = max(began + self.seconds, self.clock() + self.seconds * others)
        until = min(until, self.deadline) - self.lost  # what is lost from now on is added again
        first = 1 + max((max(c.rounds, default=-1) for c in warm), default=-1)
        look = first + FIRST_LOOK
        active = self._share_out(warm, until)
        for number in itertools.count(first):
            ready = list(filter(self._may_go_on, active))
            if number >= look or not ready:
                look = number + max(FIRST_LOOK, (number - first) // 2)
                open_ = warm if self.precision is None else unsettled(warm, self.precision)
                active = self._share_out(open_, until)
                ready = list(filter(self._may_go_on, active))
                if not ready:
                    return
            for contender in self.rng.sample(ready, len(ready)):
                if self._may_go_on(contender):
                    yield from self._sample(contender, number)

    def _warm_up(self, contender: Contender) -> Generator[Turn, None, bool]:
        """One fit in each process, which says how long it takes when compiled.

        Returns whether there is time to measure it.
        """
        affordable = self._is_affordable(contender)
        # One with rounds already comes from a run that is being resumed.
        if not affordable and not contender.rounds:
            if contender.fit_seconds > self.trials - self.on_top:
                return False
            yield from self._warm_up_in(contender, contender.replicates[:1])
            if not contender.lost:
                self.on_top += contender.spent
                self.deadline += contender.spent
            affordable = self._is_affordable(contender)
            if not affordable and not contender.lost:
                contender.warm_up = Sample(contender.replicates[0], contender.fit_seconds)
        if affordable and not contender.warm_up:
            yield from self._warm_up_in(contender, contender.replicates)
        return bool(affordable or contender.warm_up or contender.rounds)

    def _warm_up_in(self, contender: Contender, replicates: Sequence[int]) -> Iterator[Turn]:
        for replicate in replicates:
            turn = Turn(contender.entry, replicate, 1, None, expected=contender.fit_seconds)
            yield from self._take(contender, turn)
            if turn.seconds is None:
                return
            contender.fit_seconds = turn.seconds
            if turn.seconds > EXPENSIVE_SECONDS:
                contender.warm_up = Sample(replicate, turn.seconds)
                return

    def _is_affordable(self, contender: Contender) -> bool:
        """Whether its warm-up takes no more than half of the time that is left."""
        # Warming up ends at the first fit that is expensive.
        more = (len(contender.replicates) - 1) * min(contender.fit_seconds, EXPENSIVE_SECONDS)
        return contender.fit_seconds + more <= self.left / 2

    def _may_go_on(self, contender: Contender) -> bool:
        """Whether another sample fits into its allowance, and before the deadline."""
        if contender.lost:
            return False
        if contender.warm_up:
            return True
        expected = contender.fits * contender.fit_seconds
        fair = not contender.rounds or contender.spent + expected <= contender.allowance
        return fair and self.clock() + expected <= self.deadline

    def _sample(self, contender: Contender, number: int) -> Iterator[Turn]:
        if contender.warm_up:
            replicate, seconds = contender.warm_up
            contender.warm_up = None
            yield Turn(contender.entry, replicate, 1, number, seconds)
            contender.rounds[number] = Sample(replicate, seconds)
            return
        if not contender.waiting:
            replicates = contender.replicates
            contender.waiting = self.rng.sample(replicates, len(replicates))
        expected = contender.fits * contender.fit_seconds
        turn = Turn(
            contender.entry, contender.waiting.pop(), contender.fits, number, expected=expected
        )
        yield from self._take(contender, turn)
        if turn.seconds is not None:
            # Follow the machine's speed, but let one outlier change little.
            contender.fit_seconds = 0.8 * contender.fit_seconds + 0.2 * turn.seconds
            contender.rounds[number] = Sample(turn.replicate, turn.seconds)

    def _take(self, contender: Contender, turn: Turn) -> Iterator[Turn]:
        yield turn
        contender.spent += turn.spent
        contender.lost = turn.seconds is None
        if contender.lost:
            self.lost += turn.spent
            self.deadline += turn.spent

    def _share_out(self, contenders: Sequence[Contender], until: float) -> list[Contender]:
        """Let all spend up to one level, as high as the time left allows.

        What was lost comes after `until`.
        """
        active = [contender for contender in contenders if not contender.lost]
        left = max(0.0, until + self.lost - self.clock())
        # Those that have spent more than the level already get nothing.
        totals = itertools.accumulate(sorted(contender.spent for contender in active))
        level = min(((left + total) / n for n, total in enumerate(totals, start=1)), default=0.0)
        for contender in active:
            contender.allowance = level
        return active


def unsettled(contenders: Sequence[Contender], precision: float) -> list[Contender]:
    """Those with a neighbour in the ranking that they have not been told from yet.

    A pair is settled when the sign of its difference is certain, or its ratio is known to
    `precision`, both at `STOP_CONFIDENCE` for all these pairs together.
    """
    timed = [contender for contender in contenders if contender.rounds and not contender.lost]
    found = {contender for contender in contenders if not contender.rounds}
    if len(timed) == 1:
        typical = estimates.typical(timed[0].rounds, STOP_CONFIDENCE)
        found |= {timed[0]} if typical.precision > precision else set()
    timed.sort(key=lambda contender: estimates.middle(contender.rounds))
    by_entry = {contender.entry: contender for contender in timed}
    pairs = list(itertools.pairwise(timed))
    pairs += [(c, by_entry[c.rival]) for c in timed if c.rival in by_entry]
    confidence = 1 - (1 - STOP_CONFIDENCE) / max(len(pairs), 1)
    for one, other in pairs:
        ratio = estimates.ratio(one.rounds, other.rounds, confidence)
        if ratio is None or (ratio.against_one() == "cannot tell" and ratio.precision > precision):
            found |= {one, other}
    return [contender for contender in contenders if contender in found]
