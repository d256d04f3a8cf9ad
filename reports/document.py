"""What a page says of a run: the records put in words and in the order of reading."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.runfile import Record, of_kind
from reports import answer, text
from reports.analysis.changes import Change, changes
from reports.analysis.rows import Row, rows, workloads
from reports.figures import descent, marks, times
from reports.figures.drawing import Picture
from reports.figures.marks import Marks
from reports.sections import accuracy, break_even, scaling
from reports.sections import certified as digits
from reports.sections import roofline as limits
from reports.sections import run as facts
from reports.sections.changes import Pair, pairs
from reports.sections.row import ON_DEVICES, Evidence, Witness

#: Of more workloads than this, those that other sections show together are folded up.
_MANY = 12


@dataclass(frozen=True)
class Section:
    """One workload."""

    name: str
    slug: str  # of its anchor and its files
    about: str
    facts: str
    answer: str
    winner: str  # with whose name the answer begins; empty if there is none
    baseline: str
    passed: list[Row]  # ranked ones first, then those that were not timed
    others: list[Row]
    once: list[Row]  # those whose time to the first answer is known, the shortest first
    labels: dict[str, str]
    evidence: dict[str, Evidence]
    #: One of many whose picture is another section: not drawn, and folded up.
    brief: bool = False
    caption: str = "Ranking."  # of its first table
    timing: Marks = field(default_factory=Marks)  # in its tables: of one fit
    waiting: Marks = field(default_factory=Marks)  # until the first answer
    ranking: Picture | None = None
    phases: Picture | None = None
    devices: Picture | None = None
    descent: list[tuple[Picture, str]] = field(default_factory=list)  # with captions
    #: Further columns, where there is something to show: head, and cell by entry.
    on_devices: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def pictures(self) -> list[Picture]:
        """All that can be drawn of it."""
        timing = [picture for picture in (self.ranking, self.devices, self.phases) if picture]
        return timing + [picture for picture, _ in self.descent]


@dataclass(frozen=True)
class View:
    """One run."""

    machine: str
    state: str  # how the run ended, if it did not end well
    facts: list[tuple[str, str]]
    warnings: list[str]
    absent: list[tuple[str, str]]  # what, and why
    sections: list[Section]
    headline: str = ""  # the answer to all of them together
    pairs: list[Pair] = field(default_factory=list)  # what stood side by side
    limits: limits.Limits | None = None  # None: not measured
    races: list[accuracy.Shown] = field(default_factory=list)
    series: list[scaling.Shown] = field(default_factory=list)
    break_evens: list[break_even.Shown] = field(default_factory=list)
    digits: list[digits.Table] = field(default_factory=list)
    slugs: dict[str, str] = field(default_factory=dict)  # of the sections' anchors, by workload
    changes: list[Change] = field(default_factory=list)  # against what stood side by side
    interleaved: bool = True  # or timed by something else, one after the other, and not judged

    @property
    def pictures(self) -> list[Picture]:
        """All that goes into `figures/`."""
        found = [picture for section in self.sections for picture in section.pictures]
        found += [race.picture for race in self.races]
        found += [table.picture for table in self.digits]
        found += [series.picture for series in self.series]
        return found + [shown.picture for shown in self.break_evens]


def view(records: Sequence[Record], folder: Path | None = None) -> View:
    """Everything that a page shows, drawn and in words.

    Args:
        records: of the run.
        folder: the run's own, in which its logs are; None: there are none.
    """
    header = records[0]
    every = rows(records)
    found: dict[str, list[Row]] = {}
    for row in every:
        found.setdefault(row.workload, []).append(row)
    slugs = unique_slugs(found)
    known = workloads(records)
    folded = _folded(known) if len(found) > _MANY else set()
    witness = Witness(records, folder)
    beside = changes(records)
    return View(
        machine=facts.machine(header.get("machine") or {}),
        state=_state(records),
        facts=facts.run_facts(records),
        warnings=[text.line(record["message"]) for record in of_kind(records, "warning")],
        absent=facts.absent(header.get("absent") or []),
        sections=[
            _section(name, slugs[name], known.get(name), same, witness, name in folded)
            for name, same in found.items()
        ],
        headline=answer.headline(
            [
                ((known.get(name, {}).get("method") or {}).get("kind", ""), same)
                for name, same in found.items()
                if name not in folded
            ]
        ),
        pairs=pairs(records, beside),
        limits=limits.limits(records),
        races=accuracy.races(records, every),
        series=scaling.series(records, every),
        break_evens=break_even.shown(records, every),
        digits=digits.tables(every, known),
        slugs=slugs,
        changes=beside,
    )


def unique_slugs(names: Iterable[str]) -> dict[str, str]:
    """Names fit for files and anchors, each its own."""
    result: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "workload"
        slug, again = plain, 2
        while slug in result.values():
            slug, again = f"{plain}-{again}", again + 1
        result[name] = slug
    return result


def _state(records: Sequence[Record]) -> str:
    footers = of_kind(records, "footer")
    if not footers:
        return "This run has no end: it was cut off, or is still going on. Shown is what it has."
    if footers[-1].get("outcome") != "complete":
        return "This run was interrupted. Shown is what it measured until then."
    return ""


def _folded(known: Mapping[str, Record]) -> set[str]:
    """Sizes, which a series shows together, and certified sets, which have a table of theirs."""
    return {
        name
        for name, workload in known.items()
        if workload.get("certified") or re.match(r"\d+x\d+", name)
    }


def _section(
    name: str,
    slug: str,
    workload: Record | None,
    same: list[Row],
    witness: Witness,
    brief: bool,
) -> Section:
    labels = text.labels(same)
    passed = [row for row in same if row.passed]
    timed = [row for row in passed if row.status == "passed"]
    once = [row for row in passed if row.once_seconds is not None]
    once.sort(key=lambda row: row.once_seconds or 0.0)
    return Section(
        name=text.line(name),
        slug=slug,
        about=text.line(workload.get("description", "")) if workload else "",
        facts=facts.workload_facts(workload) if workload else "",
        answer=answer.sentence(same),
        winner=labels[timed[0].entry] if timed else "",
        caption="Ranking." if timed else "Right, but not timed.",
        baseline=text.line(next((row.baseline for row in passed if row.baseline), "")),
        passed=passed,
        others=[row for row in same if not row.passed],
        once=once,
        labels=labels,
        evidence={row.entry: witness.of(row, workload, brief) for row in same},
        brief=brief,
        timing=marks.times(timed),
        waiting=marks.phases(once),
        ranking=times.ranking(slug, timed, labels) if timed and not brief else None,
        phases=times.phases(slug, once, labels) if once and not brief else None,
        devices=None if brief else times.devices(slug, timed),
        descent=_descent(slug, workload, passed, labels) if workload else [],
        on_devices=_on_devices(once),
    )


def _on_devices(shown_rows: list[Row]) -> list[tuple[str, dict[str, str]]]:
    """What only makes sense where some entries ran on a device that is not the host."""
    if all(row.device == "cpu" for row in shown_rows):
        return []
    columns = {head: {row.entry: of(row) for row in shown_rows} for head, of in ON_DEVICES.items()}
    return [
        (head, cells)
        for head, cells in columns.items()
        if any(cell != text.MISSING for cell in cells.values())
    ]


def _descent(
    slug: str, workload: Record, passed: list[Row], labels: dict[str, str]
) -> list[tuple[Picture, str]]:
    """The tutorial's pictures, of any descent on one feature, with their captions."""
    if (workload.get("method") or {}).get("kind") != "gradient descent":
        return []
    fitted = [row for row in passed if row.fit]
    result = []
    if points := workload.get("points"):
        result.append((descent.data(slug, points), "The data: train on blue, predict green."))
        if fitted and points["X_test"]:
            picture, spread = descent.predictions(slug, points, fitted)
            apart = f"no two differ by more than {spread:.1e}" if spread else "all the same"
            backends = text.count(len(fitted), "backend")
            result.append((picture, f"Predictions of {backends} in red: {apart}."))
    for which, when in (("train", "before each step"), ("test", "after each step")):
        if loss := descent.losses(slug, which, fitted, labels):
            caption = f"The {which} loss {when}: curves that agree lie in each other."
            result.append((loss, caption))
    return result
