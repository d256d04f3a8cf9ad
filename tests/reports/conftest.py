"""One rendered page, shared by the tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.runfile import Record
from reports import page
from reports.document import View, view
from tests.reports import runs


@pytest.fixture(scope="session")
def full() -> list[Record]:
    """The records of a run with a failure, an absence, a single sample, ties and a warning."""
    return runs.full()


@pytest.fixture(scope="session")
def folder(full: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that run's report."""
    return page.write(full, tmp_path_factory.mktemp("report")).parent


@pytest.fixture(scope="session")
def seen(full: list[Record]) -> View:
    """What that run's page shows."""
    return view(full)
