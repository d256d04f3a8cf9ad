"""Correct digits on certified data: backends by data sets, and a sentence that says who loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from benchmarks.runfile import Record
from reports import text
from reports.analysis.rows import Row
from reports.figures.digits import digits
from reports.figures.drawing import Picture


@dataclass(frozen=True)
class Cell:
    """The least number of correct digits among the coefficients of a fit."""

    digits: str  # "9.6"; MISSING where there is no fit
    bound: str  # what theory promises; empty where there is no fit
    look: Literal["right", "wrong", "muted"]  # muted: within its bounds, but nothing is left


@dataclass(frozen=True)
class Table:
    """All certified sets of one dtype."""

    dtype: str
    sentence: str
    sets: list[tuple[str, str]]  # the name of the set, and of its workload
    possible: list[str]  # digits of the exact solution of the data as rounded to this dtype
    most: str  # that can be counted
    backends: list[tuple[str, list[Cell]]]  # a cell for each set
    picture: Picture


def tables(rows: Sequence[Row], workloads: Mapping[str, Record]) -> list[Table]:
    """One table for each dtype in which a run has certified sets; most runs have none."""
    return [
        _table(number, dtype, names, same)
        for number, (dtype, names, same) in enumerate(_by_dtype(rows, workloads))
    ]


def sentences(rows: Sequence[Row], workloads: Mapping[str, Record]) -> list[tuple[str, str]]:
    """The dtype and the sentence of each table; for a terminal, so that nothing is drawn."""
    return [
        (dtype, _sentence(names, _by_backend(same)))
        for dtype, names, same in _by_dtype(rows, workloads)
    ]


def _by_dtype(
    rows: Sequence[Row], workloads: Mapping[str, Record]
) -> list[tuple[str, list[str], list[Row]]]:
    """A dtype, its certified sets, and their rows, where any has digits."""
    dtypes: dict[str, list[str]] = {}
    for name, workload in workloads.items():
        if workload.get("certified"):
            dtypes.setdefault(text.line(workload.get("dtype", "")), []).append(name)
    found = [
        (dtype, names, [row for row in rows if row.workload in names])
        for dtype, names in dtypes.items()
    ]
    return [one for one in found if any(row.digits for row in one[2])]


def _by_backend(rows: list[Row]) -> dict[str, dict[str, Row]]:
    """Backend -> workload -> row."""
    labels = text.labels(rows)
    backends: dict[str, dict[str, Row]] = {}
    for row in rows:
        backends.setdefault(labels[row.entry], {})[row.workload] = row
    return backends


def _table(number: int, dtype: str, names: list[str], rows: list[Row]) -> Table:
    backends = _by_backend(rows)
    judged = {
        name: found
        for name, of in backends.items()
        if (found := [row for row in of.values() if row.passed or row.status == "failed"])
    }
    counted = {row.workload: row for row in rows if row.digits}
    most = _digits(next(iter(counted.values())), "most") or 1.0
    return Table(
        dtype=dtype,
        sentence=_sentence(names, backends),
        sets=[(_set(name), name) for name in names],
        possible=[_shown(counted.get(name), "possible") for name in names],
        most=f"{most:.1f}",
        backends=[(name, [_cell(of.get(set_)) for set_ in names]) for name, of in backends.items()],
        picture=digits(f"digits-{number + 1}", most, judged),
    )


def _set(name: str) -> str:
    """What a set is called: `nist-wampler1-float32` is wampler1."""
    return text.line(name).removeprefix("nist-").removesuffix("-float32").removesuffix(".dat")


def _cell(row: Row | None) -> Cell:
    if row is None:
        return Cell(text.MISSING, "", "muted")
    bound = _shown(row, "bound") if row.digits else ""
    useful = (_digits(row) or 0.0) >= 1
    look: Literal["right", "wrong", "muted"] = "right" if useful else "muted"
    return Cell(_shown(row, "least"), bound, "wrong" if row.status == "failed" else look)


def _shown(row: Row | None, key: str) -> str:
    known = _digits(row, key)
    return text.MISSING if known is None else f"{known:.1f}"


def _digits(row: Row | None, key: str = "least") -> float | None:
    return text.number(row.digits.get(key)) if row and row.digits else None


def _sentence(names: list[str], backends: Mapping[str, Mapping[str, Row]]) -> str:
    """Who has most digits, and who loses most against that."""
    sets = text.count(len(names), "certified data set")
    whole: dict[str, list[tuple[float, str]]] = {}
    for backend, of in backends.items():
        found = [(digits, name) for name in names if (digits := _digits(of.get(name))) is not None]
        if len(found) == len(names):
            whole[backend] = found
    if not whole:
        return f"No backend has a fit of all {sets}."
    best = max(whole, key=lambda backend: sum(digits for digits, _ in whole[backend]))
    middle, (least, where) = median(digits for digits, _ in whole[best]), min(whole[best])
    said = f"{best} has most correct digits on {sets}: {middle:.1f} in the median, "
    said += f"at worst {least:.1f} on {_set(where)}."
    if len(names) == 1:
        said = f"{best} has most correct digits on {_set(where)}: {least:.1f}."
    losses = [
        (theirs - own, backend, name, own, theirs)
        for backend, of in backends.items()
        for theirs, name in whole[best]
        if name in of and of[name].status == "failed" and (own := _digits(of[name])) is not None
    ]
    if losses and max(losses)[0] > 1:
        _, backend, name, own, theirs = max(losses)
        failed = sum(row.status == "failed" for row in backends[backend].values())
        said += (
            f" {backend} fails on {failed} of them: it has {own:.1f} on {_set(name)}, "
            f"where {best} has {theirs:.1f}."
        )
    return said
