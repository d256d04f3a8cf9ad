"""The user's own data: a CSV or Parquet file, or a certified set in NIST's layout.

Nothing is guessed or repaired: an error names the column and the row, and says what to do.
"""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from backends.base import Data
from benchmarks.errors import UserError, os_errors, unknown
from benchmarks.printable import line
from benchmarks.problems import certified
from benchmarks.problems.problem import Given, Problem, extreme
from benchmarks.problems.workloads import Workload, certified_workload
from benchmarks.runfile.header import DataFile

if TYPE_CHECKING:
    import pyarrow as pa

_TABLES = (".csv", ".parquet", ".pq")
#: A column of text with at least this share of numbers has mistakes in it.
_MOSTLY = 0.5
#: With this many numbers or fewer, a second thread gains nothing.
_SMALL = 10_000
_ADVICE = "or leave out the row or the column"


def workload(path: Path, target: str | None) -> Workload:
    """What `--data` and `--target` ask for; for a table, least squares on all of its rows.

    Raises:
        UserError: the file cannot be read, or its numbers cannot be fitted.
    """
    target = None if target is None else line(target)
    with os_errors(f"--data: cannot read {path}"), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        empty = file.tell() == 0
    if empty:
        raise UserError(f"--data: {path} is empty")
    name, kind = line(path.name), path.suffix.lower()
    source = DataFile(name=name, path=str(path.resolve()), target=target, sha256=digest)
    if kind == ".dat":
        if target is not None:
            raise UserError(f"--target: {path} is a certified set, which has its own target")
        found = certified_workload(certified.load(path), "float64")
        return replace(found, name=name, group="data", known_failures={}, file=source)
    if kind not in _TABLES:
        raise UserError(f"--data: {path} is none of {', '.join([*_TABLES, '.dat'])}")
    data, names, left_out = _split(_read(path), target, str(path))
    about = f"{target!r} on all other columns of numbers ({data.X.shape[1]:,}) in {name}"
    if left_out:
        about += f", without {', '.join(map(repr, left_out))} (no numbers)"
    about += "; no truth is known, so fits are held only to the reference solution"
    recipe = Given(Problem(data, names=names))
    threads = 1 if data.X.size <= _SMALL else None
    return Workload(name, about, recipe, threads=threads, group="data", file=source)


def again(source: DataFile) -> Workload:
    """The workload of a file that a run file names.

    Raises:
        UserError: the file is gone or has changed.
    """
    path = Path(source.path)
    if not path.exists():
        raise UserError(f"cannot resume: {path} no longer exists")
    found = workload(path, source.target)
    assert found.file
    if found.file.sha256 != source.sha256:
        raise UserError(f"cannot resume: {path} has changed since the run began")
    return found


def _read(path: Path) -> "pa.Table":
    """The table, with printable column names."""
    try:
        from pyarrow import ArrowException, csv, parquet
    except ImportError as error:
        raise UserError("reading tables needs pyarrow: pip install pyarrow") from error
    try:
        is_csv = path.suffix.lower() == ".csv"
        table = csv.read_csv(path) if is_csv else parquet.read_table(path)
        return table.rename_columns([line(name) for name in table.column_names])
    except UnicodeDecodeError:
        raise UserError(f"--data: {path} is not UTF-8; save it as UTF-8") from None
    except (ArrowException, OSError) as error:
        raise UserError(f"--data: cannot read {path}: {line(error)[:300]}") from error


def _split(
    table: "pa.Table", target: str | None, where: str
) -> tuple[Data, tuple[str, ...], list[str]]:
    """The data, the names of the features, and those of the columns that hold no numbers."""
    names = table.column_names
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise UserError(f"--data: {where} has two columns {twice[0]!r}; rename one of them")
    if target is None:
        shown = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
        raise UserError(f"--data: {where} needs --target; its columns are {shown}")
    if target not in names:
        hint = "" if len(names) > 1 else "only one column was found; separate columns by commas"
        raise unknown("column", target, names, hint)
    if not table.num_rows:
        raise UserError(f"--data: {where} has no rows")
    found = {name: _numbers(table[name], f"--data: {where}, column {name!r}") for name in names}
    numbers = {name: values for name, values in found.items() if values is not None}
    if target not in numbers:
        raise UserError(f"--target {target!r}: that column of {where} holds no numbers")
    y = numbers.pop(target)
    if not numbers:
        raise UserError(f"--data: {where} has no column of numbers besides {target!r}")
    dtype = np.result_type(y, *numbers.values())
    X = np.column_stack(list(numbers.values())).astype(dtype, order="C", copy=False)
    y = y.astype(dtype, copy=False)
    left_out = [name for name in names if found[name] is None]
    return Data(X, y, X[:0], y[:0]), tuple(numbers), left_out


def _numbers(column: "pa.ChunkedArray", where: str) -> np.ndarray | None:
    """A column as float64, unless it is float32; booleans are 0 and 1; None if it is text."""
    import pyarrow as pa

    kinds = pa.types
    numeric = (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_boolean)
    if not any(is_kind(column.type) for is_kind in (*numeric, kinds.is_null)):
        _refuse_mistakes(column.to_pylist(), where)
        return None
    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy())) + 1
        raise UserError(f"{where}, row {row}: no value; fill it in, {_ADVICE}")
    if kinds.is_boolean(column.type):
        column = column.cast(pa.uint8())
    wanted = pa.float32() if kinds.is_float32(column.type) else pa.float64()
    values = np.asarray(column.cast(wanted, safe=False).to_numpy())
    if bad := np.flatnonzero(~np.isfinite(values)).tolist():
        what = "not a number" if np.isnan(values[bad[0]]) else "infinite"
        raise UserError(f"{where}, row {bad[0] + 1}: {what}; fill it in, {_ADVICE}")
    if trouble := extreme(values):
        row, what = trouble
        raise UserError(f"{where}, row {row + 1}: {what}; use another unit, {_ADVICE}")
    return values


def _refuse_mistakes(values: list[object], where: str) -> None:
    """Refuse a column of numbers that a few wrong values turn into text."""
    known = [(row, str(value)) for row, value in enumerate(values, 1) if value is not None]
    wrong = [(row, text) for row, text in known if not _is_number(text)]
    if wrong and len(known) - len(wrong) >= _MOSTLY * len(known):
        row, text = wrong[0]
        raise UserError(f"{where}, row {row}: {text[:40]!r} is not a number; correct it, {_ADVICE}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
