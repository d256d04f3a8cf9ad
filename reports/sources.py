"""What a report is drawn from: a run of this suite, or a file that pytest-benchmark wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from benchmarks import runfile
from benchmarks.errors import UserError
from benchmarks.runfile import Record
from reports import pytest_format, text
from reports.analysis import rows as results
from reports.analysis.rows import Row
from reports.document import Section, View, unique_slugs, view
from reports.figures import marks, times
from reports.sections import run as facts
from reports.sections.row import Evidence


@dataclass(frozen=True)
class Source:
    """A file that holds times, as read."""

    path: Path  # as given: a file, or the folder of a run
    records: list[Record]  # of a run; empty if pytest-benchmark wrote it
    rows: list[Row]
    machine: str
    facts: list[tuple[str, str]]

    @property
    def folder(self) -> Path:
        """Where its report goes unless something else is said, and its logs are."""
        return self.path if self.path.is_dir() else self.path.parent

    def view(self) -> View:
        """What a page shows of it alone."""
        return view(self.records, self.folder) if self.records else _foreign(self)


def read(path: Path) -> Source:
    """A run file, the folder that holds one, or a JSON file of pytest-benchmark.

    Raises:
        UserError: it is none of these.
    """
    if (found := _json(path)) is None:
        records = runfile.read(path)
        machine = facts.machine(records[0].get("machine") or {})
        return Source(path, records, results.rows(records), machine, facts.run_facts(records))
    try:
        rows = pytest_format.load(found)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return Source(path, [], rows, _machine(found), _facts(found))


def _json(path: Path) -> Any:
    """The content of a file of pytest-benchmark; None if it is none."""
    try:
        found = json.loads(path.read_bytes()) if path.suffix == ".json" else None
    except (OSError, ValueError):
        return None
    return found if pytest_format.is_dump(found) else None


def _machine(found: dict[str, Any]) -> str:
    info = found.get("machine_info") or {}
    cpu = info.get("cpu") or {}
    parts = [
        (cpu.get("brand_raw") if isinstance(cpu, dict) else "") or info.get("processor"),
        info.get("system"),
        f"Python {info['python_version']}" if info.get("python_version") else "",
    ]
    return ", ".join(text.line(part) for part in parts if part) or "a machine that is not said"


def _facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    commit = found.get("commit_info") or {}
    pairs = [
        ("measured by", f"pytest-benchmark {found.get('version') or ''}"),
        ("started", found.get("datetime")),
        ("commit", str(commit.get("id") or "")[:12]),
    ]
    return [(name, text.line(value)) for name, value in pairs if value]


def _foreign(source: Source) -> View:
    """The page of what pytest-benchmark measured: medians, and no claim about them."""
    found: dict[str, list[Row]] = {}
    for row in source.rows:
        found.setdefault(row.workload, []).append(row)
    slugs = unique_slugs(found)
    return View(
        machine=source.machine,
        state="Measured by pytest-benchmark, one benchmark after the other and not in interleaved "
        "rounds: a difference may be the machine's. Nothing was checked for being right.",
        facts=source.facts,
        warnings=[],
        absent=[],
        sections=[_section(name, slugs[name], rows) for name, rows in found.items()],
        interleaved=False,
    )


def _section(name: str, slug: str, rows: list[Row]) -> Section:
    labels = text.labels(rows)
    least = f"{labels[rows[0].entry]} has the smallest median"
    return Section(
        name=text.line(name),
        slug=slug,
        about="",
        facts="",
        answer=f"{least}, {text.seconds(rows[0].seconds_median)}; not interleaved.",
        winner=labels[rows[0].entry],
        baseline="",
        passed=rows,
        others=[],
        once=[],
        labels=labels,
        evidence={
            row.entry: Evidence(
                checks=[],
                facts=[("samples", str(row.samples))],
                reported=[],
                command=[],
                log="",
                timeline=Markup(""),
                caption="",
            )
            for row in rows
        },
        caption="Medians and interquartile ranges, not interleaved: not ranked.",
        timing=marks.times(rows),
        ranking=times.ranking(slug, rows, labels),
    )
