"""Rows for other programs."""

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.errors import UserError, unknown
from benchmarks.estimates import Estimate
from benchmarks.runfile.run import Run
from reports import pytest_format
from reports.analysis.compare import Compared
from reports.analysis.rows import Row

#: Of each column, in order: its type, and where it comes from.
COLUMNS: dict[str, tuple[type, Callable[[Row], Any]]] = {
    "workload": (str, lambda row: row.entry.workload),
    "backend": (str, lambda row: row.entry.name),
    "device": (str, lambda row: row.entry.device),
    "threads": (int, lambda row: row.entry.threads),
    "status": (str, lambda row: row.status),
    "passed": (bool, lambda row: row.passed),
    "reason": (str, lambda row: row.reason),
    "samples": (int, lambda row: row.samples),
    "seconds_median": (float, lambda row: row.time and row.time.value),
    "seconds_low": (float, lambda row: row.time and row.time.low),
    "seconds_high": (float, lambda row: row.time and row.time.high),
    "ratio": (float, lambda row: row.ratio and row.ratio.value),
    "ratio_low": (float, lambda row: row.ratio and row.ratio.low),
    "ratio_high": (float, lambda row: row.ratio and row.ratio.high),
    "baseline": (str, lambda row: row.baseline or None),
    "import_seconds": (float, lambda row: row.phases["import"]),
    "start_seconds": (float, lambda row: row.phases["device start"]),
    "transfer_seconds": (float, lambda row: row.phases["transfer"]),
    "compile_seconds": (float, lambda row: row.phases["first fit"]),
    "weight_error": (float, lambda row: row.verdict and row.verdict.weight_error),
    "bound": (float, lambda row: row.verdict and row.verdict.bound),
    "r2": (float, lambda row: row.verdict and row.verdict.r2),
    "best_r2": (float, lambda row: row.verdict and row.verdict.best_r2),
    "floor_seconds": (float, lambda row: row.floor and row.floor.seconds),
    "times_floor": (float, lambda row: row.times_floor),
    "peak_bytes": (float, lambda row: row.fit and row.fit.peak_bytes),
    "data": (str, lambda row: row.data or None),
    "plugin": (str, lambda row: row.entry.plugin or None),
    "workers": (int, lambda row: row.entry.workers),
}
#: A row, by column.
Cells = dict[str, Any]
#: What a spreadsheet takes for the start of a formula, wide forms included:
#: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def write(run: Run, rows: Sequence[Row], format: str) -> bytes:
    """The rows of a run.

    - `json`: a list of objects, strict;
    - `csv`: UTF-8, one header line; text that a spreadsheet would run begins with an apostrophe;
    - `parquet`: typed columns;
    - `pytest-benchmark`: for `pytest-benchmark compare`; only rows that passed.

    What was not measured, and what is no finite number, is `null` or an empty cell.

    Raises:
        UserError: another format.
    """
    if format == "pytest-benchmark":
        return pytest_format.dump(run, rows).encode()
    if format not in _TABLES:
        raise unknown("format", format, FORMATS)
    return _TABLES[format]([{name: _cell(name, row) for name in COLUMNS} for row in rows])


def comparison(compared: Compared, limit: float | None = None) -> str:
    """Two runs against each other as JSON; `slower` are those by more than the share `limit`.

    A ratio is new/old, with the machine's own change (`machine`) divided out.
    """
    found = {
        "changes": [
            {
                "entry": change.new.entry.id,
                "old_seconds": change.old.time and change.old.time.value,
                "new_seconds": change.new.time and change.new.time.value,
                "machine": change.machine,
                **_ratio(change.ratio),
            }
            for change in compared.changes
        ],
        "backends": [
            {"backend": one.backend, "workloads": one.n_workloads, **_ratio(one.ratio)}
            for one in compared.overall
        ],
        "newly_failing": [
            {"entry": row.entry.id, "reason": row.reason} for row in compared.newly_failing
        ],
        "not_compared": [{"entry": entry, "reason": why} for entry, why in compared.unmatched],
        "missing": compared.missing,
        "versions": [{"of": of, "old": old, "new": new} for of, old, new in compared.versions],
        "slower": None if limit is None else compared.slower(limit),
    }
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def _ratio(ratio: Estimate) -> dict[str, Any]:
    return {
        "ratio": ratio.value,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "verdict": ratio.against_one(),
    }


def _cell(name: str, row: Row) -> Any:
    type_, get = COLUMNS[name]
    value = get(row)
    known = value is not None and (type_ is not float or math.isfinite(value))
    return type_(value) if known else None


def _json(cells: list[Cells]) -> bytes:
    return (json.dumps(cells, indent=2, allow_nan=False) + "\n").encode()


def _csv(cells: list[Cells]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    for row in cells:
        writer.writerow({name: _csv_cell(value) for name, value in row.items()})
    return out.getvalue().encode()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    formula = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if formula else value


def _parquet(cells: list[Cells]) -> bytes:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise UserError("Parquet needs pyarrow, which is missing: pip install pyarrow") from error

    types = {str: pa.string(), int: pa.int64(), bool: pa.bool_(), float: pa.float64()}
    schema = pa.schema([(name, types[type_]) for name, (type_, _) in COLUMNS.items()])
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(cells, schema=schema), out)
    return out.getvalue()


_TABLES: dict[str, Callable[[list[Cells]], bytes]]
_TABLES = {"json": _json, "csv": _csv, "parquet": _parquet}
FORMATS = (*_TABLES, "pytest-benchmark")
