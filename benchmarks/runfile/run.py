"""A run as its file tells it: records by kind, entry and workload."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from benchmarks.runfile.header import Header
from benchmarks.runfile.records import (
    FitRecord,
    Footer,
    Record,
    SampleRecord,
    VerdictRecord,
    WorkerRecord,
    WorkloadRecord,
)
from benchmarks.samples import Rounds, Sample

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Run:
    """All records of a run file, in the order in which they were written."""

    header: Header
    records: Sequence[Record]

    @cached_property
    def _by_kind(self) -> dict[tuple[type, str], list[Any]]:
        """By class, and by class and entry."""
        found = defaultdict(list)
        for record in self.records:
            found[type(record), ""].append(record)
            if entry := getattr(record, "entry", ""):
                found[type(record), entry].append(record)
        return dict(found)

    def of(self, kind: type[R], entry: str = "") -> list[R]:
        """The records of one class; of one entry, if its id is given."""
        return self._by_kind.get((kind, entry), [])

    @cached_property
    def own_data(self) -> dict[str, str]:
        """By workload, what is said of the user's own data: features, and what is left out."""
        own = {file.name for file in self.header.files}
        return {name: work.description for name, work in self.workloads.items() if name in own}

    @cached_property
    def workloads(self) -> dict[str, WorkloadRecord]:
        """By name."""
        return {record.name: record for record in self.of(WorkloadRecord)}

    @cached_property
    def workers(self) -> dict[int, WorkerRecord]:
        """By number."""
        return {record.worker: record for record in self.of(WorkerRecord)}

    @property
    def footer(self) -> Footer | None:
        """None for a run that was cut off, or still goes on."""
        return next(reversed(self.of(Footer)), None)

    @cached_property
    def _rounds(self) -> dict[str, dict[int, Sample]]:
        found = defaultdict[str, dict[int, Sample]](dict)
        for s in self.of(SampleRecord):
            found[s.entry][s.round] = Sample(s.replicate, s.seconds)
        return dict(found)

    def rounds(self, entry: str) -> Rounds:
        """The samples of an entry by round."""
        return self._rounds.get(entry, {})

    def first_fit(self, entry: str) -> FitRecord | None:
        """Of its first process."""
        return next(iter(self.of(FitRecord, entry)), None)

    def verdict(self, entry: str) -> VerdictRecord | None:
        """The first that failed, or else was not judged, or else the first."""
        found = self.of(VerdictRecord, entry)
        # `min` takes the first of those that are alike.
        return min(found, key=lambda v: (v.passed, not v.judged), default=None)
