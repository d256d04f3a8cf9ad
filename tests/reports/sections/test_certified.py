"""The table of correct digits, its sentence, and where they are shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runfile import Record
from reports import page
from reports.analysis.rows import rows, workloads
from reports.sections import certified as digits
from tests.reports import runs

#: The least digits by backend and set; None where there was no fit.
FOUND: dict[str, dict[str, float | None]] = {
    "torch-gelsy": {"longley": 11.3, "wampler1": 9.7, "filip": 7.5},
    "sklearn-linear": {"longley": 13.6, "wampler1": 0.2, "filip": 0.0},
    "torch-cholesky": {"longley": 7.2, "wampler1": 6.8, "filip": None},
}
FAILED = ("nist-wampler1/sklearn-linear", "nist-filip/sklearn-linear", "nist-filip/torch-cholesky")


def name_of(set_: str, dtype: str) -> str:
    return f"nist-{set_}" + ("" if dtype == "float64" else f"-{dtype}")


def run(*dtypes: str) -> list[Record]:
    """A check of three backends on three sets, in each dtype."""
    entries, kept = [], []
    for dtype in dtypes:
        for set_ in ("filip", "longley", "wampler1"):
            name = name_of(set_, dtype)
            record: Record = {"record": "workload", "name": name, "method": {}, "dtype": dtype}
            kept.append(record | {"certified": [1.0, 2.0], "sha256": "ab"})
            for backend, of in FOUND.items():
                entry = runs.entry(name, backend)
                entries.append(entry)
                kept.append(outcome(entry["entry"], of[set_]))
    return [runs.header(entries), *kept, runs.footer()]


def outcome(entry: str, least: float | None) -> Record:
    if least is None:
        return {"record": "failure", "entry": entry, "phase": "fit", "reason": "not positive"}
    reason = "off by 0.3" if entry.startswith(FAILED) else ""
    found: dict[str, Any] = {"least": least, "bound": 6.66, "possible": 14.96, "most": 15.0}
    return {
        "record": "verdict",
        "entry": entry,
        "passed": not reason,
        "reason": reason,
        "weight_error": 1e-9,
        "bound": 1e-7,
        "checks": [],
        "digits": found | {"coefficients": [least, 15.0]},
    }


def tables(records: list[Record]) -> list[digits.Table]:
    return digits.tables(rows(records), workloads(records))


def test_every_cell_has_its_digits_and_bound_and_failures_are_visible() -> None:
    [table] = tables(run("float64"))
    assert [set_ for set_, _ in table.sets] == ["filip", "longley", "wampler1"]
    cells = {
        (backend, set_): cell
        for backend, found in table.backends
        for (set_, _), cell in zip(table.sets, found, strict=True)
    }
    assert len(cells) == 9
    assert cells["torch-gelsy", "wampler1"] == digits.Cell("9.7", "6.7", "right")
    assert cells["sklearn-linear", "wampler1"] == digits.Cell("0.2", "6.7", "wrong")
    assert cells["torch-cholesky", "filip"] == digits.Cell("–", "", "wrong")
    assert table.possible == ["15.0"] * 3
    assert table.most == "15.0"


def test_the_sentence_says_who_has_most_and_who_loses_most() -> None:
    [table] = tables(run("float64"))
    assert table.sentence == (
        "torch-gelsy has most correct digits on 3 certified data sets: 9.7 in the median, at worst "
        "7.5 on filip. sklearn-linear fails on 2 of them: it has 0.2 on wampler1, where "
        "torch-gelsy has 9.7."
    )


def test_the_figure_says_what_the_table_says_and_a_terminal_needs_none() -> None:
    records = run("float64", "float32")
    double, single = tables(records)
    assert "torch-gelsy: 9.7 in the median, 7.5 at worst" in double.picture.alt
    cholesky = re.search(r"torch-cholesky: [\d.]+ in the median, 0.0 at worst", double.picture.alt)
    assert cholesky  # it has no fit of filip
    assert "failed the gate" in double.picture.svg
    assert double.picture.name != single.picture.name
    assert digits.sentences(rows(records), workloads(records)) == [
        ("float64", double.sentence),
        ("float32", single.sentence),
    ]


def test_without_failures_nobody_is_blamed_and_without_a_whole_row_nobody_praised() -> None:
    records = run("float64")
    only = [r for r in records if "torch-gelsy" in r.get("entry", "torch-gelsy")]
    only[0] = runs.header([e for e in only[0]["entries"] if e["backend"] == "torch-gelsy"])
    assert "fails" not in tables(only)[0].sentence
    rest = [r for r in records if "torch-cholesky" in r.get("entry", "torch-cholesky")]
    rest[0] = runs.header([e for e in records[0]["entries"] if e["backend"] == "torch-cholesky"])
    assert tables(rest)[0].sentence == "No backend has a fit of all 3 certified data sets."


def test_each_dtype_has_a_table_and_a_run_without_certified_data_none(full: list[Record]) -> None:
    assert [table.dtype for table in tables(run("float64", "float32"))] == ["float64", "float32"]
    assert tables(full) == []


def test_what_was_not_reached_and_what_is_within_bounds_of_nothing_are_muted() -> None:
    records = run("float64")
    entry = "nist-longley/torch-gelsy/cpu/1"
    cut = [r for r in records if r.get("entry") != entry]
    found = dict(tables(cut)[0].backends)
    assert found["torch-gelsy"][1] == digits.Cell("–", "", "muted")
    for record in records:
        if record.get("entry") == entry:
            record["digits"] = record["digits"] | {"least": 0.4}
    assert dict(tables(records)[0].backends)["torch-gelsy"][1].look == "muted"


@pytest.mark.parametrize("bad", [None, {}, {"least": None}, {"least": "nan", "most": "x"}])
def test_digits_that_are_no_numbers_do_no_harm(bad: Record | None, tmp_path: Path) -> None:
    records = run("float64")
    for record in records:
        if record["record"] == "verdict":
            record["digits"] = bad
    page.write(records, tmp_path)


def test_page_and_summary_show_them(tmp_path: Path) -> None:
    page.write(run("float64", "float32"), tmp_path)
    source = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "✗ 0.2 <small>≥ 6.7</small>" in source
    assert 'href="#w-nist-wampler1-float32"' in source
    assert "float64: torch-gelsy has most correct" in (tmp_path / "summary.md").read_text()


def test_a_page_without_certified_data_does_not_speak_of_them(folder: Path) -> None:
    assert "Correct digits" not in (folder / "index.html").read_text(encoding="utf-8")
