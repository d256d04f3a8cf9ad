"""What page, summary, terminal and exit status say of a run, computed once."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, starmap
from pathlib import Path
from typing import Literal

from benchmarks.runfile.records import RooflineRecord, WarningRecord
from benchmarks.runfile.run import Run
from reports.analysis.profiles import profiles
from reports.analysis.roofline import Call, calls
from reports.analysis.rows import Row, by_workload
from reports.figures.drawing import Picture
from reports.sections import run as words
from reports.sections.accuracy import Race, races
from reports.sections.break_even import BreakEven
from reports.sections.certified import CertifiedTable, certified_tables
from reports.sections.changes import Change, changes, side_by_side
from reports.sections.profile import Advice, ProfileSection
from reports.sections.scaling import Series, series
from reports.sections.sharing import SharingSection, sharings
from reports.sections.workload import WorkloadSection
from reports.sources import Source

#: Of more workloads than this, those that other sections show together are folded up.
_MANY = 12


@dataclass(frozen=True, kw_only=True)
class Document:
    """One run, in the order of reading; pictures are drawn when they are asked for."""

    profiles: Sequence[ProfileSection] = ()  # of each method, over all of its workloads
    machine: str
    state: str  # how the run ended, if it did not end well
    workloads: Sequence[WorkloadSection]
    warnings: Sequence[str] = ()
    changes: Sequence[Change] = ()  # against what stood side by side
    side_by_side: Sequence[Sequence[str]] = ()  # the same in the cells of a table
    certified: Sequence[CertifiedTable] = ()
    races: Sequence[Race] = ()
    series: Sequence[Series] = ()
    break_evens: Sequence[BreakEven] = ()
    sharing: SharingSection | None = None  # of fits by several workers, where there are any
    absences: Sequence[tuple[str, str]] = ()  # what, and why
    facts: Sequence[tuple[str, str]]
    limits: Sequence[RooflineRecord] = ()  # measurements of what the machine can do at best
    calls: Sequence[Call] = ()
    truth: Literal["known", "known of some", "unknown"] = "known"  # that the data were made from
    interleaved: bool = True  # or timed by something else, one after the other, and not judged

    @cached_property
    def slugs(self) -> dict[str, str]:
        """Of the anchors of workloads, by name."""
        return {section.name: section.slug for section in self.workloads}

    @property
    def advice(self) -> list[Advice]:
        """What to take: the answer to all workloads together."""
        return [advice for section in self.profiles for advice in section.advice]

    @property
    def pictures(self) -> list[Picture]:
        """All that goes into `figures/`."""
        profiled = [section for section in self.profiles if section.has_profiles]
        shared = [self.sharing] if self.sharing and self.sharing.drawn else []
        further = (profiled, self.races, self.certified, self.series, self.break_evens, shared)
        return [picture for section in self.workloads for picture in section.pictures] + [
            one.picture for sections in further for one in sections
        ]


def document(run: Run, rows: Sequence[Row], folder: Path | None = None) -> Document:
    """All that is said of a run with these rows; its logs in `folder` are shown, if it is given."""
    found = by_workload(rows)
    slugs = unique_slugs(found)
    brief = {name for name in found if len(found) > _MANY and _is_shown_together(run, name)}
    compared = changes(run, rows)
    # Many sizes and certified sets would outvote the rest; where there is no rest, they count.
    profiled = profiles(run, rows, run.workloads.keys() - brief or run.workloads)
    over_sizes, shared = series(run, rows), sharings(run, rows)
    return Document(
        profiles=list(starmap(ProfileSection, enumerate(profiled, start=1))),
        machine=words.machine(run.header.machine),
        state=_state(run),
        workloads=[
            WorkloadSection(name, slugs[name], same, run, folder, name in brief)
            for name, same in found.items()
        ],
        warnings=[warning.message for warning in run.of(WarningRecord)],
        changes=compared,
        side_by_side=side_by_side(run, compared),
        certified=certified_tables(run.workloads, rows),
        races=races(run, rows),
        series=over_sizes,
        break_evens=[one for one in map(BreakEven, over_sizes) if one.fastest],
        sharing=SharingSection(shared, over_sizes) if shared else None,
        absences=words.absences(run.header.absent),
        facts=words.run_facts(run),
        limits=run.of(RooflineRecord),
        calls=calls(run),
        truth=_truth(run),
    )


def of_source(source: Source) -> Document:
    """The document of a run, or of what pytest-benchmark measured: medians, and no claim."""
    if source.run:
        return document(source.run, source.rows, source.folder)
    found = by_workload(source.rows)
    slugs = unique_slugs(found)
    state = (
        "Measured by pytest-benchmark, one benchmark after the other and not in interleaved "
        "rounds: a difference may be the machine's. Nothing was checked for being right."
    )
    return Document(
        machine=source.machine,
        state=f"{state} {source.note}".rstrip(),
        workloads=[WorkloadSection(name, slugs[name], same) for name, same in found.items()],
        facts=source.facts,
        interleaved=False,
    )


def unique_slugs(names: Iterable[str]) -> dict[str, str]:
    """Names fit for files and anchors, each its own."""
    result: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "workload"
        slugs = (f"{plain}-{number}" if number > 1 else plain for number in count(1))
        result[name] = next(slug for slug in slugs if slug not in result.values())
    return result


def _state(run: Run) -> str:
    if run.footer is None:
        return "This run has no end: it was cut off, or is still going on. Shown is what it has."
    if run.footer.outcome != "complete":
        return "This run was interrupted. Shown is what it measured until then."
    return ""


def _truth(run: Run) -> Literal["known", "known of some", "unknown"]:
    known = {w.weight is not None or w.certified is not None for w in run.workloads.values()}
    return "known" if False not in known else "known of some" if True in known else "unknown"


def _is_shown_together(run: Run, name: str) -> bool:
    """Of sizes, which a series shows, and of certified sets, which have a table of theirs."""
    workload = run.workloads.get(name)
    return bool(workload and (workload.certified or re.match(r"\d+x\d+", name)))
