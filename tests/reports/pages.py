"""Runs made into documents and pages."""

from __future__ import annotations

from pathlib import Path

from benchmarks.runfile.run import Run
from reports import page
from reports.analysis.rows import rows
from reports.document import Document, document


def documented(run: Run, folder: Path | None = None) -> Document:
    """What the page of a run shows."""
    return document(run, rows(run), folder)


def written(run: Run, folder: Path) -> str:
    """The page of a run, written to `folder`, which has the run's logs, too."""
    return page.write(documented(run, folder), folder).read_text(encoding="utf-8")
