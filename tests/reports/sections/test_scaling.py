"""Scaling on the page."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.runfile.records import SampleRecord
from benchmarks.runfile.run import Run
from reports.sections.scaling import Series
from tests.reports import runs
from tests.reports.pages import documented, written


def section(made: Run) -> Series:
    [found] = documented(made).series
    return found


def cells(tmp_path: Path, backend: str) -> list[str]:
    """Of the backend's row of the table."""
    source = written(runs.sizes(), tmp_path)
    source = source[source.index('id="scaling"') :]
    row = re.search(rf'<th scope="row">{backend}</th>(.*?)</tr>', source, re.DOTALL)
    assert row
    return [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td.*?</td>", row[1])]


def test_the_crossover_is_a_sentence() -> None:
    """1e-7 n = 1e-4 + 5e-8 n at 2,000; by interpolation between 1,600 and 6,400, near it."""
    found = section(runs.sizes())
    [sentence] = [s for s in found.sentences if "torch-cholesky" in s]
    assert sentence.startswith("Below about 2,")
    assert sentence.endswith("numpy-gelsd is faster than torch-cholesky, above it slower.")
    assert len(found.crossovers) >= 2


def test_the_table_has_exponents_times_and_memory(tmp_path: Path) -> None:
    exponent, over, smallest, largest, memory, share = cells(tmp_path, "numpy-gelsd")
    assert re.fullmatch(r"1\.00 \((0\.99|1\.00) to 1\.0\d\)", exponent)
    assert over == "100 to 100,000"
    assert smallest.endswith("at 100")
    assert largest.endswith("at 102,400")
    # 3 MB at 102,400 x 10 x 4 bytes.
    assert (memory, share) == ("3.00\N{NO-BREAK SPACE}MB", "0.7×")


def test_title_and_what_failed_are_on_the_page(tmp_path: Path) -> None:
    source = written(runs.sizes(), tmp_path)
    assert "<h3>Time over samples, at 10 features, float32: least squares</h3>" in source
    assert "<li>torch-cholesky at 102,400 samples: coefficients are off</li>" in source


def test_a_lead_that_does_not_change_is_said() -> None:
    made = runs.sizes()
    entries = [e for e in made.header.entries if e.backend == "numpy-gelsd"]
    found = section(runs.with_header(made, entries=entries))
    assert found.sentences == ["numpy-gelsd is the fastest from 100 to 102,400 samples."]


def test_a_lead_that_is_not_certain_everywhere_is_no_superlative() -> None:
    """At the largest size only one round is left."""
    made = runs.altered(
        runs.sizes(),
        SampleRecord,
        lambda s: None if s.round and s.entry.startswith("25600x10/") else s,
    )
    entries = [
        entry
        for entry in made.header.entries
        if entry.backend != "numpy-gelsd" and entry.workload != "102400x10"
    ]
    found = section(runs.with_header(made, entries=entries))
    assert found.sentences == [
        "torch-cholesky has the shortest median time from 100 to 25,600 samples; "
        "the first place is not certain at every size."
    ]


def test_the_page_the_summary_and_the_figures_hold_it(tmp_path: Path) -> None:
    source = written(runs.measured(runs.sizes()), tmp_path)
    assert 'id="scaling"' in source
    assert "floor" in (tmp_path / "figures/scaling-1.svg").read_text(encoding="utf-8")
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "Below about 2," in summary
    assert len(summary.splitlines()) < 60


def test_a_run_without_a_series_has_no_such_part(folder: Path) -> None:
    assert 'id="scaling"' not in (folder / "index.html").read_text(encoding="utf-8")
