"""What a row opens to."""

from __future__ import annotations

import shlex
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from benchmarks.runfile import Record
from reports.analysis.rows import Row, rows
from reports.sections.row import Evidence, Witness
from tests.reports import runs


def _evidence(records: list[Record], folder: Path | None = None) -> tuple[Row, Evidence]:
    row = rows(records)[0]
    return row, Witness(records, folder).of(row, None)


def _logged(folder: Path, name: str, text: str) -> str:
    """The log as evidence shows it, of a run whose worker's log is called that."""
    records = runs.run(("line",), rounds=3, only=("torch-gelsy",))
    for record in records:
        if record["record"] == "worker":
            record["log"] = name
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "logs/x.log").write_text(text)
    return _evidence(records, folder)[1].log


def test_the_command_repeats_just_this_row_and_is_quoted_for_a_shell() -> None:
    records = runs.run(("line",), only=("torch-gelsy",), threads=(3,))
    records[0] |= {"plugins": ["/a folder/with 'quotes'.py"], "seed": 7}
    records[0]["entries"][0] |= {"backend": "x; rm -rf *@main"}
    _, found = _evidence(records)
    assert shlex.split(" ".join(found.command)) == [
        *("linreg-bench", "run", "--workloads", "line", "--backends", "x; rm -rf *"),
        *("--devices", "cpu", "--threads", "3", "--seed", "7"),
        *("--plugin", "/a folder/with 'quotes'.py", "--against", "main"),
    ]


def test_the_end_of_a_log_is_shown_line_by_line_and_printable(tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(100)]
    shown = _logged(tmp_path, "logs/x.log", "\n".join([*lines, "\x1b[31mred", "x" * 10_000]))
    first, *rest = shown.splitlines()
    assert first == "… 87 lines before"
    assert rest[-3:-1] == ["line 99", "[31mred"]
    assert len(rest) == 15
    assert len(rest[-1]) == 200


@pytest.mark.parametrize(
    "name", ["../secret", "logs/../../secret", "/etc/passwd", "logs", "x\0", 3]
)
def test_a_run_file_cannot_show_what_lies_outside_its_logs(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    assert _logged(folder, name, "hello") == ""
    assert _logged(folder, "logs/x.log", "hello") == "hello"
    (folder / "logs/x.log").unlink()
    (folder / "logs/x.log").symlink_to(tmp_path / "secret")
    assert Witness([runs.header([])], folder)._log("logs/x.log") == ""


def test_a_process_that_failed_shows_its_log(tmp_path: Path) -> None:
    records = runs.run(("line",), only=("torch-gelsy",))
    records = runs.lose(records, "line/torch-gelsy/cpu/1", "start", "exited with status 3")
    for record in records:
        if record["record"] == "failure":
            record["log"] = "logs/x.log"
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/x.log").write_text("what went wrong")
    assert _evidence(records, tmp_path)[1].log == "what went wrong"


def test_every_sample_is_in_its_picture_until_there_are_too_many() -> None:
    for rounds, dots, step in ((12, 12, ""), (1000, 143, ", one in 7 drawn,")):
        row, found = _evidence(runs.run(("line",), rounds=rounds, only=("torch-gelsy",)))
        path = ElementTree.fromstring(found.timeline).find("path")
        assert path is not None
        assert path.attrib["d"].count("M") == dots
        assert found.caption.startswith(f"{rounds:,} samples{step} of 1 process in the order")
        fastest, slowest = min(row.times.values()), max(row.times.values())
        assert fastest.seconds < (row.seconds_median or 0) < slowest.seconds


def test_samples_of_each_process_have_a_shade_of_their_own() -> None:
    records = runs.run(("line",), only=("torch-gelsy",))
    for record in records:
        if record["record"] == "sample":
            record["replicate"] = record["round"] % 3
    svg = ElementTree.fromstring(_evidence(records)[1].timeline)
    assert [path.get("class") for path in svg.findall("path")] == [
        "process-0",
        "process-1",
        "process-2",
    ]


def test_a_row_without_samples_has_no_picture() -> None:
    _, found = _evidence(runs.run(("line",), rounds=0, only=("torch-gelsy",)))
    assert (str(found.timeline), found.caption) == ("", "")
