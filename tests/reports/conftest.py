"""One rendered page, shared by the tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.runfile.run import Run
from reports import page
from reports.document import Document
from tests.reports import runs
from tests.reports.pages import documented


@pytest.fixture(scope="session")
def full() -> Run:
    """A run with a failure, an absence, a single sample, ties and a warning."""
    return runs.full()


@pytest.fixture(scope="session")
def seen(full: Run) -> Document:
    """What that run's page shows."""
    return documented(full)


@pytest.fixture(scope="session")
def folder(seen: Document, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that run's report."""
    return page.write(seen, tmp_path_factory.mktemp("report")).parent
