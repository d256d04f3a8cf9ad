"""Whose best is measured, how often, and what becomes of a backend that cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.engine import catalogue, machine
from benchmarks.engine.plan import Entry, Plan
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Launch, Process
from benchmarks.engine.recorder import Recorder
from benchmarks.engine.resume import Earlier
from benchmarks.engine.roofline import VISITS, Roofline
from benchmarks.problems.workloads import Workload, select
from benchmarks.progress import Progress
from benchmarks.runfile.header import Variant
from benchmarks.runfile.records import FailureRecord, Record, RooflineRecord

PLUGIN = Path(__file__).parents[2] / "plugins" / "limits.py"
KNOWN = catalogue.known((PLUGIN,))
[SINGLE] = select(["50x2"])
[DOUBLE] = select(["50x2:float64"])


class Case:
    """A pool, and all that is recorded of asking its workers."""

    def __init__(self, folder: Path) -> None:
        self.pool = Pool(folder, machine.usable_cores()[:1])
        self.records: list[Record] = []

    def write(self, record: Record) -> None:
        """As a `RunWriter` does it."""
        self.records.append(record)

    def entries(self, workload: Workload, *backends: str) -> list[Entry]:
        made = [
            Entry(workload, KNOWN[name], Process(name, "cpu", 1, plugin=KNOWN[name].plugin))
            for name in backends
        ]
        for entry in made:
            assert self.pool.first_fit(entry).reason == ""
        return made

    def roofline(self, entries: list[Entry], **limits: float) -> Roofline:
        plan = Plan(list({e.workload.name: e.workload for e in entries}.values()), entries, [])
        recorder = Recorder(plan, self.pool, self, Progress(), Earlier())  # type: ignore[arg-type]
        return Roofline(recorder, **limits)

    def measured(self) -> list[RooflineRecord]:
        """What was recorded since the last call."""
        found = [record for record in self.records if isinstance(record, RooflineRecord)]
        self.records.clear()
        return found


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Case(tmp_path)
    yield made
    made.pool.close()


def test_each_framework_is_visited_once_a_turn_and_one_reads(case: Case) -> None:
    """Two backends of NumPy are one framework."""
    entries = case.entries(SINGLE, "numpy-gelsd", "another-numpy", "scipy-gelsy")
    case.roofline(entries, seconds=60.0).measure(entries)
    found = case.measured()
    assert [record.framework for record in found].count("numpy") == VISITS
    assert [record.framework for record in found].count("scipy") == VISITS
    reading = [record.framework for record in found if record.read_rate is not None]
    assert len(set(reading)) == 1
    assert len(reading) == VISITS
    assert {(r.workload, r.dtype, r.threads) for r in found} == {("50x2", "float32", 1)}
    assert all(record.took_seconds > 0 for record in found)


def test_when_its_time_is_up_only_what_is_new_is_measured(case: Case) -> None:
    entries = case.entries(SINGLE, "numpy-gelsd", "scipy-gelsy")
    roofline = case.roofline(entries, most_seconds=0.0)
    roofline.measure(entries)
    case.measured()
    roofline.measure(entries)
    assert [record.read_rate is not None for record in case.measured()] == [True]
    roofline.measure(case.entries(DOUBLE, "numpy-gelsd", "scipy-gelsy"))
    assert sorted(record.framework for record in case.measured()) == ["numpy", "scipy"]


def test_a_backend_that_cannot_say_goes_on_without(case: Case) -> None:
    entries = case.entries(SINGLE, "no-limits", "scipy-gelsy")
    case.roofline(entries).measure(entries)
    assert not any(isinstance(record, FailureRecord) for record in case.records)
    assert {record.framework for record in case.measured()} == {"scipy"}
    assert case.pool.sample(entries[0].process, 1) > 0


def test_a_backend_that_dies_of_it_is_lost(case: Case) -> None:
    entries = case.entries(SINGLE, "deadly-limits")
    case.roofline(entries).measure(entries)
    [failure] = [record for record in case.records if isinstance(record, FailureRecord)]
    assert failure.entry == "50x2/deadly-limits/cpu/1"
    assert "exited with status 3" in failure.reason


def test_variants_are_not_asked(case: Case) -> None:
    """Another checkout may not know the question."""
    old = Launch(Variant(kind="revision", name="old"))
    entry = Entry(SINGLE, KNOWN["numpy-gelsd"], Process("numpy-gelsd", "cpu", 1, old))
    case.roofline([entry]).measure([entry])
    assert case.records == []
