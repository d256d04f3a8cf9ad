"""Plug-ins in runs and on the command line: apart from the others, marked, and in one line."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.engine import catalogue, choice, machine, plan
from benchmarks.engine.plan import Options
from benchmarks.engine.run import run
from benchmarks.problems.workloads import select
from benchmarks.runfile.records import VerdictRecord
from benchmarks.runfile.run import Run
from tests.benchmarks.engine.sources import DIARY, GOOD, Write, diary

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Done

Call = Callable[..., "Done"]


def measured(folder: Path, plugins: tuple[Path, ...], *backends: str) -> list[bool]:
    """Whether the fits of some backends passed."""
    made = plan.make(
        select(["line"]),
        choice.choose_backends(backends, catalogue.known(plugins)),
        ["cpu"],
        n_cores=1,
        n_gpus=0,
        threads=1,
        available_bytes=1 << 40,
        replicates=1,
    )
    run(made, Options(["test"], machine.usable_cores(), budget=None, plugins=plugins), folder)
    return [verdict.passed for verdict in Run.read(folder).of(VerdictRecord)]


def test_only_the_worker_of_its_own_backend_imports_a_plugin(
    write: Write, installed: Write, tmp_path: Path
) -> None:
    """Whoever is in the process of a rival can slow it down."""
    pointed = installed(DIARY + GOOD)
    one = write(DIARY + GOOD.replace('"mine"', '"one"'), "one.py")
    other = write(DIARY + GOOD.replace('"mine"', '"other"'), "other.py")
    passed = measured(tmp_path, (one, other), "numpy-gelsd", "mine", "one", "other")
    assert passed == [True] * 4
    # The one that was asked what there is, and the worker.
    asked = {path: diary(path) for path in (pointed, one, other)}
    assert [len(pids) for pids in asked.values()] == [2, 2, 2]
    assert len({pids[0] for pids in asked.values()}) == 1
    assert len({pids[1] for pids in asked.values()}) == 3


@pytest.mark.parametrize("command", ["list", "check", "run"])
def test_on_the_command_line_it_is_one_line_and_status_2(
    command: str, write: Write, call: Call
) -> None:
    path = write("import sys; sys.exit(0)")
    done = call(command, "--plugin", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"linreg-bench: plug-in {path} does not import: SystemExit: 0\n"


def test_patience_is_that_of_the_command_line(write: Write, call: Call) -> None:
    done = call("check", "--plugin", write("import time; time.sleep(60)"), "--patience", "1s")
    assert done.returncode == 2
    assert "did not answer within 1 s" in done.stderr


def test_a_name_with_escapes_is_printable_in_the_list(write: Write, call: Call) -> None:
    done = call("list", "--plugin", write(GOOD.replace('"mine"', '"mi\\x1b[31mne"')))
    assert done.returncode == 0
    assert re.search(r"^mi \[31mne +cpu", done.stdout, re.M)
    assert "\x1b" not in done.stdout


LOUD = "print('hello')\n" + GOOD


@pytest.mark.parametrize(
    "beside", [("--env", f"other={sys.executable}"), ("--against", "HEAD")], ids=("env", "against")
)
def test_it_is_timed_beside_its_variant(
    beside: tuple[str, str], write: Write, tmp_path: Path, call: Call
) -> None:
    path = write(LOUD)
    done = call(
        *("run", "--plugin", path, "--backends", "mine", "--workloads", "line", *beside),
        *("--budget", "200ms", "--replicates", 1, "--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    written = Run.read(tmp_path / "out")
    assert [entry.plugin for entry in written.header.entries] == ["mine.py"] * 2
    assert [verdict.passed for verdict in written.of(VerdictRecord)] == [True] * 4


def test_a_run_with_it_is_resumed(write: Write, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "out"
    arguments = ("--workloads", "line,line-descent", "--backends", "mine,numpy-loop")
    done = call(
        *("run", "--plugin", write(DIARY + LOUD), *arguments, "--budget", "200ms"),
        *("--replicates", 1, "--out", out),
    )
    assert done.returncode == 0, done.stderr
    lines = (out / "run.jsonl").read_text().splitlines(keepends=True)
    started = next(n for n, line in enumerate(lines) if '"worker"' in line)
    (out / "run.jsonl").write_text("".join(lines[:started]))  # as if it had been cut off there
    done = call("run", "--resume", "--out", out)
    assert done.returncode == 0, done.stderr
    again = Run.read(out)
    assert {entry.backend: entry.plugin for entry in again.header.entries} == {
        "mine": "mine.py",
        "numpy-loop": "",
    }
    assert all(verdict.passed for verdict in again.of(VerdictRecord))
    assert {verdict.entry for verdict in again.of(VerdictRecord)} == {
        entry.id for entry in again.header.entries
    }
    assert os.getpid() not in diary(tmp_path / "mine.py")
