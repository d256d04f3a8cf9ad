"""Which columns of a table are features, which rows are used, and why others are left out."""

import difflib
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from shlex import quote

import numpy as np

from backends.base import Data
from benchmarks.errors import UserError, unknown
from benchmarks.printable import line
from benchmarks.problems.problem import extreme
from benchmarks.problems.table import pa
from benchmarks.problems.table.cells import MISSING, label, parse
from benchmarks.problems.table.numbers import (
    MOSTLY,
    Numbers,
    TextColumn,
    Wrong,
    decimal_mark,
    is_text,
    typed,
)
from benchmarks.runfile.header import Reading

#: What pandas calls a column without a name.
_UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)?")
#: Why a column is an index, if its name tells.
_OF_PANDAS = "the index of a pandas table"
_NAMELESS = "an index: it comes first and has no name"
#: Of names in messages, so many are shown, of so many characters.
_SHOWN, _WIDTH = 20, 60


@dataclass(frozen=True)
class Table:
    """A table as it was read, with printable names."""

    columns: Sequence["pa.ChunkedArray"]
    names: Sequence[str]
    unnamed: Collection[int] = ()  # positions of columns without a name
    index: Collection[int] = ()  # of those that were the index of a pandas table
    delimiter: str = ""  # of text
    said: str = ""  # of its layout


@dataclass(frozen=True)
class Choice:
    """The data of a table, and what is to be said about them."""

    data: Data
    features: tuple[str, ...]
    left_out: Mapping[str, str]  # columns, and why
    said: Sequence[str]


