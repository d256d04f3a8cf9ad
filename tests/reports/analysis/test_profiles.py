"""How far each backend is from the fastest of several workloads."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.runfile.header import EntryRecord, Variant
from benchmarks.runfile.records import Record, SampleRecord, VerdictRecord
from benchmarks.runfile.run import Run
from benchmarks.samples import Rounds, Sample
from reports.analysis import places
from reports.analysis.profiles import Profile, profiles
from reports.analysis.rows import rows
from reports.sections.profile import ProfileSection, span
from tests.reports import runs

#: By backend, milliseconds on `tall` and on `wide`.
TIMES = {
    "torch-gelsy": (1.0, 3.0),
    "torch-cholesky": (1.5, 1.3),
    "numpy-gelsd": (4.0, 1.0),
    "sklearn-linear": (9.0, 8.0),
}


def taking(times: dict[str, tuple[float, ...]], rounds: int = 40, spread: float = 0.01) -> Run:
    """A run of `tall` and `wide` in which fits take so long, give or take."""
    rng = np.random.default_rng(3)
    names = ("tall", "wide")

    def timed(sample: SampleRecord) -> SampleRecord:
        workload, backend, *_ = sample.entry.split("/")
        took = 1e-3 * times[backend][names.index(workload)]
        return replace(sample, seconds=took * float(np.exp(spread * rng.standard_normal())))

    return runs.altered(runs.run(names, rounds, only=tuple(times)), SampleRecord, timed)


def profile(run: Run) -> Profile:
    [found] = profiles(run, rows(run), set(run.workloads))
    return found


def names(found: Profile) -> list[str]:
    return [backend for backend, _, _ in found.candidates]


def test_the_one_that_is_never_far_from_the_fastest_comes_first() -> None:
    found = profile(taking(TIMES))
    assert names(found) == ["torch-cholesky", "torch-gelsy", "numpy-gelsd", "sklearn-linear"]
    first = found.candidates["torch-cholesky", "cpu", 1]
    assert first.largest.value == pytest.approx(1.5, rel=0.02)
    assert first.largest.low < 1.5 < first.largest.high < 1.6
    assert first.mean.value == pytest.approx(math.sqrt(1.5 * 1.3), rel=0.02)
    assert first.mean.low < math.sqrt(1.5 * 1.3) < first.mean.high < first.largest.high
    other = found.candidates["torch-gelsy", "cpu", 1]
    assert (other.where, other.ratios["tall"].high) == ("wide", 1.0)
    assert other.mean.value == pytest.approx(math.sqrt(3), rel=0.02)
    assert found.choice() == [first]


def test_the_geometric_mean_is_known_better_than_its_parts() -> None:
    first = profile(taking(TIMES)).candidates["torch-cholesky", "cpu", 1]
    widths = [math.log(ratio.high / ratio.low) for ratio in first.ratios.values()]
    mean = math.log(first.mean.high / first.mean.low)
    assert mean == pytest.approx(math.hypot(*widths) / 2, rel=0.05)


def test_who_may_be_the_fastest_makes_all_distances_uncertain() -> None:
    """On `wide` the second may be faster than the first: nobody is at 1 for certain."""
    times = TIMES | {"torch-cholesky": (1.5, 1.003)}
    found = profile(taking(times, rounds=12))
    for backend in ("torch-cholesky", "numpy-gelsd"):
        ratio = found.candidates[backend, "cpu", 1].ratios["wide"]
        assert ratio.low == 1.0 < ratio.high
    slow = found.candidates["sklearn-linear", "cpu", 1].ratios["wide"]
    assert slow.low < 8.0 < slow.high


def test_those_that_are_not_further_for_certain_are_named() -> None:
    choice = profile(taking(TIMES | {"torch-cholesky": (2.99, 2.99)}, rounds=12)).choice()
    assert {one.row.entry.name for one in choice} == {"torch-cholesky", "torch-gelsy"}


def test_intervals_hold_the_truth_and_a_tie_is_not_decided() -> None:
    """Processes differ by 0.6 %, and a and b are equally far from the fastest."""
    true = {"a": (1.0, 1.5), "b": (1.5, 1.0), "c": (1.1, 2.0), "d": (3.0, 3.0), "e": (1.02, 4.0)}
    rng = np.random.default_rng(0)

    def processes(seconds: float) -> Rounds:
        own = 0.006 * rng.standard_normal(2)
        logs = [own[turn % 2] + 0.03 * rng.standard_normal() for turn in range(30)]
        return {turn: Sample(turn % 2, seconds * math.exp(log)) for turn, log in enumerate(logs)}

    held, decided = [], 0
    for _ in range(20):
        entries: list[EntryRecord] = []
        records: list[Record] = [runs.header(entries)]
        for place, name in enumerate(("tall", "wide")):
            records.append(runs.plain(name))
            for backend, times in true.items():
                one = runs.entry(name, backend)
                entries.append(one)
                records.append(runs.judged(one.id))
                records += [
                    SampleRecord(entry=one.id, replicate=r, round=turn, seconds=seconds)
                    for turn, (r, seconds) in processes(times[place]).items()
                ]
        found = profile(runs.of(*records))
        for (backend, *_), one in found.candidates.items():
            for what, truth in (
                (one.largest, max(true[backend])),
                (one.mean, math.sqrt(math.prod(true[backend]))),
            ):
                held.append(what.low <= truth <= what.high)
        decided += len(found.choice()) == 1
    assert np.mean(held) >= 0.95
    assert decided <= 1


def test_a_ratio_without_an_upper_end_is_one_all_the_way() -> None:
    """One that is at least so much slower: nobody is further for certain than it may be."""
    made = rows(taking(TIMES))
    open_ended = [
        replace(row, ratios={k: replace(e, high=math.inf) for k, e in row.ratios.items()})
        if row.entry.name == "torch-cholesky"
        else row
        for row in made
    ]
    run = taking(TIMES)
    [found] = profiles(run, open_ended, set(run.workloads))
    first = found.candidates["torch-cholesky", "cpu", 1]
    assert first.largest.high == first.mean.high == math.inf
    assert first.mean.low == pytest.approx(
        profile(run).candidates["torch-cholesky", "cpu", 1].mean.low
    )
    assert len(found.choice()) == 4
    assert span(first.largest).endswith(" or more")
    assert places.inverse(places.inverse(first.largest)).high == math.inf
    assert ProfileSection(1, found).picture.svg


def test_being_right_goes_before_being_near() -> None:
    run = runs.fail(taking(TIMES), "tall/torch-cholesky/cpu/1", "wrong")
    found = profile(run)
    assert names(found) == ["torch-gelsy", "numpy-gelsd", "sklearn-linear", "torch-cholesky"]
    assert list(found.candidates["torch-cholesky", "cpu", 1].ratios) == ["wide"]


def test_one_that_was_not_timed_everywhere_may_be_as_good() -> None:
    """It is right on `tall`; how fast, nobody knows."""
    run = runs.altered(
        taking(TIMES),
        SampleRecord,
        lambda s: None if s.entry.startswith(("tall/numpy", "tall/sklearn")) else s,
    )
    # sklearn-linear is too far away on `wide` already.
    names = [one.row.entry.name for one in profile(run).choice()]
    assert names == ["torch-cholesky", "numpy-gelsd"]


def test_other_versions_of_a_backend_do_not_compete() -> None:
    run = taking(TIMES)
    main = Variant(kind="revision", name="main", source="0123abc")
    entries = [
        replace(entry, variant=main) if entry.backend == "torch-cholesky" else entry
        for entry in run.header.entries
    ]
    found = profile(runs.with_header(run, entries=entries))
    assert names(found) == ["torch-gelsy", "numpy-gelsd", "sklearn-linear"]
    assert found.candidates["torch-gelsy", "cpu", 1].ratios["tall"].high == 1.0


def test_threads_and_devices_compete_apart() -> None:
    both = runs.also_on_cuda(runs.run(("tall", "wide"), threads=(1, 2), only=("torch-gelsy",)))
    assert sorted(profile(both).candidates) == [
        ("torch-gelsy", "cpu", 1),
        ("torch-gelsy", "cpu", 2),
        ("torch-gelsy", "cuda:0", 1),
        ("torch-gelsy", "cuda:0", 2),
    ]


def test_for_ill_conditioned_data_only_the_accurate_count() -> None:
    """torch-cholesky is the nearest, and has lost more than a digit."""
    run = taking(TIMES)
    errors = {"torch-cholesky": 1e-6, "torch-gelsy": 9e-11, "numpy-gelsd": 1e-11}
    run = runs.altered(
        run,
        VerdictRecord,
        lambda v: replace(v, weight_error=errors.get(v.entry.split("/")[1], 1e-3)),
    )
    assert profile(run).accurate.choice() == []
    hard = {name: replace(w, condition=1e6, dtype="float64") for name, w in run.workloads.items()}
    run = runs.altered(run, type(hard["wide"]), lambda w: hard[w.name] if w.name == "wide" else w)
    found = profile(run).accurate
    assert names(found) == ["numpy-gelsd", "torch-gelsy"]
    assert [workload.name for workload in found.workloads] == ["wide"]
    # What has no solution in this precision says nothing of solvers.
    run = runs.altered(run, type(hard["wide"]), lambda w: replace(w, condition=1e17))
    assert profile(run).accurate.choice() == []


def test_each_method_has_its_own() -> None:
    run = runs.run(("tutorial", "tall", "wide"))
    found = profiles(run, rows(run), {"tutorial", "tall"})
    assert [(one.kind, list(one.rows)) for one in found] == [
        ("gradient descent", ["tutorial"]),
        ("least squares", ["tall"]),
    ]
    assert profiles(runs.run(("tall",), rounds=0), [], {"tall"}) == []
