"""The user's own data: a table from a CSV or Parquet file, or a certified set in NIST's layout.

Nothing is guessed and nothing repaired: what cannot be fitted as it stands is refused in one line
that says which column and row, and what would help.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from backends.base import Data, LeastSquares
from benchmarks.errors import UserError, unknown
from benchmarks.problems import certified
from benchmarks.problems.problem import DType, Problem
from benchmarks.problems.workloads import File, Workload, certified_workload

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv, parquet
except ImportError as error:
    raise UserError("tables are read by pyarrow, which is missing: pip install pyarrow") from error

_READERS = {".csv": csv.read_csv, ".parquet": parquet.read_table, ".pq": parquet.read_table}
#: A column of text is taken for numbers with a mistake in it if so many of its values are numbers.
_MOSTLY = 0.5
#: Numbers that gain nothing from a second thread.
_SMALL = 10_000


@dataclass(frozen=True, eq=False)
class Table:
    """Least squares of one column of a table on all others that hold numbers.

    Nobody knows the truth, so there is nothing to compare with on samples that were held back:
    all rows are used.
    """

    X: np.ndarray  # (n_samples, n_features)
    y: np.ndarray  # (n_samples,)
    n_test: int = field(default=0, init=False)

    @property
    def n_samples(self) -> int:
        """Rows."""
        return len(self.y)

    @property
    def n_features(self) -> int:
        """Columns of numbers besides the target."""
        return int(self.X.shape[1])

    @property
    def dtype(self) -> DType:
        """That of the table if it is float32 throughout; else float64."""
        return "float32" if self.X.dtype == np.float32 else "float64"

    def make(self, seed: int) -> Problem:
        """The rows of the table, whatever the seed."""
        data = Data(self.X, self.y, self.X[:0], self.y[:0])
        return Problem(data, weight=None, bias=None, sigma=None)


def workload(path: Path, target: str | None) -> Workload:
    """What is asked for with `--data` and `--target`.

    Raises:
        UserError: the file cannot be read or its numbers cannot be fitted.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            empty = file.tell() == 0
    except OSError as error:
        raise UserError(f"--data: cannot read {path}: {error.strerror}") from error
    if empty:
        raise UserError(f"--data: {path} is empty")
    source = File(path.name, str(path.resolve()), target, digest)
    if path.suffix.lower() == ".dat":
        if target is not None:
            raise UserError(f"--target: {path} is a certified set, which has its own target")
        found = certified_workload(certified.load(path), "float64")
        return replace(found, name=path.name, group="data", known_failures={}, file=source)
    if path.suffix.lower() not in _READERS:
        raise UserError(f"--data: {path} is none of {', '.join([*_READERS, '.dat'])}")
    table = _read(path)
    recipe, left_out = _split(table, target, str(path))
    about = f"{target!r} on the {recipe.n_features:,} other columns of numbers in {path.name}"
    if left_out:
        about += f", without {', '.join(map(repr, left_out))} (no numbers)"
    about += "; no truth is known, so fits are held to the reference solution alone"
    threads = 1 if recipe.X.size <= _SMALL else None
    return Workload(path.name, about, recipe, LeastSquares(), threads, group="data", file=source)


def again(source: Mapping[str, Any]) -> Workload:
    """The workload of a file as it stands in the header of a run file.

    Raises:
        UserError: the file is gone or has changed.
    """
    path = Path(source["path"])
    if not path.exists():
        raise UserError(f"cannot resume: {path} is not there any more")
    found = workload(path, source["target"])
    assert found.file
    if found.file.sha256 != source["sha256"]:
        raise UserError(f"cannot resume: {path} has changed since the run began")
    return found


def _read(path: Path) -> pa.Table:
    try:
        table = _READERS[path.suffix.lower()](path)
        str(table.column_names)  # decodes them
        return table
    except UnicodeDecodeError:
        raise UserError(f"--data: {path} is not UTF-8; save it as that") from None
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"--data: cannot read {path}: {reason[:300]}") from error


def _split(table: pa.Table, target: str | None, where: str) -> tuple[Table, list[str]]:
    """Features and target, and the names of the columns that hold no numbers."""
    names = table.column_names
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise UserError(f"--data: {where} has two columns {twice[0]!r}; rename one of them")
    if target is None:
        raise UserError(f"--data {where} needs --target; its columns are {_list(names)}")
    if target not in names:
        hint = "" if len(names) > 1 else "only one column was found: are there commas between?"
        raise unknown("column", target, names, hint)
    if not table.num_rows:
        raise UserError(f"--data: {where} has no rows")
    numbers, left_out = {}, []
    for name, column in zip(names, table.columns, strict=True):
        if _is_numeric(column.type):
            numbers[name] = _numbers(name, column, where)
            continue
        _refuse_mistakes(name, column, where)
        if name == target:
            raise UserError(f"--target {target!r}: that column of {where} holds no numbers")
        left_out.append(name)
    y = numbers.pop(target)
    if not numbers:
        raise UserError(f"--data: {where} has no column of numbers besides {target!r}")
    dtype = np.result_type(y, *numbers.values())
    X = np.column_stack(list(numbers.values())).astype(dtype, order="C", copy=False)
    return Table(X, y.astype(dtype, copy=False)), left_out


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:20]))
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"


def _is_numeric(type_: pa.DataType) -> bool:
    """Whether a column's values are numbers; one without any value is taken for that, too."""
    kinds = pa.types
    is_kind = (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_boolean)
    return any(is_(type_) for is_ in is_kind) or kinds.is_null(type_)


def _numbers(name: str, column: pa.ChunkedArray, where: str) -> np.ndarray:
    """A column as float32 if it is that, or as float64; booleans are 0 and 1."""
    advice = "fill it in, or leave out the row or the column"
    if column.null_count:
        row = pc.index(column.is_null(), True).as_py() + 1
        raise UserError(f"--data: {where}, column {name!r}, row {row}: no value; {advice}")
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    wanted = pa.float32() if pa.types.is_float32(column.type) else pa.float64()
    values = np.asarray(column.cast(wanted, safe=False).to_numpy())
    if bad := np.flatnonzero(~np.isfinite(values)).tolist():
        what = "not a number" if np.isnan(values[bad[0]]) else "infinite"
        raise UserError(f"--data: {where}, column {name!r}, row {bad[0] + 1}: {what}; {advice}")
    return values


def _refuse_mistakes(name: str, column: pa.ChunkedArray, where: str) -> None:
    """A column of numbers that became text by a few values must not be left out unnoticed."""
    values = [str(value) for value in column.to_pylist() if value is not None]
    wrong = [value for value in values if not _is_number(value)]
    if wrong and len(values) - len(wrong) >= _MOSTLY * len(values):
        row = [str(value) for value in column.to_pylist()].index(wrong[0]) + 1
        raise UserError(
            f"--data: {where}, column {name!r}, row {row}: {wrong[0][:40]!r} is not a number; "
            "correct it, or leave out the row or the column"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
