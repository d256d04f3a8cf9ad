"""What a report is drawn from: a run of this suite, or a file that pytest-benchmark wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.runfile import reader
from benchmarks.runfile.run import Run
from reports import pytest_format
from reports.analysis.rows import Row, rows
from reports.sections import run as words


@dataclass(frozen=True)
class Source:
    """A file that holds times, as read."""

    path: Path  # as given: a file, or the folder of a run
    run: Run | None  # None if pytest-benchmark wrote it
    rows: Sequence[Row]
    machine: str  # in one line
    facts: Sequence[tuple[str, str]]  # name and value

    @property
    def folder(self) -> Path:
        """Where its logs are, and where its report goes by default."""
        return self.path if self.path.is_dir() else self.path.parent


def read(path: Path) -> Source:
    """A run file, the folder that holds one, or a JSON file of pytest-benchmark.

    Raises:
        UserError: it is none of these.
    """
    if foreign := pytest_format.load(path):
        return Source(path, None, foreign.rows, foreign.machine, foreign.facts)
    run = reader.read(path)
    return Source(path, run, rows(run), words.machine(run.header.machine), words.run_facts(run))
