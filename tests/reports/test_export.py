"""Rows for other programs."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from benchmarks.errors import UserError
from benchmarks.runfile import Record
from reports import export
from reports.analysis.rows import EXPORTED, rows
from tests.reports import runs


def _csv(records: list[Record]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(export.write(records, "csv").decode())))


def test_json_holds_every_row_in_order_with_the_columns_in_order(full: list[Record]) -> None:
    found = json.loads(export.write(full, "json"))
    assert [tuple(row) for row in found] == [EXPORTED] * len(found)
    assert [row["backend"] for row in found] == [row.backend for row in rows(full)]


def test_json_is_strict(full: list[Record]) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads(export.write(full, "json"), parse_constant=refuse)
    failed = next(row for row in found if row["backend"] == "tensorflow-cholesky" and row["reason"])
    assert failed["weight_error"] is None
    assert failed["seconds_median"] is None


def test_csv_keeps_numbers(full: list[Record]) -> None:
    medians = {row.entry: row.seconds_median for row in rows(full)}
    found = _csv(full)
    for cells, (entry, median) in zip(found, medians.items(), strict=True):
        assert cells["backend"] == entry.split("/")[1]
        assert cells["seconds_median"] == ("" if median is None else repr(median))
    assert {cells["passed"] for cells in found} == {"true", "false"}


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t=", "\r\n@", "\x1b[1m=", "＝"])
def test_csv_text_is_no_formula(first: str) -> None:
    records = runs.run(("line",), only=("torch-gelsy",))
    reason = f'{first}cmd|" /C calc"!A0,\nmore'
    failed = runs.fail(records, "line/torch-gelsy/cpu/1", reason)
    failed[0]["entries"][0]["backend"] = f"{first}cmd()"
    (row,) = _csv(failed)
    for cell in (row["reason"], row["backend"]):
        assert cell[0] in ("'", "[")  # what is left of an escape code is text already
        assert not {"\t", "\r", "\n", "\x1b"} & set(cell)
    assert row["reason"].endswith('cmd|" /C calc"!A0, more')


def test_parquet_has_typed_columns_and_the_same_values(full: list[Record]) -> None:
    found = parquet.read_table(io.BytesIO(export.write(full, "parquet")))
    assert tuple(found.column_names) == EXPORTED
    assert found.to_pylist() == json.loads(export.write(full, "json"))
    types = {name: str(type_) for name, type_ in zip(EXPORTED, found.schema.types, strict=True)}
    assert types["threads"] == "int64"
    assert types["ratio"] == types["seconds_median"] == "double"


def test_without_pyarrow_one_line_says_what_to_install(
    full: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match="pip install pyarrow"):
        export.write(full, "parquet")


def test_pytest_benchmark_compares_it_and_shows_our_medians(
    full: list[Record], tmp_path: Path
) -> None:
    (tmp_path / "ours.json").write_bytes(export.write(full, "pytest-benchmark"))
    command = ["-c", "from pytest_benchmark.cli import main; main()", "compare"]
    command += ["--columns=median,rounds", "--name=long", "--csv=table.csv", "ours.json"]
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    timed = {row.entry: row for row in rows(full) if row.status == "passed"}
    table = (tmp_path / "table.csv").read_text()
    shown = {cells["name"]: cells for cells in csv.DictReader(io.StringIO(table))}
    assert len(shown) == len(timed)
    for row in timed.values():
        name = f"linreg-bench/{row.workload}/{row.backend}[cpu-1]"
        assert float(shown[name]["median"]) == row.seconds_median
        assert int(shown[name]["rounds"]) == row.samples
        assert name in done.stdout


def test_a_run_without_rows_still_has_its_columns() -> None:
    empty = [runs.header([])]
    assert export.write(empty, "csv").decode() == ",".join(EXPORTED) + "\n"
    assert json.loads(export.write(empty, "json")) == []
    assert parquet.read_table(io.BytesIO(export.write(empty, "parquet"))).num_rows == 0
    assert json.loads(export.write(empty, "pytest-benchmark"))["benchmarks"] == []


def test_another_format_is_a_clear_line() -> None:
    with pytest.raises(UserError, match="did you mean 'json'"):
        export.write([runs.header([])], "jsn")
