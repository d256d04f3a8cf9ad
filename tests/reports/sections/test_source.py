"""Whether large data came from the system's cache or from the disk, in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.runfile.records import ControlRecord
from benchmarks.runfile.run import Run
from tests.reports import runs
from tests.reports.pages import written

#: X and y of `line`: 1,000 x 2 numbers of float32.
SIZE = 8_000


def fetched(n_bytes: int) -> Run:
    """A run whose fits of `line` read so many bytes from a disk, or twice as many."""
    made = runs.measured(runs.run())
    entries = [entry.id for entry in made.header.entries if entry.workload == "line"]
    counts = [
        ControlRecord(entry=entry, disk_bytes=n_bytes * (1 + number % 2))
        for number, entry in enumerate(entries)
    ]
    limits = [replace(runs.limit("line", "numpy", read_rate=25e9), disk_rate=1e9)]
    return runs.add(made, *counts, *limits)


@pytest.mark.parametrize(
    ("n_bytes", "said"),
    [
        (SIZE, "read from the disk: 100% of X and y in each fit, at least"),
        (SIZE // 4, "read from the disk: 25% of X and y in each fit, at least"),
        (0, "read from the system's cache"),
    ],
)
def test_the_page_says_where_large_data_came_from(tmp_path: Path, n_bytes: int, said: str) -> None:
    page = written(fetched(n_bytes), tmp_path).replace("&#39;", "'")
    assert page.count(f" · {said}") == 1  # not of the other workloads
    assert "Memory does not hold" in page


def test_of_small_data_it_says_nothing(tmp_path: Path) -> None:
    page = written(runs.measured(runs.run()), tmp_path)
    assert "read from the" not in page
    assert "Memory does not hold" not in page
