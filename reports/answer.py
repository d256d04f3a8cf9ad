"""The answer to a workload in one sentence."""

from collections import Counter
from collections.abc import Mapping, Sequence

from reports import text
from reports.analysis.rows import Row

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
    return " ".join(filter(None, [_fastest(timed, names), _idiomatic(timed, names)]))


def headline(workloads: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """Who is first most often, for each method; of a single workload, its own sentence.

    Args:
        workloads: of each the kind of its method, and its rows.

    Empty where nothing was timed.
    """
    timed = [(kind, rows) for kind, rows in workloads if any(row.place for row in rows)]
    if len(timed) < 2:
        return "".join(f"On this machine {sentence(rows)}" for _, rows in timed)
    parts = []
    for kind in dict.fromkeys(kind for kind, _ in timed):
        same = [rows for of, rows in timed if of == kind]
        first = Counter[str]()
        for rows in same:
            first.update(dict.fromkeys((row.entry.name for row in winners(rows)), 1))
        most = max(first.values())
        names = _some([name for name in first if first[name] == most])
        parts.append(f"{names} for {kind} (in {most} of {len(same)})")
    return f"On this machine, first or sharing the first place most often: {'; '.join(parts)}."


def winners(rows: Sequence[Row]) -> list[Row]:
    """Those in the first place that typically take about as long as the fastest."""
    first = [(row, row.time.value) for row in rows if row.time and row.place in ("1", "1=")]
    least = min((seconds for _, seconds in first), default=0.0)
    return [row for row, seconds in first if seconds <= _NEAR * least]


def _fastest(timed: Sequence[Row], names: Mapping[str, str]) -> str:
    first, *rest = timed
    name = names[first.entry.id]
    if not rest:
        return f"{name} is the only one that is right and timed: {text.seconds(first.time)} a fit."
    tied = [names[row.entry.id] for row in rest if row.place == first.place]
    if tied:
        shared = f"shares the first place with {_some(tied)}, not to be told apart"
        return f"{name} {shared}: {_lead(first)}."
    if first.is_baseline:
        word, interval = text.against(rest[0])
        second = f"next is {names[rest[0].entry.id]}, {word} ({interval})"
        at = f"at {text.seconds(first.time)} a fit"
        return f"{name} is the fastest that is right, {at}; {second}."
    return f"{name} is the fastest that is right: {_lead(first)}."


def _idiomatic(timed: Sequence[Row], names: Mapping[str, str]) -> str:
    usual = next((row for row in timed if row.entry.style == "idiomatic"), None)
    if usual is None or usual.place == timed[0].place:
        return ""
    at = f"at {text.seconds(usual.time)} a fit"
    return f"The fastest idiomatic one is {names[usual.entry.id]}, {at}."


def _untimed(rows: Sequence[Row]) -> str:
    right = sum(row.passed for row in rows)
    fitted = sum(row.status in ("not timed", "failed", "not judged") for row in rows)
    if not fitted:
        return "Nothing was measured."
    left = sum(row.status == "not judged" for row in rows)
    open_ = f", and {left} could not be judged" if left else ""
    return f"{right} of {text.count(fitted, 'fit')} passed{open_}; none was timed."


def _some(names: Sequence[str]) -> str:
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
