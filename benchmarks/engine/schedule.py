"""The schedule: interleaved rounds in random order, until the answer is known or time is up.

In each round every entry that is still measured gives one sample, in fresh random order, so that
what the machine does meanwhile, it does to all of them. All take part at first; then the entries
of one question after another do (`benchmarks.engine.questions`).
"""

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.engine import questions
from benchmarks.engine.contender import EXPENSIVE_SECONDS, Contender
from benchmarks.engine.questions import Pair
from benchmarks.samples import Sample

#: Rounds of one question after which it is looked at again; then after half as many again. At
#: first all entries take part in so many, if that takes no more than a share of the time.
FIRST_LOOK, SCOUTING = 5, 0.35
#: Rounds that each of several processes takes part in before anything is settled.
_OF_EACH = 4


@dataclass(eq=False)
class Turn:
    """Whose turn it is. Whoever is given it fills in `seconds` and `spent`."""

    entry: str  # id
    replicate: int  # which of its processes
    fits: int  # in a row
    round: int | None  # None: a warm-up, which is not recorded
    #: Per fit. None: the worker was lost. Filled in already: a second fit too expensive to
    #: discard, which has only to be recorded.
    seconds: float | None = None
    spent: float = 0.0  # seconds that the turn took, messages included
    expected: float = 0.0  # seconds that its fits should take


