"""What is still open, in the order in which it matters to a reader.

A question is answered by pairs of entries that have to be told apart. A pair is settled when it is
certain which of the two is faster, or when their ratio is known to a precision. Time goes to the
entries of open pairs alone, question by question: to find the best of several is much cheaper than
to compare all of them equally well (Glynn & Juneja 2004; Russo 2020, *Simple Bayesian algorithms
for best-arm identification*).
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks import estimates, samples, scatter
from benchmarks.engine.contender import Contender
from benchmarks.scatter import Variance

#: Pairs are settled at this confidence, all of a question together. It is stricter than what is
#: reported: to stop when an interval happens to be narrow makes intervals too narrow.
STOP_CONFIDENCE = 0.999
#: Ratios to the baseline, and of neighbours, have to be known to so many times the precision of a
#: close race.
_OF_BASELINE, _OF_NEIGHBOURS = 10.0, 3.0
#: A reader wants to know who is faster if times differ by this factor, whatever their places.
APART = 1.1
#: Whoever may be within this factor of the first is in the race for its place.
NEAR = 1.15

#: As if all processes of a program were alike.
_NONE = Variance(1e-12, 1e6)

Pair = tuple[Contender, Contender]
Question = Callable[[Sequence[Contender], float], list[Pair]]


def variants(contenders: Sequence[Contender], precision: float) -> list[Pair]:
    """Is a variant slower than its original?"""
    return _open(_with(contenders, "original"), contenders, precision)


def first(contenders: Sequence[Contender], precision: float) -> list[Pair]:
    """Who is the fastest, and who is the fastest idiomatic one?"""
    pairs = itertools.chain.from_iterable(map(_to_first, _groups(contenders)))
    return _open(list(dict.fromkeys(pairs)), contenders, precision)


def baseline(contenders: Sequence[Contender], precision: float) -> list[Pair]:
    """How far is each from the baseline?"""
    pairs = _with(contenders, "baseline")
    return _open(pairs, contenders, _OF_BASELINE * precision, told=False)


def apart(contenders: Sequence[Contender], precision: float) -> list[Pair]:
    """Is each faster than the next one that seems clearly slower?

    Those that are slower still are then told from it as well.
    """
    order = ranked(contenders)
    pairs = []
    for place, one in enumerate(order):
        slower = samples.middle(one.rounds) * APART
        after = (other for other in order[place:] if samples.middle(other.rounds) >= slower)
        pairs += [(one, other) for other in itertools.islice(after, 1)]
    return _open(pairs, contenders, _OF_NEIGHBOURS * precision)


def neighbours(contenders: Sequence[Contender], precision: float) -> list[Pair]:
    """Which of two neighbours in the ranking is faster? An entry alone is its own neighbour."""
    order = ranked(contenders)
    pairs = list(itertools.pairwise(order)) if len(order) > 1 else [(one, one) for one in order]
    return _open(pairs, contenders, _OF_NEIGHBOURS * precision)


#: Each with the share that it may use of the time that is left.
IN_ORDER: list[tuple[Question, float]] = [
    (variants, 0.7),
    (first, 0.6),
    (baseline, 0.5),
    (apart, 0.8),
    (neighbours, 0.5),
    (first, 0.5),
]
#: What may use the rest, where no other workload needs it.
AT_LAST: list[tuple[Question, float]] = [(first, 1.0), (neighbours, 1.0)]


def race(contenders: Sequence[Contender]) -> list[Contender]:
    """The first, who may be as fast, and who may be the first idiomatic one.

    The first is among them even if it leads by far: its process may be a lucky one.
    """
    own, _ = _groups(contenders)
    found = dict.fromkeys(ranked(own)[:1])
    known = scatter.typical([c.rounds for c in ranked(contenders)], scatter.PRIOR)
    for group in _groups(contenders):
        near = []
        for leader, one in _to_first(group):
            ratio = estimates.ratio(one.rounds, leader.rounds, estimates.CONFIDENCE, known)
            if ratio and ratio.low <= NEAR:
                near.append(one)
        found |= dict.fromkeys([*ranked(group)[:1], *near] if near else [])
    return list(found)


def _groups(contenders: Sequence[Contender]) -> tuple[list[Contender], list[Contender]]:
    """Those among which one is the fastest; variants only answer questions of their own."""
    own = [contender for contender in contenders if not contender.original]
    return own, [contender for contender in own if contender.idiomatic]


def _to_first(contenders: Sequence[Contender]) -> list[Pair]:
    """The fastest with each of the others."""
    order = ranked(contenders)
    return [(order[0], one) for one in order[1:]]


def ranked(contenders: Sequence[Contender]) -> list[Contender]:
    """Those that are timed, the fastest first."""
    timed = [contender for contender in contenders if contender.rounds and not contender.lost]
    return sorted(timed, key=lambda contender: samples.middle(contender.rounds))


def _with(contenders: Sequence[Contender], what: str) -> list[Pair]:
    """Each with its `original` or its `baseline`, where both are timed."""
    timed = {contender.entry: contender for contender in ranked(contenders)}
    pairs = [(one, timed.get(getattr(one, what))) for one in timed.values()]
    return [(one, other) for one, other in pairs if other and other is not one]


def _open(
    pairs: Sequence[Pair], contenders: Sequence[Contender], precision: float, told: bool = True
) -> list[Pair]:
    """The pairs that are not settled.

    Args:
        pairs: of a question.
        contenders: all of the workload.
        precision: with which a ratio is to be known.
        told: whether it is enough to know which of the two is faster.
    """
    known = scatter.typical([c.rounds for c in ranked(contenders)], scatter.PRIOR)
    # What processes differ by, further rounds do not tell.
    by_rounds = replace(known, processes=_NONE)
    confidence = 1 - (1 - STOP_CONFIDENCE) / max(len(pairs), 1)

    def is_settled(one: Contender, other: Contender) -> bool:
        if one is other:
            return estimates.typical(one.rounds, confidence, by_rounds).precision <= precision
        sides = one.rounds, other.rounds, confidence
        if not (ratio := estimates.ratio(*sides, by_rounds)):
            return False
        if ratio.precision <= precision:
            return True
        ratio = estimates.ratio(*sides, known)
        return told and ratio is not None and ratio.against_one() != "cannot tell"

    return [pair for pair in pairs if not is_settled(*pair)]
