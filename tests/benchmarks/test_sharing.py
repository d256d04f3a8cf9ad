"""Runs in which several workers share fits."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.runfile.run import Run
from reports.analysis.rows import rows
from reports.sections.sharing import sharings

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Done

Call = Callable[..., "Done"]


@pytest.mark.slow
def test_the_projection_holds_where_it_was_measured(tmp_path: Path, call: Call) -> None:
    """With a margin for whatever else the machine does."""
    done = call(
        *("run", "--workloads", "300000x20", "--backends", "torch-distributed-gram"),
        *("--threads", "2", "--workers", "1,2", "--budget", "5s", "--out", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    run = Run.read(tmp_path)
    (one,) = sharings(run, rows(run))
    assert one.error is not None
    assert abs(math.log(1 + one.error)) < math.log(3)


def test_numbers_that_are_none_are_refused_in_one_line(call: Call) -> None:
    for text in ("0", "two", "1,", "1;2"):
        done = call("run", "--workers", text)
        assert done.returncode == 2
        assert "needs numbers of workers, such as 1,2" in done.stderr
