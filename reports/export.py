"""Rows for other programs: JSON and CSV with the columns `benchmarks.results.EXPORTED`."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from benchmarks.errors import unknown
from benchmarks.results import EXPORTED, Row, rows
from benchmarks.runfile import Record
from reports import text

_NUMBERS = frozenset(f.name for f in fields(Row) if "float" in str(f.type))


def write(records: Sequence[Record], format: str) -> str:
    """The rows of a run as `json` (a list of objects, strict) or `csv` (one header line).

    What was not measured, and what is no finite number, is `null` or an empty cell.

    Raises:
        UserError: another format.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    return FORMATS[format]([_cells(row) for row in rows(records)])


def _cells(row: Row) -> dict[str, Any]:
    return {name: _cell(name, getattr(row, name)) for name in EXPORTED}


def _cell(name: str, value: Any) -> Any:
    if name not in _NUMBERS:
        return value
    known = text.number(value)
    return known if known is not None and math.isfinite(known) else None


def _json(cells: list[dict[str, Any]]) -> str:
    return json.dumps(cells, indent=2, allow_nan=False) + "\n"


def _csv(cells: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, EXPORTED, lineterminator="\n")
    writer.writeheader()
    for row in cells:
        writer.writerow({name: _csv_cell(value) for name, value in row.items()})
    return out.getvalue()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # A spreadsheet would run these as formulas: https://owasp.org/www-community/attacks/CSV_Injection
        value = text.line(value)
        return f"'{value}" if value.startswith(("=", "+", "-", "@")) else value
    return value


FORMATS: dict[str, Callable[[list[dict[str, Any]]], str]] = {"json": _json, "csv": _csv}
