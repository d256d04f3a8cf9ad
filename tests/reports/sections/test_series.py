"""Exponents and crossovers of curves that are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.problems.workloads import SIZES, select
from benchmarks.runfile.header import EntryRecord
from benchmarks.runfile.records import (
    MethodRecord,
    Record,
    SampleRecord,
    VerdictRecord,
    WorkloadRecord,
)
from benchmarks.runfile.run import Run
from benchmarks.samples import Sample
from reports.analysis import rows as results
from reports.analysis.rows import Row
from reports.sections import scaling
from reports.sections.scaling import Series
from tests.reports import runs

SIZES_TEN = (100, 300, 1000, 3000, 10_000, 30_000, 100_000)
Time = Callable[[float], float]


def run(
    times: Mapping[str, Time],
    sizes: tuple[int, ...] = SIZES_TEN,
    rounds: int = 40,
    noise: float = 0.01,
    drift: float = 0.0,
    varied: str = "n_samples",
    seed: int = 3,
) -> Run:
    """A run in which each backend's time is that function of the size."""
    rng = np.random.default_rng(seed)
    entries: list[EntryRecord] = []
    records: list[Record] = []
    other = {"n_samples": "n_features", "n_features": "n_samples"}[varied]
    for size in sizes:
        records.append(runs.plain(f"w{size}", **{varied: size, other: 10}))
        speed = math.exp(drift * rng.standard_normal())
        for backend, time in times.items():
            entries.append(entry := runs.entry(f"w{size}", backend))
            records.append(runs.judged(entry.id))
            for turn in range(rounds):
                took = speed * time(size) * math.exp(noise * rng.standard_normal())
                records.append(replace(runs.sample(entry.id, turn, took), replicate=turn % 4))
    return runs.of(runs.header(entries), *records)


def series(run: Run) -> list[Series]:
    return scaling.series(run, results.rows(run))


def only(run: Run) -> Series:
    [found] = series(run)
    return found


def curve(time: Time, **options: object) -> Mapping[int, Row]:
    return only(run({"a": time}, **options)).rows["a", "cpu", 1]  # type: ignore[arg-type]


