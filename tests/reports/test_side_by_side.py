"""Several runs in one page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.runfile import Record
from reports import export, side_by_side, sources
from tests.reports import runs


def _save(folder: Path, records: list[Record]) -> Path:
    folder.mkdir(parents=True)
    (folder / "run.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Two runs of different machines and workloads, and a file of pytest-benchmark."""
    one = runs.run(("tutorial", "line"))
    other = runs.fail(runs.run(("line", "tall"), seed=1), "line/torch-gelsy/cpu/1", "off by far")
    other[0]["machine"] = runs.MACHINE | {"cpu": "another machine"}
    for record in other:
        if record["record"] == "workload":
            record["sha256"] = "cd" * 32
    file = tmp_path / "theirs.json"
    file.write_bytes(export.write(runs.run(("tall",)), "pytest-benchmark"))
    return [_save(tmp_path / "one", one), _save(tmp_path / "other", other), file]


def _tables(paths: list[Path]) -> dict[str, side_by_side.Table]:
    columns = [
        side_by_side.Column(letter, str(path), sources.read(path))
        for letter, path in zip("ABC", paths, strict=False)
    ]
    return {table.name: table for table in side_by_side.tables(columns)}


def test_each_workload_has_a_column_for_each_run(three: list[Path]) -> None:
    tables = _tables(three)
    assert list(tables) == ["tutorial", "line", "tall"]
    for name, has in (("tutorial", "A"), ("line", "AB"), ("tall", "BC")):
        for letter, number in zip("ABC", range(3), strict=True):
            assert bool(tables[name].answers[number]) == (letter in has)
            assert any(line.cells[number] for line in tables[name].lines) == (letter in has)


def test_each_run_keeps_its_own_ratios_ranks_and_failures(three: list[Path]) -> None:
    alone = {path: {row.entry: row for row in sources.read(path).rows} for path in three[:2]}
    for line in _tables(three)["line"].lines:
        for path, cell in zip(three, line.cells, strict=False):
            if cell is not None:
                same = alone[path][cell.entry]
                for field in ("ratio", "ratio_low", "ratio_high", "rank", "baseline", "reason"):
                    assert getattr(cell, field) == getattr(same, field)
    (failed,) = [
        line for line in _tables(three)["line"].lines if line.first.backend == "torch-gelsy"
    ]
    assert failed.cells[0].rank
    assert failed.cells[1].reason == "off by far"
    assert not failed.cells[1].rank


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
    timed = sum(
        cell is not None and cell.seconds_median is not None
        for table in _tables(three).values()
        for line in table.lines
        for cell in line.cells
    )
    assert html.count('<svg class="mark') == timed > 20
    assert 'role="img"' not in html


def test_of_many_runs_every_one_has_its_panel(tmp_path: Path) -> None:
    paths = [_save(tmp_path / f"{seed}", runs.run(("line",), seed=seed)) for seed in range(7)]
    columns = [
        side_by_side.Column(letter, str(path), sources.read(path))
        for letter, path in zip("ABCDEFG", paths, strict=True)
    ]
    [table] = side_by_side.tables(columns)
    assert table.picture
    assert re.findall(r">([A-G])</text>", table.picture.svg) == list("ABCDEFG")
    # Two rows of panels, each with the names of the backends beside it.
    assert table.picture.svg.count(">numpy-gelsd</text>") == 2


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    records = runs.hostile()
    file = tmp_path / "<u>'theirs'.json"
    file.write_bytes(export.write(runs.run(("line",)), "pytest-benchmark"))
    found = json.loads(file.read_text())
    for benchmark in found["benchmarks"]:
        benchmark |= {"name": runs.HOSTILE, "group": runs.HOSTILE, "fullname": runs.HOSTILE}
        benchmark["extra_info"] = {"device": runs.HOSTILE, "framework": runs.HOSTILE}
    found["machine_info"] = found["commit_info"] = {"id": runs.HOSTILE, "system": runs.HOSTILE}
    file.write_text(json.dumps(found))
    paths = [_save(tmp_path / "<i>'ours'", records), file]
    written = side_by_side.write([sources.read(path) for path in paths], tmp_path / "out")
    summary = (tmp_path / "out/summary.md").read_text()
    page = written.read_text(encoding="utf-8")
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in summary
    rows = [line for line in summary.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}
    for text in (page, summary):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]|<[iu]>", text)


def test_threads_tell_rows_apart_only_within_a_run(tmp_path: Path) -> None:
    one = _save(tmp_path / "1", runs.run(("tall",), threads=(4,)))
    other = _save(tmp_path / "2", runs.run(("tall",), threads=(2, 16)))
    lines = _tables([one, other])["tall"].lines
    assert len(lines) == 2 * 6
    assert sum(line.cells[0] is not None and line.cells[1] is not None for line in lines) == 6
