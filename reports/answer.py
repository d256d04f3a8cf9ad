"""The answer to a workload in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.analysis.results import Row
from reports import text


def sentence(rows: Sequence[Row]) -> str:
    """Who is the fastest that is right among one workload's rows; ties are said as ties.

    Where that one is tuned, also who is the fastest of those written as documentation teaches.
    """
    return " ".join(filter(None, [_fastest(rows), _idiomatic(rows)]))


def _fastest(rows: Sequence[Row]) -> str:
    timed = [row for row in rows if row.status == "passed"]
    if not timed:
        return _untimed(rows)
    names = text.labels(rows)
    first, *rest = timed
    name = names[first.entry]
    if not rest:
        return f"{name} is the only one that is right and timed: {_time(first)} a fit."
    tied = [row for row in timed if row.rank == first.rank]
    if len(tied) > 1:
        return _tie(tied, names)
    if text.is_baseline(first):
        word, interval = text.against(rest[0])
        second = f"next is {names[rest[0].entry]}, {word} ({interval})"
        return f"{name} is the fastest that is right, at {_time(first)} a fit; {second}."
    return f"{name} is the fastest that is right: {_lead(first)}."


def _idiomatic(rows: Sequence[Row]) -> str:
    timed = [row for row in rows if row.status == "passed"]
    usual = next((row for row in timed if row.style == "idiomatic"), None)
    if usual is None or usual.rank == timed[0].rank:
        return ""
    name = text.labels(rows)[usual.entry]
    return f"The fastest idiomatic one is {name}, at {_time(usual)} a fit."


def _untimed(rows: Sequence[Row]) -> str:
    right = sum(row.passed for row in rows)
    judged = sum(row.status in ("not timed", "failed") for row in rows)
    if not judged:
        return "Nothing was measured."
    return f"{right} of {text.count(judged, 'fit')} passed; none was timed."


def _tie(tied: Sequence[Row], names: dict[str, str]) -> str:
    shared = text.both([names[row.entry] for row in tied])
    # Ties chain: the first and the third may differ though each cannot be told from the second.
    if len(tied) == 2:
        verdict = "cannot be told apart"
    else:
        verdict = "share the first place: none can be told from the next"
    if any(text.is_baseline(row) for row in tied):
        return f"{shared} {verdict}, at about {_time(tied[0])} a fit."
    # Only the first one's lead: another's number may differ, ties or not.
    return f"{shared} {verdict}; {names[tied[0].entry]} is {_lead(tied[0])}."


def _lead(first: Row) -> str:
    """By how much the first leads the baseline."""
    word, interval = text.against(first)
    if not interval:
        return f"at {_time(first)} a fit"
    baseline = text.line(first.baseline)
    if word == "cannot tell":
        return f"not to be told from {baseline} round by round ({interval})"
    return f"{word} than {baseline} ({interval})"


def _time(row: Row) -> str:
    return text.seconds(row.seconds_median)
