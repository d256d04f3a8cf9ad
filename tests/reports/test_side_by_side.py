"""Several runs in one page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.runfile.records import WorkloadRecord
from benchmarks.runfile.run import Run
from reports import export, side_by_side, sources
from reports.analysis.rows import Row, rows
from reports.side_by_side import WorkloadTable
from tests.reports import runs


def _save(folder: Path, made: Run) -> Path:
    folder.mkdir(parents=True)
    runs.write(made, folder)
    return folder


def _theirs(path: Path, made: Run) -> Path:
    """The run as a file of pytest-benchmark."""
    path.write_bytes(export.write(made, rows(made), "pytest-benchmark"))
    return path


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Two runs of different machines and workloads, and a file of pytest-benchmark."""
    other = runs.fail(runs.run(("line", "tall"), seed=1), "line/torch-gelsy/cpu/1", "off by far")
    other = runs.with_header(other, machine=replace(runs.MACHINE, cpu="another machine"))
    other = runs.altered(other, WorkloadRecord, lambda what: replace(what, sha256="cd" * 32))
    file = _theirs(tmp_path / "theirs.json", runs.run(("tall",)))
    one = _save(tmp_path / "one", runs.run(("tutorial", "line")))
    return [one, _save(tmp_path / "other", other), file]


def _tables(paths: list[Path]) -> dict[str, WorkloadTable]:
    by_letter = {letter: sources.read(path) for letter, path in zip("ABCDEFG", paths, strict=False)}
    return {table.name: table for table in side_by_side.tables(by_letter)}


def _cells(table: WorkloadTable) -> list[Row]:
    return [row for _, cells in table.lines for row in cells.values()]


def test_each_workload_has_a_column_for_each_run(three: list[Path]) -> None:
    tables = _tables(three)
    assert list(tables) == ["tutorial", "line", "tall"]
    for name, has in (("tutorial", "A"), ("line", "AB"), ("tall", "BC")):
        assert "".join(letter for letter, said in tables[name].answers.items() if said) == has
        assert {letter for _, cells in tables[name].lines for letter in cells} == set(has)


def test_the_page_has_no_column_for_a_run_without_the_workload(
    three: list[Path], tmp_path: Path
) -> None:
    """Those of a cluster share the workloads out. The page links to the pages that they have."""
    (three[0] / "index.html").write_text("")
    html = side_by_side.write([sources.read(path) for path in three], tmp_path).read_text()
    sections = dict(re.findall(r'aria-labelledby="w-(\w+)">(.*?)</section>', html, re.S))
    heads = {
        name: re.findall(r'"columnheader" data-sort>([A-C])<', section)
        for name, section in sections.items()
    }
    assert heads == {"tutorial": ["A"], "line": ["A", "B"], "tall": ["B", "C"]}
    assert sections["tall"].count('data-run="A"') == 0
    assert re.findall(r'href="([^#"]+)"', html) == ["one/index.html"]


def test_each_run_keeps_its_own_ratios_places_and_failures(three: list[Path]) -> None:
    alone = {path: {row.entry.id: row for row in sources.read(path).rows} for path in three[:2]}
    lines = dict(_tables(three)["line"].lines)
    for cells in lines.values():
        for path, letter in zip(three, "AB", strict=False):
            if row := cells.get(letter):
                same = alone[path][row.entry.id]
                assert (row.ratio, row.place) == (same.ratio, same.place)
                assert (row.baseline, row.reason) == (same.baseline, same.reason)
    passed, failed = lines["torch-gelsy"].values()
    assert passed
    assert passed.place
    assert failed
    assert (failed.reason, failed.place) == ("off by far", "")


def test_other_data_and_what_cannot_be_compared_are_said(three: list[Path], tmp_path: Path) -> None:
    tables = _tables(three)
    assert tables["tutorial"].note == ""
    assert tables["line"].note.startswith("Not the same data in A and B")
    written = side_by_side.write([sources.read(path) for path in three], tmp_path / "out")
    html = written.read_text(encoding="utf-8")
    for words in ("no interval goes across runs", "another machine", "off by far", str(three[1])):
        assert words in html.replace("&#39;", "'")
    summary = (tmp_path / "out/summary.md").read_text()
    assert len(summary.splitlines()) < 60
    assert "| tutorial | tensorflow-xla is the fastest" in summary


def test_a_figure_has_a_panel_for_each_timed_run(three: list[Path], tmp_path: Path) -> None:
    side_by_side.write([sources.read(path) for path in three], tmp_path / "out")
    names = {path.name for path in (tmp_path / "out/figures").iterdir()}
    assert names == {"line-runs.svg", "line-runs.png", "tall-runs.svg", "tall-runs.png"}
    drawn = (tmp_path / "out/figures/tall-runs.svg").read_text()
    assert re.findall(r">([ABC])</text>", drawn) == ["B", "C"]


def test_every_time_has_its_mark_on_one_axis(three: list[Path], tmp_path: Path) -> None:
    html = side_by_side.write([sources.read(path) for path in three], tmp_path / "out").read_text()
    timed = sum(bool(row.time) for table in _tables(three).values() for row in _cells(table))
    assert html.count('<svg class="mark') == timed > 20
    assert 'role="img"' not in html


def test_of_many_runs_every_one_has_its_panel(tmp_path: Path) -> None:
    paths = [_save(tmp_path / f"{seed}", runs.run(("line",), seed=seed)) for seed in range(7)]
    picture = _tables(paths)["line"].picture
    assert picture
    assert re.findall(r">([A-G])</text>", picture.svg) == list("ABCDEFG")
    # Two rows of panels, each with the names of the backends beside it.
    assert picture.svg.count(">numpy-gelsd</text>") == 2


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    file = _theirs(tmp_path / "<u>'theirs'.json", runs.run(("line",)))
    found = json.loads(file.read_text())
    for benchmark in found["benchmarks"]:
        benchmark |= {"name": runs.HOSTILE, "group": runs.HOSTILE, "fullname": runs.HOSTILE}
        benchmark["extra_info"] = {"device": runs.HOSTILE, "framework": runs.HOSTILE}
    found["machine_info"] = found["commit_info"] = {"id": runs.HOSTILE, "system": runs.HOSTILE}
    file.write_text(json.dumps(found))
    paths = [_save(tmp_path / "<i>'ours'", runs.hostile()), file]
    written = side_by_side.write([sources.read(path) for path in paths], tmp_path / "out")
    summary = (tmp_path / "out/summary.md").read_text()
    page = written.read_text(encoding="utf-8")
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in summary
    lines = [line for line in summary.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {4}
    for text in (page, summary):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]|<[iu]>", text)


def test_what_is_a_plugin_is_marked(tmp_path: Path) -> None:
    made = runs.run(("line",), rounds=3)
    first, *others = made.header.entries
    own = _save(tmp_path / "1", made)
    entries = [replace(first, backend="mine", plugin="mine.py"), *others]
    other = _save(tmp_path / "2", runs.with_header(made, entries=entries))
    written = side_by_side.write([sources.read(path) for path in (own, other)], tmp_path / "out")
    marked = re.findall(r'rowheader">(\S+) <small class="plugin"', written.read_text("utf-8"))
    assert marked == ["mine"]


def test_threads_tell_rows_apart_only_within_a_run(tmp_path: Path) -> None:
    one = _save(tmp_path / "1", runs.run(("tall",), threads=(4,)))
    other = _save(tmp_path / "2", runs.run(("tall",), threads=(2, 16)))
    lines = _tables([one, other])["tall"].lines
    assert len(lines) == 2 * 6
    assert sum(len(cells) == 2 for _, cells in lines) == 6