@pytest.mark.parametrize("true", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_found(true: float) -> None:
    found = scaling.exponent(curve(lambda n: 1e-6 * n**true))
    assert found is not None
    assert found.low < true < found.high
    assert found.high - found.low < 0.1
    assert (found.first, found.last) == (SIZES_TEN[0], SIZES_TEN[-1])


@pytest.mark.parametrize("drift", [0.0, 0.03])
def test_the_interval_holds_the_exponent_about_as_often_as_it_says(drift: float) -> None:
    """95 % of 40 is 38; fewer than 34 come by chance once in some hundreds."""
    found = [
        scaling.exponent(curve(lambda n: 1e-6 * n, drift=drift, rounds=20, seed=seed))
        for seed in range(40)
    ]
    assert sum(one is not None and one.low < 1 < one.high for one in found) >= 34


def test_drift_between_workloads_widens_the_interval() -> None:
    widths = []
    for drift in (0.0, 0.04):
        found = scaling.exponent(curve(lambda n: 1e-6 * n, drift=drift))
        assert found is not None
        widths.append(found.high - found.low)
    assert widths[1] > 1.5 * widths[0]


def test_what_a_call_costs_is_left_out_of_the_exponent() -> None:
    """Flat up to some 3,000 samples, then linear."""
    found = scaling.exponent(curve(lambda n: 1e-3 + 1e-6 * n if n < 1e4 else 1e-6 * n))
    assert found is not None
    assert found.first >= 3000
    assert found.low < 1.0 < found.high


def test_a_curve_that_jumps_at_the_end_has_no_exponent() -> None:
    assert scaling.exponent(curve(lambda n: 1e-6 * n * (4 if n == SIZES_TEN[-1] else 1))) is None


def test_two_points_are_no_curve() -> None:
    whole = curve(lambda n: 1e-6 * n)
    assert scaling.exponent({n: whole[n] for n in (100, 300)}) is None


def test_points_that_are_hardly_known_count_for_little() -> None:
    """Two samples at one size, far off the line, within the factor that is then assumed."""
    whole = dict(curve(lambda n: 1e-6 * n))
    whole[100_000] = replace(whole[100_000], times={n: Sample(0, 0.15) for n in range(2)})
    found = scaling.exponent(whole)
    assert found is not None
    assert found.low < 1.0 < found.high
    assert found.value == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("varied", ["n_samples", "n_features"])
def test_a_crossover_is_found_where_it_is(varied: str) -> None:
    """a = 1e-4 sqrt(n), b = 1e-6 n: equal at 10,000, between sizes that are certain."""
    sizes = (100, 500, 2500, 50_000, 250_000)
    one = only(run({"a": lambda n: 1e-4 * n**0.5, "b": lambda n: 1e-6 * n}, sizes, varied=varied))
    assert f"n_{one.varied}" == varied
    [(before, after, found)] = one.crossovers
    assert (before, after) == (("b", "cpu", 1), ("a", "cpu", 1))
    assert found.size == pytest.approx(10_000, rel=0.02)
    assert found.size is not None
    assert 2500 < found.low < 10_000 < found.high < 50_000
    assert found.high / found.low < 1.2
    assert one.leading == one.crossovers
    assert [key[0] for key in one.fastest] == ["b", "b", "b", "a", "a"]


def test_more_noise_makes_the_crossover_less_certain() -> None:
    widths = []
    for noise in (0.01, 0.1):
        sizes = (100, 500, 2500, 50_000, 250_000)
        times = {"a": lambda n: 1e-4 * n**0.5, "b": lambda n: 1e-6 * n}
        [(_, _, found)] = only(run(times, sizes, noise=noise)).crossovers
        widths.append(found.high / found.low)
    assert widths[1] > 1.2 * widths[0]


def test_a_stretch_in_which_they_cannot_be_told_apart_is_said() -> None:
    def twin(n: float) -> float:
        return 1e-6 * n if 300 < n < 30_000 else 2e-6 * n if n < 1000 else 0.5e-6 * n

    [(before, after, found)] = only(run({"a": twin, "b": lambda n: 1e-6 * n})).crossovers
    assert (before[0], after[0]) == ("b", "a")
    assert found.size is None
    assert 300 < found.low < 1000
    assert 10_000 < found.high < 30_000


def test_a_tie_before_the_last_certain_size_is_forgotten() -> None:
    def late(n: float) -> float:
        return 1e-6 * n * (1 if n == 300 else 0.5 if n < 5000 else 2)

    [(_, _, found)] = only(run({"a": late, "b": lambda n: 1e-6 * n})).crossovers
    assert found.size is not None
    assert 3000 < found.low < found.size < found.high < 10_000


def test_curves_that_do_not_cross_have_no_crossover() -> None:
    one = only(run({"a": lambda n: 1e-6 * n, "b": lambda n: 2e-6 * n}))
    assert one.crossovers == []
    assert {key[0] for key in one.fastest} == {"a"}


def test_twins_have_no_crossover() -> None:
    one = only(run({"a": lambda n: 1e-6 * n, "b": lambda n: 1e-6 * n}))
    assert one.crossovers == []


def test_one_that_comes_back_crosses_twice() -> None:
    def wave(n: float) -> float:
        return 1e-6 * n * (2 if 500 < n < 20_000 else 0.5)

    found = only(run({"a": wave, "b": lambda n: 1e-6 * n})).crossovers
    assert [(before[0], after[0]) for before, after, _ in found] == [("a", "b"), ("b", "a")]


def test_only_crossovers_of_the_lead_are_leading() -> None:
    times: dict[str, Time] = {
        "first": lambda n: 1e-9 * n,
        "b": lambda n: 1e-4 * n**0.5,
        "c": lambda n: 1e-6 * n,
    }
    one = only(run(times, (100, 500, 2500, 50_000, 250_000)))
    assert len(one.crossovers) == 1
    assert one.leading == []


@pytest.mark.parametrize("sizes", [(100, 1000, 10_000), (100, 200, 300, 400)])
def test_few_or_close_sizes_are_no_series(sizes: tuple[int, ...]) -> None:
    assert series(run({"a": lambda n: n}, sizes)) == []


def test_workloads_that_differ_in_more_than_size_are_no_series() -> None:
    made = run({"a": lambda n: n}, (10, 100, 1000, 10_000))
    assert len(series(made)) == 1
    for other in ({"dtype": "float64"}, {"sigma": 2.0}, {"n_features": 11}):
        odd = runs.altered(
            made,
            WorkloadRecord,
            lambda w, other=other: replace(w, **other) if w.n_samples == 10 else w,
        )
        assert series(odd) == []


def test_descents_make_a_series_of_their_own() -> None:
    """A fit of another number of steps is another piece of work."""
    sizes = (10, 100, 1000, 10_000)
    closed, other = run({"a": lambda n: 1e-6 * n}, sizes), run({"a": lambda n: 1e-5 * n}, sizes)
    descent = MethodRecord(kind="gradient descent", loss="squared", learning_rate=0.1, epochs=100)
    records: list[Record] = []
    for record in other.records[1:]:
        if isinstance(record, WorkloadRecord):
            records.append(replace(record, name=f"d{record.name}", method=descent))
        elif isinstance(record, (SampleRecord, VerdictRecord)):
            records.append(replace(record, entry=f"d{record.entry}"))
    entries = [runs.entry(f"d{e.workload}", e.backend) for e in other.header.entries]
    head = replace(closed.header, entries=[*closed.header.entries, *entries])
    both = runs.of(head, *closed.records[1:], *records)
    found = series(both)
    methods = ["least squares", "gradient descent, 100 steps of 0.1, squared loss"]
    assert [one.method for one in found] == methods
    assert [list(one.by_size) for one in found] == [list(sizes)] * 2
    shorter = replace(descent, epochs=50)
    [left] = series(
        runs.altered(
            both, WorkloadRecord, lambda w: replace(w, method=shorter) if w.name == "dw10" else w
        )
    )
    assert left.method == "least squares"


def test_what_failed_is_named_and_not_drawn() -> None:
    made = run({"a": lambda n: 1e-6 * n, "b": lambda n: 1e-6 * n})
    one = only(
        runs.altered(
            made,
            VerdictRecord,
            lambda v: runs.judged(v.entry, "is off") if v.entry == "w1000/b/cpu/1" else v,
        )
    )
    assert 1000 not in one.rows["b", "cpu", 1]
    assert [(size, row.entry.backend) for size, row in one.failed] == [(1000, "b")]


def test_the_group_of_descents_is_a_series() -> None:
    workloads = select(["scaling-descent"])
    assert len({(w.recipe.n_features, w.description.split(", ")[-1]) for w in workloads}) == 1
    sizes = [workload.recipe.n_samples for workload in workloads]
    assert len(sizes) >= scaling.FEWEST_SIZES
    assert max(sizes) >= 100 * min(sizes)


def test_the_group_holds_both_series() -> None:
    recipes = [workload.recipe for workload in select(["scaling"])]
    assert len(recipes) == len(SIZES["scaling"])
    over_samples = [r.n_samples for r in recipes if r.n_features == 10]
    over_features = [r.n_features for r in recipes if r.n_samples == 10_000]
    for sizes in (over_samples, over_features):
        assert len(sizes) >= scaling.FEWEST_SIZES
        assert max(sizes) >= 100 * min(sizes)
    assert max(r.n_samples * r.n_features for r in recipes) <= 10_000_000
