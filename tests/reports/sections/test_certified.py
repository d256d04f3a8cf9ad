"""The table of correct digits, its sentence, and where they are shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.runfile.records import FailureRecord, Record, VerdictRecord
from benchmarks.runfile.run import Run
from benchmarks.verdict import Digits
from reports.document import Document
from reports.sections.certified import CertifiedTable
from tests.reports import runs
from tests.reports.pages import documented, written

#: The least digits by backend and set; None where there was no fit.
FOUND: dict[str, dict[str, float | None]] = {
    "torch-gelsy": {"longley": 11.3, "wampler1": 9.7, "filip": 7.5},
    "sklearn-linear": {"longley": 13.6, "wampler1": 0.2, "filip": 0.0},
    "torch-cholesky": {"longley": 7.2, "wampler1": 6.8, "filip": None},
}
FAILED = ("nist-wampler1/sklearn-linear", "nist-filip/sklearn-linear", "nist-filip/torch-cholesky")


def name_of(set_: str, dtype: str) -> str:
    return f"nist-{set_}" + ("" if dtype == "float64" else f"-{dtype}")


def run(*dtypes: str, only: tuple[str, ...] = tuple(FOUND)) -> Run:
    """A check of three backends on three sets, in each dtype."""
    entries, kept = [], list[Record]()
    shape: dict[str, Any] = {"n_features": 1, "certified": [1.0, 2.0], "sha256": "ab"}
    for dtype in dtypes:
        for set_ in ("filip", "longley", "wampler1"):
            name = name_of(set_, dtype)
            kept.append(runs.plain(name, dtype=dtype, **shape))
            for backend in only:
                entries.append(runs.entry(name, backend))
                kept.append(outcome(entries[-1].id, FOUND[backend][set_]))
    return runs.of(runs.header(entries), *kept, runs.footer())


def outcome(entry: str, least: float | None) -> Record:
    if least is None:
        return FailureRecord(entry=entry, phase="fit", reason="not positive")
    digits = Digits([least, 15.0], least=least, bound=6.66, possible=14.96, most=15.0)
    reason = "off by 0.3" if entry.startswith(FAILED) else ""
    return runs.judged(entry, reason, digits=digits)


def tables(made: Run) -> Sequence[CertifiedTable]:
    return documented(made).certified


def cells(made: Run, folder: Path) -> dict[str, list[tuple[str, str]]]:
    """By backend the class and the words of each cell of the first table."""
    source = written(made, folder)
    table = source[source.index('<table class="digits') :].split("</table>")[0]
    return {
        backend: [
            (look, re.sub("<[^>]*>", "", words))
            for look, words in re.findall(r'<td class="n ?(\w*)">(.*?)</td>', row)
        ]
        for backend, row in re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', table, re.DOTALL)
    }


def test_every_cell_has_its_digits_and_bound_and_failures_are_visible(tmp_path: Path) -> None:
    [table] = tables(run("float64"))
    assert list(table.sets.values()) == ["filip", "longley", "wampler1"]
    found = cells(run("float64"), tmp_path)
    assert {len(row) for row in found.values()} == {3}
    assert found["torch-gelsy"][2] == ("right", "9.7 ≥ 6.7")
    assert found["sklearn-linear"][2] == ("wrong", "✗ 0.2 ≥ 6.7")
    assert found["torch-cholesky"][0] == ("wrong", "✗ –")
    assert found["the exact solution"] == [("", "15.0")] * 3
    assert table.most == 15.0


def test_the_sentence_says_who_has_most_and_who_loses_most() -> None:
    [table] = tables(run("float64"))
    assert table.sentence == (
        "torch-gelsy has most correct digits on 3 certified data sets: 9.7 in the median, at worst "
        "7.5 on filip. sklearn-linear fails on 2 of them: it has 0.2 on wampler1, where "
        "torch-gelsy has 9.7."
    )


def test_the_figure_says_what_the_table_says() -> None:
    double, single = tables(run("float64", "float32"))
    assert "torch-gelsy: 9.7 in the median, 7.5 at worst" in double.picture.alt
    cholesky = re.search(r"torch-cholesky: [\d.]+ in the median, 0.0 at worst", double.picture.alt)
    assert cholesky  # it has no fit of filip
    assert "failed the gate" in double.picture.svg
    assert double.picture.name != single.picture.name


def test_without_failures_nobody_is_blamed_and_without_a_whole_row_nobody_praised() -> None:
    [right] = tables(run("float64", only=("torch-gelsy",)))
    assert "fails" not in right.sentence
    [partial] = tables(run("float64", only=("torch-cholesky",)))
    assert partial.sentence == "No backend has a fit of all 3 certified data sets."


def test_each_dtype_has_a_table_and_a_run_without_certified_data_none(seen: Document) -> None:
    assert [table.dtype for table in tables(run("float64", "float32"))] == ["float64", "float32"]
    assert seen.certified == []


def test_what_was_not_reached_and_what_is_within_bounds_of_nothing_are_muted(
    tmp_path: Path,
) -> None:
    entry = "nist-longley/torch-gelsy/cpu/1"
    cut = runs.altered(run("float64"), VerdictRecord, lambda v: None if v.entry == entry else v)
    assert cells(cut, tmp_path)["torch-gelsy"][1] == ("muted", "–")
    few = Digits([0.4], least=0.4, bound=0.1, possible=14.96, most=15.0)
    made = runs.altered(
        run("float64"),
        VerdictRecord,
        lambda v: replace(v, digits=few) if v.entry == entry else v,
    )
    assert cells(made, tmp_path)["torch-gelsy"][1] == ("muted", "0.4 ≥ 0.1")


def test_a_run_without_digits_has_no_table(tmp_path: Path) -> None:
    made = runs.altered(run("float64"), VerdictRecord, lambda v: replace(v, digits=None))
    assert "Correct digits" not in written(made, tmp_path)


def test_page_and_summary_show_them(tmp_path: Path) -> None:
    source = written(run("float64", "float32"), tmp_path)
    assert "✗ 0.2 <small>≥ 6.7</small>" in source
    assert 'href="#w-nist-wampler1-float32"' in source
    assert "float64: torch-gelsy has most correct" in (tmp_path / "summary.md").read_text()


def test_a_page_without_certified_data_does_not_speak_of_them(folder: Path) -> None:
    assert "Correct digits" not in (folder / "index.html").read_text(encoding="utf-8")
