"""Rows for other programs."""

from __future__ import annotations

import csv
import io
import json

import pytest

from benchmarks.errors import UserError
from benchmarks.results import EXPORTED, rows
from benchmarks.runfile import Record
from reports import export
from tests.reports import runs


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
    found = list(csv.DictReader(io.StringIO(export.write(full, "csv"))))
    medians = {row.entry: row.seconds_median for row in rows(full)}
    for cells, (entry, median) in zip(found, medians.items(), strict=True):
        assert cells["backend"] == entry.split("/")[1]
        assert cells["seconds_median"] == ("" if median is None else repr(median))
    assert {cells["passed"] for cells in found} == {"true", "false"}


@pytest.mark.parametrize("first", "=+-@")
def test_csv_text_is_no_formula(first: str) -> None:
    records = runs.run(("line",), only=("torch-gelsy",))
    reason = f'{first}cmd|" /C calc"!A0,\nmore'
    failed = runs.fail(records, "line/torch-gelsy/cpu/1", reason)
    (row,) = csv.DictReader(io.StringIO(export.write(failed, "csv")))
    assert row["reason"] == f'\'{first}cmd|" /C calc"!A0, more'


def test_a_run_without_rows_still_has_its_columns() -> None:
    empty = [runs.header([])]
    assert export.write(empty, "csv") == ",".join(EXPORTED) + "\n"
    assert json.loads(export.write(empty, "json")) == []


def test_another_format_is_a_clear_line() -> None:
    with pytest.raises(UserError, match="did you mean 'json'"):
        export.write([runs.header([])], "jsn")
