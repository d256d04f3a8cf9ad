"""Whatever a worker answers is one failed row at most, and never the end of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends import registry
from benchmarks.cli.app import main
from benchmarks.runfile.run import Run
from reports.analysis.rows import Row, rows

PLUGIN = Path(__file__).parents[2] / "plugins" / "dishonest.py"
NO_ANSWER = "wrote something that is no answer: "
TWICE = "wrote more than one line for one request"

#: What `check` says of each.
CHECKED = {
    "text": NO_ANSWER + "the answer: Invalid JSON",
    "nothing": NO_ANSWER + "the answer: Invalid JSON",
    "nested": NO_ANSWER + "the answer: Invalid JSON: recursion limit exceeded",
    "list": NO_ANSWER + "the answer: Input should be an object",
    "null": NO_ANSWER + "the answer: Input should be an object",
    "text-for-number": NO_ANSWER + "seconds: Input should be a valid number",
    "nan": NO_ANSWER + "seconds: Input should be a finite number",
    "infinite": NO_ANSWER + "seconds: Input should be a finite number",
    "negative": NO_ANSWER + "seconds: Input should be greater than or equal to 0",
    "huge": NO_ANSWER + "seconds: Input should be a finite number",
    "endless-number": NO_ANSWER + "the answer: Invalid JSON: number out of range",
    "no-seconds": NO_ANSWER + "seconds: Field required",
    "no-fit": NO_ANSWER + "fit: Field required",
    "no-token": NO_ANSWER + "token: not that of the request",
    "other-token": NO_ANSWER + "token: not that of the request",
    "not-ok": NO_ANSWER + "ok: Field required",
    "ok-in-words": NO_ANSWER + "ok: Input should be a valid boolean",
    "list-for-object": NO_ANSWER + "description: Input should be an object",
    "number-for-fit": NO_ANSWER + "fit: Input should be an object",
    "half-a-count": NO_ANSWER + "peak_bytes: Input should be a valid integer",
    "bytes": NO_ANSWER + "the answer: Invalid JSON",
    "half-a-character": NO_ANSWER + "the answer: Invalid JSON",
    "long-description": NO_ANSWER + "description: Value error, 1,0",
    "long-reason": "why? why? why?",
    "other-kind": NO_ANSWER + "kind: Input should be",
    "long": "wrote a line of more than 64 MiB",
    "endless": "wrote a line of more than 64 MiB",
    "twice": TWICE,
    "weight-nested": "weight has shape (1, 1) and not (1,)",
    "weight-text": "weight is not an array of real numbers",
    "weight-texts": "weight is not an array of real numbers",
    "weight-none": "weight is missing",
    "weight-number": "weight has shape () and not (1,)",
    "weight-object": "weight is not an array of real numbers",
    "weight-ragged": "weight is not an array of numbers",
    "weight-overflow": "weight has shape (2,) and not (1,)",
    "weight-infinite": "NaN or infinite",
    "weight-huge": "weight is not an array of real numbers",
    "weight-truth": "weight is not an array of real numbers",
    "bias-text": "bias is not an array of real numbers",
    "bias-list": "bias has shape (1,) and not ()",
    "bias-huge": "bias is not an array of real numbers",
    "described-oddly": "device is [1], not 'cpu' as asked for",
    "ahead": NO_ANSWER + "token: not that of the request",
    "set": "JSON cannot say what it describes: TypeError",
}
#: What `run` says of those that the first fit does not show.
TIMED = {
    "sample-zero": NO_ANSWER + "seconds: Input should be greater than or equal to 0.0",
    "sample-negative": NO_ANSWER
    + "seconds: Input should be greater than or equal to 0.000000000001",
    "sample-nan": NO_ANSWER + "seconds: Input should be a finite number",
    "sample-text": NO_ANSWER + "seconds: Input should be a valid number",
    "sample-missing": NO_ANSWER + "seconds: Field required",
}


class Outcome:
    """A run beside an honest backend, by the command line."""

    def __init__(self, folder: Path, command: str, names: list[str]) -> None:
        backends = ",".join(["numpy-gelsd", *(f"dishonest-{name}" for name in names)])
        words = [command, "--plugin", str(PLUGIN), "--workloads", "line", "--backends", backends]
        words += ["--devices", "cpu", "--quiet", "--out", str(folder)]
        words += ["--budget", "1s"] if command == "run" else []
        with pytest.raises(SystemExit) as ended:
            main(words)
        self.folder, self.status = folder, ended.value.code
        self.rows: dict[str, Row] = {row.entry.name: row for row in rows(Run.read(folder))}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return Outcome(tmp_path_factory.mktemp("checked"), "check", list(CHECKED))


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return Outcome(tmp_path_factory.mktemp("timed"), "run", list(TIMED))


def _is_one_failed_row(row: Row, reason: str) -> None:
    assert row.status == "failed"
    assert reason in row.reason
    assert "\n" not in row.reason
    assert len(row.reason) <= 200
    assert row.place == ""


@pytest.mark.parametrize("name", CHECKED)
def test_an_answer_that_is_wrong_is_one_failed_row(checked: Outcome, name: str) -> None:
    _is_one_failed_row(checked.rows[f"dishonest-{name}"], CHECKED[name])


@pytest.mark.parametrize("name", TIMED)
def test_a_time_that_is_none_is_one_failed_row(timed: Outcome, name: str) -> None:
    _is_one_failed_row(timed.rows[f"dishonest-{name}"], TIMED[name])


def test_all_that_a_plugin_does_is_tested() -> None:
    names = {name for name in registry.load((PLUGIN,)) if name.startswith("dishonest-")}
    assert names == {f"dishonest-{name}" for name in (*CHECKED, *TIMED)}


def test_the_honest_row_beside_them_is_right_and_ranked(checked: Outcome, timed: Outcome) -> None:
    assert checked.status == timed.status == 1
    assert checked.rows["numpy-gelsd"].passed
    assert checked.rows["numpy-gelsd"].status == "not timed"
    honest = timed.rows["numpy-gelsd"]
    assert honest.passed
    assert honest.place
    assert honest.samples >= 3


@pytest.mark.parametrize(
    "command", ["report {}", "export {} --format csv", "export {} --format json", "compare {} {}"]
)
def test_every_command_reads_the_file(
    checked: Outcome, command: str, call: Callable[..., Any], tmp_path: Path
) -> None:
    words = command.format(checked.folder, checked.folder).split()
    done = call(*words, *(["--out", tmp_path / "page"] if command.startswith("report") else []))
    assert done.returncode == 0, done.stderr
