"""A worker that somebody kills is no crash of its own; beside plug-ins it gets another chance."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.engine import machine
from benchmarks.engine.plan import Options
from benchmarks.engine.run import run
from benchmarks.progress import Progress
from benchmarks.runfile.run import Run
from reports.analysis.rows import rows
from tests.benchmarks.engine.test_run import make_plan

HOSTILE = Path(__file__).parents[2] / "plugins" / "hostile.py"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the workers apart")
KILLED = "killed by someone: SIGKILL, which the suite did not send (out of memory?)"


class Killer(Progress):
    """Kills the worker of a backend, once, before its first fit."""

    def __init__(self, backend: str) -> None:
        self.backend = backend

    def status(self, line: str) -> None:
        if line.endswith(f"first fit of {self.backend}"):
            for child in psutil.Process().children(recursive=True):
                if self.backend in os.readlink(f"/proc/{child.pid}/fd/1"):
                    child.send_signal(signal.SIGKILL)
                    self.backend = "nobody"


def reasons(folder: Path, others: str) -> dict[str, str]:
    """What the rows say after `numpy-gelsd` was killed beside another backend."""
    made = make_plan("line,200x2", ["numpy-gelsd", others], [HOSTILE])
    options = Options(["test"], machine.usable_cores(), budget=0.5, plugins=(HOSTILE,))
    run(made, options, folder, Killer("numpy-gelsd"))
    found = {f"{row.entry.workload}/{row.entry.name}": row for row in rows(Run.read(folder))}
    assert all(found[f"{name}/{others}"].passed for name in ("line", "200x2"))
    assert found["line/numpy-gelsd"].status == "failed"
    assert found["200x2/numpy-gelsd"].status == "failed"
    return {name: row.reason for name, row in found.items()}


def test_whoever_is_killed_beside_plugins_fits_again_alone(tmp_path: Path) -> None:
    found = reasons(tmp_path, "loud")
    assert found["line/numpy-gelsd"] == f"{KILLED}; alone, it fits right"
    lost = f"its worker was lost in workload 'line': {KILLED}; alone, it fits right"
    assert found["200x2/numpy-gelsd"] == lost


def test_without_plugins_it_does_not(tmp_path: Path) -> None:
    found = reasons(tmp_path, "scipy-gelsd")
    assert found["line/numpy-gelsd"] == KILLED
    assert found["200x2/numpy-gelsd"] == f"its worker was lost in workload 'line': {KILLED}"
