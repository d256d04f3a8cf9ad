"""Scaling on the page."""

from __future__ import annotations

from pathlib import Path

from reports import page
from reports.analysis.rows import rows
from reports.sections import scaling
from reports.sections.scaling import Shown
from tests.reports import runs


def shown() -> Shown:
    records = runs.sizes()
    [found] = scaling.series(records, rows(records))
    return found


def test_the_crossover_is_a_sentence() -> None:
    """1e-7 n = 1e-4 + 5e-8 n at 2,000; by interpolation between 1,600 and 6,400, near it."""
    found = shown()
    assert found.title == "Time over samples, at 10 features, float32: least squares"
    [sentence] = [s for s in found.sentences if "torch-cholesky" in s]
    assert sentence.startswith("Below about 2,")
    assert sentence.endswith("numpy-gelsd is faster than torch-cholesky, above it slower.")
    assert len(found.crossovers) >= 2


def test_the_table_has_exponents_times_and_memory() -> None:
    found = shown()
    line = next(line for line in found.lines if line.backend == "numpy-gelsd")
    assert line.exponent[0] == "1.00"
    assert line.over == "100 to 100,000"
    assert line.smallest.endswith("at 100")
    assert line.largest.endswith("at 102,400")
    # 3 MB at 102,400 x 10 x 4 bytes.
    assert (line.memory, line.share) == ("3.00\N{NO-BREAK SPACE}MB", "0.7×")


def test_what_failed_is_named() -> None:
    assert shown().failed == ["torch-cholesky at 102,400 samples: coefficients are off"]


def test_a_lead_that_does_not_change_is_said() -> None:
    records = [
        record
        for record in runs.sizes()
        if "torch-cholesky" not in record.get("entry", "")
        and "sklearn" not in record.get("entry", "")
    ]
    [found] = scaling.series(records, rows(records))
    assert found.sentences == ["numpy-gelsd has the shortest time from 100 to 102,400 samples."]


def test_the_page_the_summary_and_the_figures_hold_it(tmp_path: Path) -> None:
    records = runs.measured(runs.sizes())
    source = page.write(records, tmp_path).read_text(encoding="utf-8")
    assert 'id="scaling"' in source
    assert "floor" in (tmp_path / "figures/scaling-1.svg").read_text(encoding="utf-8")
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "Below about 2," in summary
    assert len(summary.splitlines()) < 60


def test_a_run_without_a_series_has_no_such_part(folder: Path) -> None:
    assert 'id="scaling"' not in (folder / "index.html").read_text(encoding="utf-8")
