"""The workload of the user's own data: a table, or a certified set in NIST's layout.

Nothing is repaired: an error names the column and the row, and says what to do.
"""

import re
from dataclasses import replace
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.printable import line
from benchmarks.problems import certified
from benchmarks.problems.problem import Given, Problem
from benchmarks.problems.table import dialect, pa
from benchmarks.problems.table.cells import label
from benchmarks.problems.table.columns import Table, choose, names_in_words, reasons
from benchmarks.problems.table.files import STDIN, File, pandas_index, typed
from benchmarks.problems.workloads import Workload, certified_workload
from benchmarks.runfile.header import DataFile, Reading

#: With this many numbers or fewer, a second thread gains nothing.
_SMALL = 10_000
_CERTIFIED = re.compile(rb"^(Dataset Name:|NIST/ITL StRD)", re.M)
#: The options that only say how text is laid out.
_OF_TEXT = ("delimiter", "encoding", "no_header")


def workload(path: Path, target: str | None, reading: Reading | None = None) -> Workload:
    """What `--data` and its options ask for; for a table, least squares on its rows.

    Args:
        path: of a file, or a folder of Parquet files; "-" for standard input.
        target: the column to predict; None for a certified set.
        reading: how to read it, if it does not tell itself.

    Raises:
        UserError: the file cannot be read, or its numbers cannot be fitted.
    """
    reading = _checked(reading or Reading())
    target = None if target is None else label(target)
    try:
        file = File.open(path)
        source = DataFile(
            name=file.name, path=file.path, target=target, sha256=file.sha256, reading=reading
        )
        if path.suffix.lower() == ".dat" and _CERTIFIED.search(file.content):
            return _certified(path, source)
        table = _table(file, target, reading)
        chosen = choose(table, target, reading, file.where)
    except MemoryError:
        raise UserError(f"--data: {line(path)} does not fit into memory") from None
    n_features, plural = len(chosen.features), "s" if len(chosen.features) > 1 else ""
    said = [
        f"{target!r} on {n_features:,} feature{plural}, {names_in_words(chosen.features)}",
        table.said,
        *([reasons(chosen.left_out)] if chosen.left_out else []),
        *chosen.said,
        "no truth is known, so fits are held only to the reference solution",
    ]
    recipe = Given(Problem(chosen.data, names=chosen.features))
    threads = 1 if chosen.data.X.size <= _SMALL else None
    about = "; ".join(said)
    return Workload(file.name, about, recipe, threads=threads, group="data", file=source)


def again(source: DataFile) -> Workload:
    """The workload of a file that a run file names.

    Raises:
        UserError: the file is gone or has changed, or was standard input.
    """
    path = Path(source.path)
    if path == STDIN:
        raise UserError("cannot resume: the table came from standard input; start it again")
    if not path.exists():
        raise UserError(f"cannot resume: {path} no longer exists")
    found = workload(path, source.target, source.reading)
    assert found.file
    if found.file.sha256 != source.sha256:
        raise UserError(f"cannot resume: {path} has changed since the run began")
    return found


def _checked(reading: Reading) -> Reading:
    """The options in a form that a run file keeps.

    Raises:
        UserError: one has a value that means nothing.
    """
    if reading.decimal not in ("", ".", ","):
        raise UserError(f"--decimal {line(reading.decimal)}: needs . or ,")
    if not reading.delimiter:
        return reading
    names = {"\t": "tab", " ": "space"}
    character = dialect.called(reading.delimiter)
    return replace(reading, delimiter=names.get(character, character))


def _certified(path: Path, source: DataFile) -> Workload:
    if source.target is not None:
        raise UserError(f"--target: {path} is a certified set, which has its own target")
    if source.reading != Reading():
        raise UserError(f"--data: {path} is a certified set, of which nothing can be left out")
    found = certified_workload(certified.load(path), "float64")
    return replace(found, name=source.name, group="data", known_failures={}, file=source)


def _table(file: File, target: str | None, reading: Reading) -> Table:
    """The columns of a file of any kind."""
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise UserError("reading tables needs pyarrow: pip install pyarrow") from error
    if file.kind == "text":
        return dialect.read(file.content, target, reading, file.where)
    for option in _OF_TEXT:
        if getattr(reading, option):
            name = option.replace("_", "-")
            raise UserError(f"--{name} is for tables of text, and {file.name} is {file.kind}")
    found = typed(file)
    index = pandas_index(found.schema)
    names = [label(name) or f"column {n}" for n, name in enumerate(found.column_names, 1)]
    unnamed = {n for n, name in enumerate(found.column_names) if not line(name)}
    places = {n for n, name in enumerate(found.column_names) if name in index}
    said = "a folder of Parquet files" if file.kind == "folder" else file.kind
    return Table(list(map(_plain, found.columns)), names, unnamed, places, said=said)


def _plain(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """A column whose values are themselves: neither numbers of entries elsewhere, nor views."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.large_string()) if pa.types.is_string_view(column.type) else column
