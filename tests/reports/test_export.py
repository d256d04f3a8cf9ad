"""Rows for other programs."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from benchmarks.errors import UserError
from benchmarks.runfile.header import DataFile, Variant
from benchmarks.runfile.records import FailureRecord
from benchmarks.runfile.run import Run
from reports import export
from reports.analysis.rows import rows
from tests.reports import runs

COLUMNS = str.split("""
workload backend device threads status passed reason samples seconds_median seconds_low seconds_high
ratio ratio_low ratio_high baseline import_seconds start_seconds transfer_seconds compile_seconds
weight_error bound r2 best_r2 floor_seconds times_floor peak_bytes data plugin workers
""")


@pytest.fixture(scope="module")
def full() -> Run:
    return runs.full()


def _written(run: Run, format: str) -> bytes:
    return export.write(run, rows(run), format)


def _csv(run: Run) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_written(run, "csv").decode())))


def test_json_holds_every_row_in_order_with_the_columns_in_order(full: Run) -> None:
    found = json.loads(_written(full, "json"))
    assert [tuple(row) for row in found] == [tuple(COLUMNS)] * len(found)
    assert [row["backend"] for row in found] == [row.entry.name for row in rows(full)]


def test_json_is_strict(full: Run) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads(_written(full, "json"), parse_constant=refuse)
    failed = next(row for row in found if row["backend"] == "tensorflow-cholesky" and row["reason"])
    assert failed["weight_error"] is None
    assert failed["seconds_median"] is None


def test_csv_keeps_numbers(full: Run) -> None:
    medians = {row.entry.id: row.time and row.time.value for row in rows(full)}
    found = _csv(full)
    for cells, (entry, median) in zip(found, medians.items(), strict=True):
        assert cells["backend"] == entry.split("/")[1]
        assert cells["seconds_median"] == ("" if median is None else repr(median))
    assert {cells["passed"] for cells in found} == {"true", "false"}


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t=", "\r\n@", "\x1b[1m=", "＝"])
def test_csv_text_is_no_formula(first: str) -> None:
    entry = runs.entry("line", f"{first}cmd()")
    reason = f'{first}cmd|" /C calc"!A0,\nmore'
    failure = FailureRecord(entry=entry.id, phase="fit", reason=reason)
    (row,) = _csv(runs.read_back(runs.of(runs.header([entry]), failure)))
    for cell in (row["reason"], row["backend"]):
        assert cell[0] in ("'", "[")  # what is left of an escape code is text already
        assert not {"\t", "\r", "\n", "\x1b"} & set(cell)
    assert row["reason"].endswith('cmd|" /C calc"!A0, more')


def test_parquet_has_typed_columns_and_the_same_values(full: Run) -> None:
    found = parquet.read_table(io.BytesIO(_written(full, "parquet")))
    assert found.column_names == COLUMNS
    assert found.to_pylist() == json.loads(_written(full, "json"))
    types = {name: str(type_) for name, type_ in zip(COLUMNS, found.schema.types, strict=True)}
    assert types["threads"] == "int64"
    assert types["ratio"] == types["seconds_median"] == "double"


def test_without_pyarrow_one_line_says_what_to_install(
    full: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match="pip install pyarrow"):
        _written(full, "parquet")


def test_pytest_benchmark_compares_it_and_shows_our_medians(full: Run, tmp_path: Path) -> None:
    (tmp_path / "ours.json").write_bytes(_written(full, "pytest-benchmark"))
    command = ["-c", "from pytest_benchmark.cli import main; main()", "compare"]
    command += ["--columns=median,rounds", "--name=long", "--csv=table.csv", "ours.json"]
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    timed = {row.entry.id: row for row in rows(full) if row.status == "passed"}
    table = (tmp_path / "table.csv").read_text()
    shown = {cells["name"]: cells for cells in csv.DictReader(io.StringIO(table))}
    assert len(shown) == len(timed)
    for row in timed.values():
        name = f"linreg-bench/{row.entry.workload}/{row.entry.backend}[cpu-1]"
        assert row.time is not None
        assert float(shown[name]["median"]) == row.time.value
        assert int(shown[name]["rounds"]) == row.samples
        assert name in done.stdout


def test_a_run_without_rows_still_has_its_columns() -> None:
    empty = runs.of(runs.header())
    assert _written(empty, "csv").decode() == ",".join(COLUMNS) + "\n"
    assert json.loads(_written(empty, "json")) == []
    assert parquet.read_table(io.BytesIO(_written(empty, "parquet"))).num_rows == 0
    assert json.loads(_written(empty, "pytest-benchmark"))["benchmarks"] == []


def test_another_format_is_a_clear_line() -> None:
    with pytest.raises(UserError, match="did you mean 'json'"):
        _written(runs.of(runs.header()), "jsn")


def test_a_variant_is_named_after_its_backend() -> None:
    variant = Variant(kind="revision", name="main", source="0123abc")
    entry = runs.entry("line", "torch-gelsy", variant=variant)
    (row,) = _csv(runs.of(runs.header([entry])))
    assert row["backend"] == "torch-gelsy@main"


def test_own_data_say_what_was_fitted() -> None:
    own = [DataFile(name="line", path="/data/table.csv", target="y")]
    run = runs.with_header(runs.run(("line", "tutorial")), files=own)
    said = {"line": run.workloads["line"].description}
    found = json.loads(_written(run, "pytest-benchmark"))["benchmarks"]
    assert {one["group"] for one in found} == {"line", "tutorial"}
    for one in found:
        assert one["extra_info"].get("data") == said.get(one["group"])
    for row in json.loads(_written(run, "json")):
        assert row["data"] == said.get(row["workload"])


def test_hostile_text_of_a_run_file_stays_text() -> None:
    run = runs.hostile()
    table = parquet.read_table(io.BytesIO(_written(run, "parquet"))).to_pylist()
    benchmarks = json.loads(_written(run, "pytest-benchmark"))
    for found in (_csv(run), json.loads(_written(run, "json")), table, benchmarks):
        assert "<script>" in str(found)
        assert not [mark for mark in ("\x1b", "\x9b", "\u202e", "\ud800") if mark in _texts(found)]


def _texts(found: Any) -> str:
    """All text in parsed JSON, as it is."""
    if isinstance(found, dict):
        return " ".join(map(_texts, [*found.keys(), *found.values()]))
    if isinstance(found, list):
        return " ".join(map(_texts, found))
    return str(found)
