"""What a row opens to."""

from __future__ import annotations

import shlex
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from benchmarks.runfile.header import DataFile, EntryRecord, Reading, Variant
from benchmarks.runfile.records import FailureRecord, FitRecord, SampleRecord, WorkerRecord
from benchmarks.runfile.run import Run
from reports.analysis.rows import Row, rows
from reports.figures.marks import timeline, timeline_caption
from reports.sections.evidence import log_end, repeat_command, shell_command
from tests.reports import runs
from tests.reports.pages import written


def one(**header: Any) -> tuple[Run, EntryRecord]:
    """A run of one entry, and the entry."""
    made = runs.run(("line",), only=("torch-gelsy",), threads=(3,))
    made = runs.with_header(made, **header)
    return made, made.header.entries[0]


def options(made: Run, entry: EntryRecord) -> list[str]:
    """Those of the command that repeats the entry, without what all have."""
    common = ("linreg-bench", "run", "--backends", "torch-gelsy", "--threads", "3", "--seed", "0")
    command = repeat_command(made, entry)
    assert command[:2] == ["linreg-bench", "run"]
    assert set(common) <= set(command)
    return [argument for argument in command if argument not in common]


LINE = ["--workloads", "line", "--devices", "cpu"]


def test_the_command_repeats_just_this_row() -> None:
    made, entry = one(plugins=("/a.py", "/b.py"), seed=7)
    assert repeat_command(made, entry) == [
        *("linreg-bench", "run", "--workloads", "line", "--backends", "torch-gelsy"),
        *("--devices", "cpu", "--threads", "3", "--seed", "7"),
        *("--plugin", "/a.py", "--plugin", "/b.py"),
    ]


@pytest.mark.parametrize(
    ("kind", "source", "words"),
    [
        ("environment", "/opt/nightly/bin/python", ["--env", "new=/opt/nightly/bin/python"]),
        ("revision", "0123abc", ["--against", "0123abc"]),
    ],
)
def test_a_variant_is_asked_for_as_it_was(kind: Any, source: str, words: list[str]) -> None:
    made, entry = one()
    variant = replace(entry, variant=Variant(kind=kind, name="new", source=source))
    assert options(made, variant) == [*LINE, *words]


def test_a_slowed_copy_cannot_be_asked_for() -> None:
    made, entry = one()
    copy = replace(entry, variant=Variant(kind="copy", name="slowed"))
    assert repeat_command(made, copy) == []
    assert shell_command(copy, made) == ""


@pytest.mark.parametrize(
    ("target", "words"), [("y", ["--target", "y"]), ("", ["--target", ""]), (None, [])]
)
def test_own_data_are_named_by_their_file(target: str | None, words: list[str]) -> None:
    made, entry = one(files=[DataFile(name="line", path="/data/table.csv", target=target)])
    assert options(made, entry) == ["--data", "/data/table.csv", *words, "--devices", "cpu"]
    other = one(files=[DataFile(name="other", path="/data/table.csv", target=target)])
    assert options(*other) == LINE


def test_own_data_are_read_again_as_they_were() -> None:
    reading = Reading(features="x_*,b", missing="?,-999", delimiter="tab", no_header=True)
    file = DataFile(name="line", path="-", target="y", reading=replace(reading, drop_missing=True))
    made, entry = one(files=[file])
    words = ["--features", "x_*,b", "--delimiter", "tab", "--missing", "?,-999"]
    flags = ["--no-header", "--drop-missing"]
    table = ["--data", "-", "--target", "y"]
    assert options(made, entry) == [*table, *words, "--devices", "cpu", *flags]
    assert shell_command(entry, made).endswith("  # the same table on standard input")


def test_cold_and_tf32_are_asked_for_where_they_matter() -> None:
    made, entry = one(cold=True, tf32=True)
    assert options(made, entry) == [*LINE, "--cold"]
    there = replace(entry, device="cuda:0")
    assert options(made, there) == [*LINE[:-1], "cuda:0", "--tf32", "--cold"]


def test_a_check_is_repeated_by_a_check() -> None:
    made, entry = one(budget_seconds=None)
    assert repeat_command(made, entry)[:2] == ["linreg-bench", "check"]


