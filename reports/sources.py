"""What a report is drawn from: a run of this suite, or a file that pytest-benchmark wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.runfile import writer
from benchmarks.runfile.run import Run
from reports import pytest_format
from reports.analysis.rows import Row, rows
from reports.sections import run as words

#: So many names are shown.
_SHOWN = 5


@dataclass(frozen=True)
class Source:
    """A file that holds times, as read."""

    path: Path  # as given: a file, or the folder of a run
    run: Run | None  # None if pytest-benchmark wrote it
    rows: Sequence[Row]
    machine: str  # in one line
    facts: Sequence[tuple[str, str]]  # name and value
    left_out: Sequence[str] = ()  # benchmarks without a time

    @property
    def note(self) -> str:
        """Which benchmarks are left out, and why; empty if none is."""
        if not self.left_out:
            return ""
        shown = ", ".join(self.left_out[:_SHOWN])
        more = f" and {len(self.left_out) - _SHOWN} more" if len(self.left_out) > _SHOWN else ""
        return f"Left out, as their statistics are NaN, infinite or 0: {shown}{more}."

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
        return Source(path, None, foreign.rows, foreign.machine, foreign.facts, foreign.left_out)
    run = Run.read(path)
    return Source(path, run, rows(run), words.machine(run.header.machine), words.run_facts(run))


def read_all(path: Path) -> list[Source]:
    """What `read` reads, or a folder of several: of a cluster, or where pytest-benchmark saves.

    Raises:
        UserError: it is none of these.
    """
    if not path.is_dir() or (path / writer.NAME).exists():
        return [read(path)]
    if machines := _machines(path):
        return [read(folder) for folder in machines]
    # .benchmarks/Linux-CPython-3.11-64bit/0001_x.json, given as either of the two folders.
    saved = sorted([*path.glob("*.json"), *path.glob("*/*.json")])
    return [read(one) for one in saved if pytest_format.load(one)] or [read(path)]


def home(path: Path, found: Sequence[Source]) -> Path | None:
    """Where the report of what `path` holds goes by default; None if that has to be said."""
    if path.is_dir() and not (path / writer.NAME).exists() and _machines(path):
        return path
    return found[0].folder if len(found) == 1 else None


def _machines(path: Path) -> list[Path]:
    """The folders of the machines of a run on a cluster."""
    return sorted(file.parent for file in path.glob(f"{writer.MACHINES}/*/{writer.NAME}"))
