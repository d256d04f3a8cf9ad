"""The answer to a workload in a sentence: what it says of the fastest is certain, or shared."""

from collections.abc import Mapping, Sequence

from reports import text
from reports.analysis.rows import Row, leaders

#: Of the entries that share a place, at most so many are named.
_MOST_TIED = 3
#: An entry too uncertain to rank is not a winner: its median must be within this factor.
_NEAR = 1.1


def sentence(rows: Sequence[Row]) -> str:
    """Who is the fastest that is right among one workload's rows; ties are said as ties.

    Where that one is tuned, also who is the fastest of those written as documentation teaches.
    """
    timed = [row for row in rows if row.status == "passed"]
    if not timed:
        return _untimed(rows)
    names = text.labels(rows)
    said = [_fastest(timed, names), _idiomatic(timed, names)]
    for row in timed:
        if slow := text.two_speeds(row):
            said.append(f"{names[row.entry.id]} comes in {slow}.")
    # Of these nobody knows: they may be faster.
    if untimed := sum(row.status == "not timed" for row in rows):
        were = "is right, but was" if untimed == 1 else "are right, but were"
        said.append(f"{text.count(untimed, 'other')} {were} not timed.")
    return " ".join(filter(None, said))


def winners(rows: Sequence[Row]) -> list[Row]:
    """Those in the first place that typically take about as long as the fastest."""
    first = [(row, row.time.value) for row in leaders(rows) if row.time and row.place]
    least = min((seconds for _, seconds in first), default=0.0)
    return [row for row, seconds in first if seconds <= _NEAR * least]


def _fastest(timed: Sequence[Row], names: Mapping[str, str]) -> str:
    first, *tied = leaders(timed)
    name = names[first.entry.id]
    if len(timed) == 1:
        return f"{name} is the only one that is right and timed: {text.seconds(first.time)} a fit."
    if tied:
        shared = some([names[row.entry.id] for row in tied])
        shared = f"shares the first place with {shared}, not to be told apart"
        return f"{name} {shared}: {_lead(first)}."
    if first.is_baseline:
        at = f"at {text.seconds(first.time)} a fit"
        next_ = _next([row for row in timed if row is not first], names)
        return f"{name} is the fastest that is right, {at}; {next_}."
    return f"{name} is the fastest that is right: {_lead(first)}."


def _next(rest: Sequence[Row], names: Mapping[str, str]) -> str:
    """Who follows a baseline that is the fastest, and by how much."""
    second, *tied = leaders(rest)
    name, (word, interval) = names[second.entry.id], text.against(second)
    if not tied:
        return f"next is {name}, {word} ({interval})"
    both = some([names[row.entry.id] for row in (second, *tied)])
    return f"next are {both}, not to be told apart: {name} is {word} ({interval})"


def _idiomatic(timed: Sequence[Row], names: Mapping[str, str]) -> str:
    usual = [row for row in timed if row.entry.style == "idiomatic"]
    if not usual or any(row in usual for row in leaders(timed)):
        return ""
    first, *tied = leaders(usual)
    name, at = names[first.entry.id], f"at {text.seconds(first.time)} a fit"
    if not tied:
        return f"The fastest idiomatic one is {name}, {at}."
    shared = some([names[row.entry.id] for row in tied])
    return f"Of the idiomatic ones {name} shares the first place with {shared}, {at}."


def _untimed(rows: Sequence[Row]) -> str:
    right = sum(row.passed for row in rows)
    fitted = sum(row.status in ("not timed", "failed", "not judged") for row in rows)
    if not fitted:
        return "Nothing was measured."
    left = sum(row.status == "not judged" for row in rows)
    open_ = f", and {left} could not be judged" if left else ""
    return f"{right} of {text.count(fitted, 'fit')} passed{open_}; none was timed."


def some(names: Sequence[str]) -> str:
    """The first names of many; never `1 more`, which would be as long as its name."""
    more = len(names) - _MOST_TIED
    return text.both([*names[:_MOST_TIED], f"{more} more"] if more > 1 else names)


def _lead(first: Row) -> str:
    """By how much the first leads the baseline."""
    word, interval = text.against(first)
    if not interval:
        return f"about {text.seconds(first.time)} a fit"
    if word == "cannot tell":
        return f"not to be told from {first.baseline} ({interval})"
    return f"{word} than {first.baseline} ({interval})"