def test_the_command_is_quoted_for_a_shell(tmp_path: Path) -> None:
    made, entry = one(plugins=("/a folder/with 'quotes'.py",))
    hostile = replace(entry, backend="x; rm -rf *")
    command = shell_command(hostile, made)
    assert "--backends 'x; rm -rf *' --devices" in command
    assert shlex.split(command) == repeat_command(made, hostile)
    page = written(made, tmp_path)
    assert escape(shell_command(entry, made)) in page


def _logged(folder: Path, name: str, text: str) -> str:
    """The log as evidence shows it, of a run whose worker's log is called that."""
    made = runs.run(("line",), rounds=3, only=("torch-gelsy",))
    made = runs.altered(made, WorkerRecord, lambda worker: replace(worker, log=name))
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "logs/x.log").write_text(text)
    return log_end(rows(made)[0], made, folder)


def test_the_end_of_a_log_is_shown_line_by_line_and_printable(tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(100)]
    shown = _logged(tmp_path, "logs/x.log", "\n".join([*lines, "\x1b[31mred", "x" * 10_000]))
    first, *rest = shown.splitlines()
    assert first == "… 87 lines before"
    assert rest[-3:-1] == ["line 99", "[31mred"]
    assert len(rest) == 15
    assert len(rest[-1]) == 200


@pytest.mark.parametrize(
    "name", ["../secret", "logs/../../secret", "/etc/passwd", "logs", "x\0", "3"]
)
def test_a_run_file_cannot_show_what_lies_outside_its_logs(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    assert _logged(folder, name, "hello") == ""
    assert _logged(folder, "logs/x.log", "hello") == "hello"
    (folder / "logs/y.log").symlink_to(tmp_path / "secret")
    assert _logged(folder, "logs/y.log", "hello") == ""


def test_a_process_that_failed_shows_its_log(tmp_path: Path) -> None:
    made = runs.run(("line",), only=("torch-gelsy",))
    made = runs.lose(made, "line/torch-gelsy/cpu/1", "start", "exited with status 3")
    made = runs.altered(made, FailureRecord, lambda failure: replace(failure, log="logs/x.log"))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/x.log").write_text("what went wrong")
    assert log_end(rows(made)[0], made, tmp_path) == "what went wrong"
    assert log_end(rows(made)[0], made, None) == ""


def test_what_the_suite_saw_is_said_in_words(tmp_path: Path) -> None:
    made = runs.altered(one()[0], FitRecord, lambda fit: replace(fit, cores=(2, 3)))
    source = written(runs.measured(made), tmp_path).replace("\n", "")
    facts = source[source.index("What the suite saw") :]
    for name, value in (("device", "cpu, 3 threads"), ("style", "idiomatic"), ("cores", "2, 3")):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in facts
    for name in ("error", "import", "device start", "first fit", "fitted weight and bias"):
        assert f"<dt>{name}</dt><dd>" in facts
    assert "<dt>data</dt><dd>the same bytes as everyone</dd>" in facts
    assert "OTHER BYTES" not in source


def _one_row(made: Run) -> Row:
    [row] = rows(made)
    return row


def test_every_sample_is_in_its_picture_until_there_are_too_many() -> None:
    for rounds, dots, step in ((12, 12, ""), (1000, 143, ", one in 7 drawn,")):
        row = _one_row(runs.run(("line",), rounds=rounds, only=("torch-gelsy",)))
        path = ElementTree.fromstring(timeline(row)).find("path")
        assert path is not None
        assert path.attrib["d"].count("M") == dots
        in_order = f"{rounds:,} samples{step} of 1 process in the order"
        assert timeline_caption(row).startswith(in_order)
        fastest, slowest = min(row.times.values()), max(row.times.values())
        assert row.time
        assert fastest.seconds < row.time.value < slowest.seconds


def test_samples_of_each_process_have_a_shade_of_their_own() -> None:
    made = runs.run(("line",), only=("torch-gelsy",))
    made = runs.altered(made, SampleRecord, lambda s: replace(s, replicate=s.round % 3))
    svg = ElementTree.fromstring(timeline(_one_row(made)))
    shades = [path.get("class") for path in svg.findall("path")]
    assert shades == ["process-0", "process-1", "process-2"]


def test_a_row_without_samples_has_no_picture(tmp_path: Path) -> None:
    made = runs.run(("line",), rounds=0, only=("torch-gelsy",))
    assert timeline(_one_row(made)) == ""
    assert 'class="timeline"' not in written(made, tmp_path)
