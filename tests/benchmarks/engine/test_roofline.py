"""Who is asked for the limits, how often, and what becomes of one that cannot say."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends import registry
from benchmarks.engine import machine
from benchmarks.engine import roofline as limits
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Home, Variant
from benchmarks.engine.roofline import Limits
from benchmarks.problems.workloads import Workload, select

PLUGIN = Path(__file__).parents[2] / "plugins" / "limits.py"
KNOWN = registry.load((PLUGIN,))
[SINGLE] = select(["50x2"])
[DOUBLE] = select(["50x2:float64"])


class Case:
    """A pool, and all that came of asking its workers."""

    def __init__(self, folder: Path) -> None:
        self.pool = Pool(folder, machine.usable_cores()[:1], plugins=[PLUGIN])
        self.records: list[dict[str, Any]] = []
        self.lost: list[str] = []
        self.limits = Limits(
            self.pool,
            random.Random(0),
            lambda **fields: self.records.append(fields),
            lambda entry, home, failure: self.lost.append(f"{entry.backend.name}: {failure}"),
        )

    def entries(self, workload: Workload, *backends: str) -> list[Entry]:
        made = [Entry(workload, KNOWN[name], Home(name, "cpu", 1)) for name in backends]
        for entry in made:
            assert self.pool.first_fit(entry).reason == ""
        return made

    def measure(self, workload: Workload, *backends: str) -> list[dict[str, Any]]:
        entries = self.entries(workload, *backends)
        del self.records[:]
        self.limits.measure(workload, entries)
        return self.records


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Case(tmp_path)
    yield made
    made.pool.close()


def test_each_framework_is_visited_once_a_turn_and_one_reads(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two backends of NumPy are one framework."""
    monkeypatch.setattr(limits, "SECONDS", 60.0)
    found = case.measure(SINGLE, "numpy-gelsd", "another-numpy", "scipy-gelsy")
    assert [r["framework"] for r in found].count("numpy") == limits.VISITS
    assert [r["framework"] for r in found].count("scipy") == limits.VISITS
    reading = [r["framework"] for r in found if r["read_rate"] is not None]
    assert len(set(reading)) == 1
    assert len(reading) == limits.VISITS
    assert {(r["workload"], r["dtype"], r["threads"]) for r in found} == {("50x2", "float32", 1)}
    assert all(r["took_seconds"] > 0 for r in found)


def test_when_its_time_is_up_only_what_is_new_is_measured(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_SECONDS", 0.0)
    backends = "numpy-gelsd", "scipy-gelsy"
    case.measure(SINGLE, *backends)
    again = case.measure(SINGLE, *backends)
    assert [r["read_rate"] is not None for r in again] == [True]
    other_dtype = case.measure(DOUBLE, *backends)
    assert sorted(r["framework"] for r in other_dtype) == ["numpy", "scipy"]


def test_one_that_cannot_say_goes_on_without(case: Case) -> None:
    entries = case.entries(SINGLE, "no-limits", "scipy-gelsy")
    case.limits.measure(SINGLE, entries)
    assert {r["framework"] for r in case.records} == {"scipy"}
    assert case.lost == []
    assert case.pool.sample(entries[0].home, 1) > 0


def test_one_that_dies_of_it_is_lost(case: Case) -> None:
    case.measure(SINGLE, "deadly-limits")
    assert len(case.lost) == 1
    assert "deadly-limits: exited with status 3" in case.lost[0]


def test_variants_are_not_asked(case: Case) -> None:
    """Another checkout may not know the question."""
    old = Home("numpy-gelsd", "cpu", 1, Variant("old"))
    case.limits.measure(SINGLE, [Entry(SINGLE, KNOWN["numpy-gelsd"], old)])
    assert case.records == []
