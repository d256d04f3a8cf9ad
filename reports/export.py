"""Rows for other programs, with the columns `benchmarks.results.EXPORTED`."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from benchmarks.errors import UserError, unknown
from benchmarks.runfile import Record
from reports import pytest_format, text
from reports.analysis.rows import EXPORTED, Row, rows

_TYPES = {field.name: str(field.type) for field in fields(Row)}
_NUMBERS = frozenset(name for name, type_ in _TYPES.items() if "float" in type_)
#: What a spreadsheet takes for the start of a formula, wide forms included:
#: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def write(records: Sequence[Record], format: str) -> bytes:
    """The rows of a run.

    - `json`: a list of objects, strict;
    - `csv`: UTF-8, one header line; text that a spreadsheet would run begins with an apostrophe;
    - `parquet`: one row group, typed columns;
    - `pytest-benchmark`: what `pytest-benchmark compare` reads; only rows that passed.

    What was not measured, and what is no finite number, is `null` or an empty cell.

    Raises:
        UserError: another format.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    return FORMATS[format](records)


def _cells(records: Sequence[Record]) -> list[dict[str, Any]]:
    return [{name: _cell(name, getattr(row, name)) for name in EXPORTED} for row in rows(records)]


def _cell(name: str, value: Any) -> Any:
    if name not in _NUMBERS:
        return value
    known = text.number(value)
    return known if known is not None and math.isfinite(known) else None


def _json(records: Sequence[Record]) -> bytes:
    return (json.dumps(_cells(records), indent=2, allow_nan=False) + "\n").encode()


def _csv(records: Sequence[Record]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, EXPORTED, lineterminator="\n")
    writer.writeheader()
    for row in _cells(records):
        writer.writerow({name: _csv_cell(value) for name, value in row.items()})
    return out.getvalue().encode()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        value = text.line(value)
        return f"'{value}" if value.startswith(_FORMULA) else value
    return value


def _parquet(records: Sequence[Record]) -> bytes:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise UserError("Parquet needs pyarrow, which is missing: pip install pyarrow") from error

    types = {"str": pa.string(), "int": pa.int64(), "bool": pa.bool_(), "float": pa.float64()}
    schema = pa.schema([(name, types[_TYPES[name].split(" ")[0]]) for name in EXPORTED])
    out = io.BytesIO()
    # Half characters, which a run file may hold, are none in Parquet's UTF-8.
    cells = [
        {key: text.line(value) if isinstance(value, str) else value for key, value in row.items()}
        for row in _cells(records)
    ]
    parquet.write_table(pa.Table.from_pylist(cells, schema=schema), out)
    return out.getvalue()


def _pytest(records: Sequence[Record]) -> bytes:
    return pytest_format.dump(records, rows(records)).encode()


FORMATS: dict[str, Callable[[Sequence[Record]], bytes]] = {
    "json": _json,
    "csv": _csv,
    "parquet": _parquet,
    "pytest-benchmark": _pytest,
}
#: Not text: not for a terminal.
BINARY = frozenset({"parquet"})
