"""Columns of numbers, whatever type they have, and the decimal mark of a table.

A comma may group digits or begin a fraction. One of the two holds for a whole table, and columns
tell which, where only one of them makes numbers.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.errors import UserError
from benchmarks.printable import line
from benchmarks.problems.table import pa, pc
from benchmarks.problems.table.cells import AROUND, GROUPS, MISSING, PLAIN, UNGROUPED, parse

#: A column of text with at least this share of numbers has mistakes in it.
MOSTLY = 0.5
#: From here on not every whole number is a float64.
_INEXACT = 2.0**53

_TRUTH = {"true": 1.0, "false": 0.0}
#: A number as programs write it, but for its decimal comma.
_WITH_COMMA = r"^[+-]?(\d+|\d*,\d+)([eE][+-]?\d+)?$"


@dataclass(frozen=True)
class Numbers:
    """A column of numbers."""

    values: np.ndarray  # (n,), float64 or float32; NaN where there is no value
    said: str = ""  # how it was read, if that is not plain


@dataclass(frozen=True)
class Wrong:
    """A column that is not all numbers, and the first cell that is none."""

    share: float  # of numbers among its values
    row: int
    text: str
    reason: str = "is not a number"

    @property
    def cell(self) -> str:
        """What stands where."""
        return f"{line(self.text)[:40]!r} in row {self.row}"


@dataclass(frozen=True)
class TextColumn:
    """A column of text. What is in `missing` is no value."""

    column: "pa.ChunkedArray"
    missing: Collection[str] = MISSING

    @cached_property
    def plain(self) -> np.ndarray | None:
        """The numbers, if all are written as programs write them."""
        found = _as_floats(self.column)
        return _as_floats(self._without_missing()) if found is None else found

    @cached_property
    def with_comma(self) -> np.ndarray | None:
        """The numbers, if all are written as programs write them, but with decimal commas."""
        column = self._without_missing()
        if not pc.all(pc.match_substring_regex(column, _WITH_COMMA)).as_py():
            return None
        return _as_floats(pc.replace_substring(column, ",", "."))

    def _without_missing(self) -> "pa.ChunkedArray":
        column = pc.utf8_trim(self.column, AROUND)
        none = pc.is_in(column, value_set=pa.array(list(self.missing), column.type))
        return pc.if_else(none, pa.scalar(None, column.type), column)

    @cached_property
    def _encoded(self) -> "pa.DictionaryArray":
        column = pc.fill_null(pc.utf8_trim(self.column, AROUND), "")
        return pc.dictionary_encode(column.combine_chunks())

    @cached_property
    def cells(self) -> list[str]:
        """All different texts."""
        return self._encoded.dictionary.to_pylist()

    @cached_property
    def places(self) -> np.ndarray:
        """(n,): for each row the place in `cells`."""
        return np.asarray(self._encoded.indices)

    @cached_property
    def known(self) -> np.ndarray:
        """Of each of the cells: whether it is a value."""
        return np.array([cell not in self.missing for cell in self.cells], bool)

    def count(self, chosen: np.ndarray) -> int:
        """The number of rows with the chosen cells."""
        return int(chosen[self.places].sum())

    def row(self, place: int) -> int:
        """The first row with a cell; those of `cells` come in the order of their first rows."""
        return int(np.argmax(self.places == place)) + 1

    def first(self, chosen: np.ndarray) -> tuple[int, str]:
        """The first row with a chosen cell, and its text."""
        place = int(np.argmax(chosen))
        return self.row(place), self.cells[place]

    def parsed(self, mark: str) -> list[tuple[float, str] | None]:
        """What each of the cells is."""
        pairs = zip(self.cells, self.known, strict=True)
        return [parse(cell, mark) if known else None for cell, known in pairs]

    @property
    def _truth(self) -> list[tuple[float, str] | None]:
        """1 and 0, if all cells are true or false; else nothing."""
        values = [_TRUTH.get(cell.lower()) for cell in self.cells]
        if any(known and value is None for known, value in zip(self.known, values, strict=True)):
            return []
        return [None if value is None else (value, "") for value in values]

    def has_point(self) -> bool:
        """Whether any cell has a decimal point."""
        return bool(pc.any(pc.match_substring(self.column, ".")).as_py())

    def read(self, mark: str) -> Numbers | Wrong:
        """The numbers of the column, or why it has none."""
        if self.plain is not None and (mark == "." or not self.has_point()):
            return Numbers(self.plain, _rounded(self.column, self.plain, "."))
        if mark == "," and self.with_comma is not None:
            return self._numbers(self.with_comma, mark)
        found = self._truth or self.parsed(mark)
        wrong = np.array([f is None for f in found], bool) & self.known
        n_known, n_wrong = self.count(self.known), self.count(wrong)
        if n_wrong:
            return Wrong(1 - n_wrong / n_known, *self.first(wrong))
        units = np.array([f[1] if f else "" for f in found])
        if n_known:
            usual = units[self.cells.index(self.first(self.known)[1])]
            if (other := self.known & (units != usual)).any():
                what = f"has not the unit of the others ({usual or 'none'})"
                return Wrong(1.0, *self.first(other), what)
        values = np.array([f[0] if f else np.nan for f in found])
        return self._numbers(values[self.places], mark)

    def _numbers(self, values: np.ndarray, mark: str) -> Numbers:
        """The numbers, and what the first is that is not as programs write them."""
        if said := _rounded(self.column, values, mark):
            return Numbers(values, said)
        for place, (cell, known) in enumerate(zip(self.cells, self.known, strict=True)):
            if known and PLAIN[mark].fullmatch(cell) is None and cell.lower() not in _TRUTH:
                return Numbers(values, f"{cell!r} is {values[self.row(place) - 1]:.10g}")
        return Numbers(values)


def _as_floats(column: "pa.ChunkedArray") -> np.ndarray | None:
    """The numbers of a column of text, NaN for null; None if one of them is none."""
    try:
        return np.array(pc.cast(column, pa.float64()).to_numpy())
    except pa.ArrowInvalid:
        return None


def typed(column: "pa.ChunkedArray") -> Numbers | None:
    """A column of a type that holds numbers; None for any other type.

    Booleans are 0 and 1. float32 stays; everything else becomes float64.
    """
    kinds = pa.types
    if kinds.is_boolean(column.type):
        column = column.cast(pa.uint8())
    numeric = (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_null)
    if not any(is_kind(column.type) for is_kind in numeric):
        return None
    wanted = pa.float32() if kinds.is_float32(column.type) else pa.float64()
    values = np.array(column.cast(wanted, safe=False).to_numpy())
    return Numbers(values, "" if kinds.is_floating(column.type) else _rounded(column, values, "."))


def is_text(type_: "pa.DataType") -> bool:
    """Whether a column is text."""
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


def _rounded(column: "pa.ChunkedArray", values: np.ndarray, mark: str) -> str:
    """The first whole number that is no float64, in words; empty if there is none."""
    large = np.flatnonzero(np.isfinite(values) & (np.abs(values) >= _INEXACT))
    for row in large.tolist():
        text = UNGROUPED[mark].sub("", str(column[row].as_py()))
        if re.fullmatch(r"[+-]?\d+", text) and int(text) != int(values[row]):
            return f"whole numbers beyond 2^53 are rounded, such as {text[:40]} in row {row + 1}"
    return ""


def decimal_mark(columns: Mapping[str, TextColumn], delimiter: str, where: str) -> str:
    """The decimal mark of a table: "." unless a column can only be read with ",".

    Args:
        columns: the columns of text that are asked for.
        delimiter: what separates columns, if that is known.
        where: begins the message.

    Raises:
        UserError: columns contradict each other, or nothing tells.
    """
    # Semicolons are used where commas begin fractions.
    european = delimiter == ";"
    votes: dict[str, tuple[str, str]] = {}
    # Columns that are written as programs write numbers come last: most need not be asked.
    for name, column in sorted(columns.items(), key=lambda item: item[1].plain is not None):
        if column.plain is not None:
            doubtful = european or votes.keys() - {"."}
            if not doubtful or "." in votes or not column.has_point():
                continue
        vote, cell, row = _vote(column)
        if vote and (vote != "either" or european or "," in cell):
            votes.setdefault(vote, (name, f"{line(cell)[:40]!r} in row {row}"))
    if "," in votes and "." in votes:
        (comma, a), (point, b) = votes[","], votes["."]
        raise UserError(
            f"{where}: column {comma!r} has decimal commas ({a}) and column {point!r} decimal"
            f" points ({b}); say which with --decimal, or leave one out with --exclude"
        )
    if "either" not in votes or len(votes) > 1 or delimiter == ",":
        return "," if "," in votes else "."
    name, what = votes["either"]
    raise UserError(
        f"{where}, column {name!r}: {what} can be read in two ways; say what begins a fraction,"
        " --decimal . or --decimal ,"
    )


def _vote(column: TextColumn) -> tuple[str, str, int]:
    """Which decimal mark makes more numbers of a column, or "either"; a cell to show it, its row.

    Empty if none of the two makes it a column of numbers, or both make the same of it.
    """
    for mark, other, all_written in ((".", ",", column.plain), (",", ".", column.with_comma)):
        if all_written is not None:  # one cell tells
            for place, (cell, known) in enumerate(zip(column.cells, column.known, strict=True)):
                if known and parse(cell, mark) and not parse(cell, other):
                    return mark, cell, column.row(place)
    found = {mark: column.parsed(mark) for mark in GROUPS}
    right = {mark: np.array([f is not None for f in found[mark]], bool) for mark in GROUPS}
    counts = {mark: column.count(right[mark]) for mark in GROUPS}
    best, other = (".", ",") if counts["."] >= counts[","] else (",", ".")
    shown = right[best] & ~right[other]
    if counts[best] == counts[other]:
        best = "either"
        shown = np.array([a != b for a, b in zip(found["."], found[","], strict=True)], bool)
    if max(counts.values()) < MOSTLY * column.count(column.known) or not shown.any():
        return "", "", 0
    row, cell = column.first(shown)
    return best, cell, row