def names_in_words(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(map(_short, names[:_SHOWN])) + more


def _short(name: str) -> str:
    return repr(name if len(name) <= _WIDTH else f"{name[:_WIDTH]}…")


def _no_column(what: str, name: str, names: Sequence[str], hint: str = "") -> UserError:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return unknown(what, name, near or [_short(one) for one in names[:_SHOWN]], hint)


def parts(text: str) -> list[str]:
    """The parts of a comma-separated option, printable as names are."""
    return [found for part in text.split(",") if (found := label(part))]


def choose(table: Table, target: str | None, reading: Reading, where: str) -> Choice:
    """The features and the target of a table; `where` begins the messages.

    Raises:
        UserError: a column is missing, or what is asked for are not all numbers.
    """
    names = list(table.names)
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise UserError(f"{where} has two columns {twice[0]!r}; rename one of them")
    if target is None:
        how = f" ({table.said})" if table.said else ""
        raise UserError(f"{where} needs --target; its columns are {names_in_words(names)}{how}")
    if target not in names:
        hint = "" if len(names) > 1 else "only one column was found; is there another --delimiter?"
        raise _no_column("column", target, names, hint or table.said)
    if not len(table.columns[0]):
        raise UserError(f"{where} has no rows")
    left_out = _left_out(table, target, reading)
    mark, numbers = _numbers(table, target, reading, left_out, where)
    if not reading.features:
        _leave_out_index(names, numbers, target, left_out)
    if len(numbers) < 2:
        why = f" ({reasons(left_out)})" if left_out else ""
        raise UserError(f"{where} has no column of numbers besides {target!r}{why}")
    said = ["decimal commas"] if mark == "," else []
    notes = [f"{_short(name)}: {column.said}" for name, column in numbers.items() if column.said]
    said += notes[:_SHOWN]
    if len(notes) > _SHOWN:
        said.append(f"{len(notes) - _SHOWN:,} more columns likewise")
    used = _rows(numbers, reading, where)
    if (n_dropped := len(used) - int(used.sum())) > 0:
        first = int(np.argmin(used))
        lacking = next(name for name, c in numbers.items() if np.isnan(c.values[first]))
        what = f"{n_dropped:,} of {len(used):,} rows left out, which lack a value"
        said.append(f"{what}: the first is row {first + 1}, in {_short(lacking)}")
    y = numbers.pop(target).values[used]
    dtype = np.result_type(y, *(column.values for column in numbers.values()))
    X = np.column_stack([column.values for column in numbers.values()])[used]
    X, y = X.astype(dtype, order="C", copy=False), y.astype(dtype, copy=False)
    ordered = {name: left_out[name] for name in names if name in left_out}
    return Choice(Data(X, y, X[:0], y[:0]), tuple(numbers), ordered, said)


def reasons(left_out: Mapping[str, str]) -> str:
    """The columns that are left out, in order, with the reasons."""
    same = groupby(list(left_out)[:_SHOWN], key=lambda name: left_out[name])
    shown = [f"{', '.join(map(_short, names))} ({why})" for why, names in same]
    more = f" and {len(left_out) - _SHOWN:,} more" if len(left_out) > _SHOWN else ""
    return f"without {', '.join(shown)}{more}"


def _matching(option: str, text: str, names: Sequence[str]) -> set[str]:
    """The columns that names and globs ask for."""
    found: set[str] = set()
    for part in parts(text):
        same = {name for name in names if name == part or fnmatchcase(name, part)}
        if not same:
            raise _no_column(f"column in {option}", part, names)
        found |= same
    return found


def _left_out(table: Table, target: str, reading: Reading) -> dict[str, str]:
    """The columns that are not asked for, or are an index by their names."""
    names, found = table.names, dict[str, str]()
    asked = _matching("--features", reading.features, names)
    unwanted = _matching("--exclude", reading.exclude, names)
    leading = True
    for position, name in enumerate(names):
        if name == target:
            leading = False
        elif name in unwanted:
            found[name] = "--exclude"
        elif asked:
            if name not in asked:
                found[name] = "not in --features"
        elif position in table.index:
            found[name] = _OF_PANDAS
        elif leading and (position in table.unnamed or _UNNAMED.fullmatch(name)):
            found[name] = _NAMELESS
        else:
            leading = False
    return found


def _numbers(
    table: Table, target: str, reading: Reading, left_out: dict[str, str], where: str
) -> tuple[str, dict[str, Numbers]]:
    """The decimal mark, and the columns of numbers; `left_out` gets the others."""
    places = {name: n for n, name in enumerate(table.names) if name not in left_out}
    columns = {name: table.columns[place] for name, place in places.items()}
    missing = MISSING | set(parts(reading.missing))
    named = {target, *parts(reading.features)}
    text = {n: TextColumn(c, missing) for n, c in columns.items() if is_text(c.type)}
    mark = reading.decimal or decimal_mark(text, table.delimiter, where)
    found: dict[str, Numbers] = {}
    none = [number[0] for cell in missing if (number := parse(cell, "."))]
    for name, column in columns.items():
        made = text[name].read(mark) if name in text else typed(column)
        if isinstance(made, Numbers):
            made.values[np.isin(made.values, none)] = np.nan
            empty = places[name] in table.unnamed and np.isnan(made.values).all()
            if empty and name != target:
                left_out[name] = "empty"
            else:
                found[name] = made
        elif isinstance(made, Wrong) and (made.share >= MOSTLY or name in named):
            raise UserError(f"{where}, column {name!r}: {made.cell} {made.reason}; {_remedy(made)}")
        else:
            why = f"text: {made.cell}" if made else f"no numbers but {line(column.type)[:40]}"
            if name in named:
                raise UserError(f"{where}, column {name!r}: {why}")
            left_out[name] = why
    return mark, found


def _remedy(wrong: Wrong) -> str:
    """What to do about it."""
    other = "or leave out the row, or the column with --exclude"
    if re.search(r"\d", wrong.text):
        return f"correct it, {other}"
    word = quote(line(wrong.text))
    return f"correct it, say --missing {word} if it stands for no value, {other}"


def _leave_out_index(
    names: Sequence[str], numbers: dict[str, Numbers], target: str, left_out: dict[str, str]
) -> None:
    """Leave out a first column that counts the rows, unless it is all there is."""
    first = next(n for n in names if left_out.get(n) not in (_OF_PANDAS, _NAMELESS))
    if first == target or first not in numbers or len(numbers) < 3:
        return
    values = numbers[first].values
    if len(values) < 2 or values[0] not in (0, 1):
        return
    if np.array_equal(values, np.arange(len(values)) + values[0]):
        left_out[first] = f"an index: it counts the rows from {values[0]:g}; --features keeps it"
        del numbers[first]


def _rows(numbers: Mapping[str, Numbers], reading: Reading, where: str) -> np.ndarray:
    """(n,) bool: the rows to use.

    Raises:
        UserError: one lacks a value and may not be left out, or holds what cannot be fitted.
    """
    used = np.ones(len(next(iter(numbers.values())).values), bool)
    for name, column in numbers.items():
        at, values = f"{where}, column {name!r}", column.values
        missing = np.isnan(values)
        if missing.any() and not reading.drop_missing:
            row = int(np.argmax(missing)) + 1
            ways = "leave out the column with --exclude, or such rows with --drop-missing"
            raise UserError(f"{at}, row {row}: no value; fill it in, {ways}")
        used &= ~missing
        if (infinite := np.isinf(values)).any():
            row = int(np.argmax(infinite)) + 1
            raise UserError(
                f"{at}, row {row}: infinite; correct it, or leave out the row or the column"
            )
        if trouble := extreme(np.where(missing, 0, values)):
            row, what = trouble
            advice = "use another unit, or leave out the row or the column"
            raise UserError(f"{at}, row {row + 1}: {what}; {advice}")
    if not used.any():
        worst = max(numbers, key=lambda name: int(np.isnan(numbers[name].values).sum()))
        raise UserError(f"{where}: each row lacks a value, most often in {worst!r}; --exclude it")
    return used