class Schedule:
    """Shares out the time of one workload.

    The time goes in equal parts to the entries of a question that are not settled, so that one
    slow entry does not cost the others their rounds; but each gets a first sample, if half of what
    is left until the deadline is enough for it, or was measured before (`Contender.second`).
    """

    def __init__(
        self,
        contenders: Sequence[Contender],
        seconds: float,
        deadline: float,
        rng: random.Random,
        *,
        precision: float | None = 0.01,
        others_follow: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Nothing is measured yet.

        Args:
            contenders: what to measure; one that is `lost` is left out from then on.
            seconds: for all of them together.
            deadline: time of the clock after which no sample should end.
            rng: for the order of each round.
            precision: a ratio that is known this well is settled; None: nothing ever is.
            others_follow: whether other workloads can use what this one leaves.
            clock: seconds, from an arbitrary start.
        """
        self.contenders, self.seconds, self.deadline = contenders, seconds, deadline
        self.rng, self.precision, self.clock = rng, precision, clock
        self.others_follow = others_follow
        self.lost = 0.0  # seconds in which a worker was lost: the others do not pay for them
        self._paused = 0.0  # seconds in which something else was done
        self._until = 0.0  # when the time of all rounds ends
        self._next = 1 + max((max(c.rounds, default=-1) for c in contenders), default=-1)

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return max(0.0, self.deadline - self.clock())

    @property
    def beside(self) -> float:
        """Seconds that are not the contenders' time."""
        return self.lost + self._paused

    def pause(self, seconds: float) -> None:
        """Something else has taken so long: it is not the contenders' time."""
        self._paused += seconds
        self.deadline += seconds
        self._until += seconds

    def turns(self) -> Iterator[Turn]:
        """Turn after turn, until all is settled or the time is used up."""
        yield from self.scout()
        yield from self.decide()

    def scout(self) -> Iterator[Turn]:
        """Warm-ups, and rounds of all entries in a share of the time."""
        began = self.clock()
        warm: list[Contender] = []
        # The quick ones first: then it is known what they leave to slow ones.
        for contender in sorted(self.contenders, key=lambda c: c.fit_seconds):
            if (yield from self._warm_up(contender)):
                warm.append(contender)
        began += self.lost
        # Expensive warm-ups may have taken the others' time: they get it anyway.
        others = sum(not contender.second for contender in warm) / max(len(warm), 1)
        until = max(began + self.seconds, self.clock() + self.seconds * others)
        # What is lost from now on is added again.
        self._until = min(until, self.deadline) - self.lost
        every = [(contender, contender) for contender in warm]
        if self.precision is None:
            yield from self._rounds(every, lambda: every, 1.0, {})
        else:
            yield from self._rounds(every, list, SCOUTING, {})

    def decide(self) -> Iterator[Turn]:
        """Rounds for one question after another, until all are settled or the time is used up.

        But where there are further processes, all entries have some rounds with them in any case:
        what looks settled may have been so by chance of the first process.
        """
        joined = [one for one in self.contenders if one.joined and not one.lost]
        for contender in joined:
            yield from self._warm_up_in(contender, contender.joined)
        if self.precision is None:
            return
        before = {contender: contender.spent for contender in self.contenders}
        if joined:
            every = [(one, one) for one in self.contenders if one.rounds]
            look = _OF_EACH * max(len(one.replicates) for one in joined)
            yield from self._rounds(every, list, SCOUTING, before, look)
        last = [] if self.others_follow else questions.AT_LAST
        for question, share in questions.IN_ORDER + last:
            still_open = partial(question, self.contenders, self.precision)
            before = {contender: contender.spent for contender in self.contenders}
            if pairs := still_open():
                yield from self._rounds(pairs, still_open, share, before)

    def _rounds(
        self,
        pairs: Sequence[Pair],
        still_open: Callable[[], Sequence[Pair]],
        share: float,
        before: Mapping[Contender, float],
        look: int = FIRST_LOOK,
    ) -> Iterator[Turn]:
        """Rounds of some pairs, as long as they are open, in a share of the time that is left.

        Each of them may use the same time, besides what it had spent `before`. After `look` rounds
        it is first looked at what is open.
        """
        until = self.clock() + share * max(0.0, self._until + self.lost - self.clock())
        until -= self.lost
        self._share_out(pairs, until, before)
        for number in itertools.count():
            ready = self._ready(pairs)
            if number >= look or not ready:
                look = number + max(FIRST_LOOK, number // 2)
                pairs = still_open()
                self._share_out(pairs, until, before)
                ready = self._ready(pairs)
                if not ready:
                    return
            for contender in self.rng.sample(ready, len(ready)):
                if self._may_go_on(contender):
                    yield from self._sample(contender, self._next)
            self._next += 1

    def _ready(self, pairs: Sequence[Pair]) -> list[Contender]:
        """Whose turn it is: a sample alone does not tell it from anybody."""
        both = (pair for pair in pairs if all(map(self._may_go_on, pair)))
        return list(dict.fromkeys(itertools.chain.from_iterable(both)))

    def _warm_up(self, contender: Contender) -> Generator[Turn, None, bool]:
        """One fit in each process, which says how long it takes when compiled.

        Returns whether there is time to measure it.
        """
        # One with rounds already comes from a run that is being resumed.
        known = contender.second or contender.rounds
        affordable = self._is_affordable(contender)
        if affordable and not contender.second:
            yield from self._warm_up_in(contender, contender.replicates)
        elif not known and contender.fit_seconds <= EXPENSIVE_SECONDS:
            # The others have used up the time: one sample costs little.
            yield from self._warm_up_in(contender, contender.replicates[:1])
            if not contender.lost:
                contender.second = Sample(contender.replicates[0], contender.fit_seconds)
        return bool(affordable or contender.second or contender.rounds)

    def _warm_up_in(self, contender: Contender, replicates: Sequence[int]) -> Iterator[Turn]:
        for replicate in replicates:
            turn = Turn(contender.entry, replicate, 1, None, expected=contender.fit_seconds)
            yield from self._take(contender, turn)
            if turn.seconds is None:
                return
            contender.fit_seconds = turn.seconds
            if turn.seconds > EXPENSIVE_SECONDS:
                contender.second = Sample(replicate, turn.seconds)
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
        if contender.second:
            return True
        expected = contender.fits * contender.fit_seconds
        fair = not contender.rounds or contender.spent + expected <= contender.allowance
        return fair and self.clock() + expected <= self.deadline

    def _sample(self, contender: Contender, number: int) -> Iterator[Turn]:
        if contender.second:
            replicate, seconds = contender.second
            contender.second = None
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

    def _share_out(
        self, pairs: Sequence[Pair], until: float, before: Mapping[Contender, float]
    ) -> None:
        """Let all spend up to one level, as high as the time left allows.

        Who is in several pairs, as the baseline is, may use the time of each. What was lost comes
        after `until`.
        """
        taking_part = Counter(one for pair in pairs for one in {*pair} if not one.lost)
        left = max(0.0, until + self.lost - self.clock())
        # Those that have spent more than the level already get nothing.
        spent = sorted(one.spent - before.get(one, 0.0) for one in taking_part)
        totals = enumerate(itertools.accumulate(spent), start=1)
        level = min(((left + total) / n for n, total in totals), default=0.0)
        for one, n_pairs in taking_part.items():
            one.allowance = before.get(one, 0.0) + max(level, min(n_pairs * level, left))
