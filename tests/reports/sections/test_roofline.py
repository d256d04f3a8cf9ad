"""Floors and limits on the page."""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

import pytest

from benchmarks.runfile import Record
from reports import export, page
from reports.analysis.rows import rows
from reports.document import View
from reports.sections import roofline as limits
from tests.reports import runs


def test_a_run_without_limits_shows_none(tmp_path: Path) -> None:
    records = runs.run(("line",))
    assert limits.limits(records) is None
    assert {row.times_floor for row in rows(records)} == {None}
    source = page.write(records, tmp_path).read_text(encoding="utf-8")
    assert "can do at best" not in source


def test_every_workload_has_its_floor(seen: View, full: list[Record]) -> None:
    assert seen.limits is not None
    by_name = {line.workload: line for line in seen.limits.floors}
    assert list(by_name) == [section.name for section in seen.sections]
    # tall: 100,000 x 21 numbers of 4 bytes at 25 GB/s; 100,000 x 20 x 21 + 20**3 / 3 operations
    # at 100 Gflop/s.
    words = [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in astuple(by_name["tall"])]
    assert words[1:4] == ["cpu, 1 thread", "8.00 MB", "25.0 GB/s (−0%)"]
    assert words[4:9] == ["8.40 MB", "336 µs", "100 Gflop/s (−0%)", "42.0 Mflop", "420 µs"]
    assert words[9:] == ["420 µs", "arithmetic"]
    row = next(row for row in rows(full) if row.workload == "tall" and row.times_floor)
    assert row.times_floor == pytest.approx(row.seconds_median / 420.027e-6, rel=1e-4)


def test_the_ranking_says_how_many_times_its_floor_a_row_takes(
    folder: Path, full: list[Record]
) -> None:
    source = (folder / "index.html").read_text(encoding="utf-8")
    for row in rows(full):
        if row.status == "passed":
            assert f'data-value="{row.times_floor}"' in source


def test_the_export_has_the_floor(full: list[Record]) -> None:
    found = json.loads(export.write(full, "json"))
    row = next(row for row in found if row["times_floor"])
    assert row["times_floor"] == pytest.approx(row["seconds_median"] / row["floor_seconds"])


def test_limits_of_a_hostile_run_file_stay_text(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>\x1b[31m"
    records = runs.run(("line",))
    records[-1:-1] = [
        runs.limit("line", bad, words=bad, read_rate=1e9),
        runs.limit("line", "numpy", call_seconds=None, product_rate=None),
    ]
    source = page.write(records, tmp_path).read_text(encoding="utf-8")
    assert "<script>alert(1)" not in source
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in source
