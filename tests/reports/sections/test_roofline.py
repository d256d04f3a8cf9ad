"""Floors and limits on the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.runfile.run import Run
from reports import export
from reports.analysis.rows import rows
from reports.document import Document
from tests.reports import runs
from tests.reports.pages import written


def test_a_run_without_limits_shows_none(tmp_path: Path) -> None:
    made = runs.run(("line",))
    assert {row.times_floor for row in rows(made)} == {None}
    assert "can do at best" not in written(made, tmp_path)


def test_every_workload_has_its_floor(seen: Document, folder: Path, full: Run) -> None:
    source = (folder / "index.html").read_text(encoding="utf-8")
    table = source[source.index('aria-label="Floors"') :].split("</table>")[0]
    lines = {
        name: [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td.*?</td>", cells)]
        for name, cells in re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', table, re.DOTALL)
    }
    assert list(lines) == [section.name for section in seen.workloads]
    # tall: 100,000 x 21 numbers of 4 bytes at 25 GB/s; 100,000 x 20 x 21 + 20**3 / 3 operations
    # at 100 Gflop/s.
    words = [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in lines["tall"]]
    assert words[:3] == ["cpu, 1 thread", "8.00 MB", "25.0 GB/s (−0%)"]
    assert words[3:8] == ["8.40 MB", "336 µs", "100 Gflop/s (−0%)", "42.0 Mflop", "420 µs"]
    assert words[8:] == ["420 µs arithmetic"]
    row = next(row for row in rows(full) if row.entry.workload == "tall" and row.times_floor)
    assert row.time
    assert row.times_floor == pytest.approx(row.time.value / 420.027e-6, rel=1e-4)


def test_the_ranking_says_how_many_times_its_floor_a_row_takes(folder: Path, full: Run) -> None:
    source = (folder / "index.html").read_text(encoding="utf-8")
    for row in rows(full):
        if row.status == "passed":
            assert f'data-value="{row.times_floor}"' in source


def test_the_export_has_the_floor(full: Run) -> None:
    found = json.loads(export.write(full, rows(full), "json"))
    row = next(row for row in found if row["times_floor"])
    assert row["times_floor"] == pytest.approx(row["seconds_median"] / row["floor_seconds"])


def test_limits_of_a_hostile_run_file_stay_text(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>\x1b[31m"
    made = runs.add(
        runs.run(("line",)),
        runs.limit("line", bad, words=bad, read_rate=1e9),
        runs.limit("line", "numpy", call_seconds=None, product_rate=None),
    )
    source = written(runs.read_back(made), tmp_path)
    assert "<script>alert(1)" not in source
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in source
