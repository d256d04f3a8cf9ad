"""Time to accuracy on a trajectory that is known: the error halves with every epoch."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.base import GradientDescent
from benchmarks.estimates import Estimate
from benchmarks.problems.workloads import WORKLOADS, Workload, select
from benchmarks.runfile.records import FitRecord, SampleRecord, VerdictRecord, WorkloadRecord
from benchmarks.runfile.run import Run
from reports.analysis import rows as results
from reports.sections import accuracy
from reports.sections.accuracy import ErrorCurve, Race
from tests.reports import runs

EPOCHS = 40
SOLUTION = np.array([3.0, 4.0])


def run(ends_at: float | None = None) -> Run:
    """One descent of 40 epochs and one closed form, both on the same data; exact times.

    Epochs take 1 s in numpy-loop and 2 s in torch-eager; numpy-gelsd takes 7 s and is off by 1e-9.
    """
    made = runs.run(("line-descent", "line"), only=("numpy-loop", "torch-eager", "numpy-gelsd"))
    times = {"numpy-loop": 1.0 * EPOCHS, "torch-eager": 2.0 * EPOCHS, "numpy-gelsd": 7.0}
    halving = 0.5 ** np.arange(EPOCHS + 1)
    bias = 4.0 + 5 * (halving[-1] if ends_at is None else ends_at)

    def of_the_workload(workload: WorkloadRecord) -> WorkloadRecord:
        known = replace(workload, weight=[3.0], bias=4.5, solution=SOLUTION.tolist())
        if workload.name == "line":
            return known
        method = replace(workload.method, epochs=EPOCHS)
        return replace(known, method=method, descent_errors=halving.tolist())

    made = runs.altered(made, WorkloadRecord, of_the_workload)
    made = runs.altered(made, FitRecord, lambda fit: replace(fit, weight=[3.0], bias=bias))
    made = runs.altered(
        made, SampleRecord, lambda s: replace(s, seconds=times[s.entry.split("/")[1]])
    )
    return runs.altered(
        made,
        VerdictRecord,
        lambda v: replace(v, weight_error=1e-9) if v.entry.startswith("line/") else v,
    )


def races(made: Run) -> list[Race]:
    return accuracy.races(made, results.rows(made))


def race(ends_at: float | None = None) -> Race:
    [found] = races(run(ends_at))
    return found


def curve(found: Race, backend: str) -> ErrorCurve:
    [one] = [curve for curve in found.curves if curve.row.entry.backend == backend]
    return one


def test_a_descent_reaches_a_tolerance_after_its_epochs() -> None:
    """2**-10 is the first power of a half below 1e-3, and 2**-20 below 1e-6."""
    found = race()
    for backend, each in (("numpy-loop", 1.0), ("torch-eager", 2.0)):
        one = curve(found, backend)
        reached = [one.time_to(tolerance) for tolerance in accuracy.TOLERANCES]
        assert [r and r.value for r in reached] == pytest.approx([10 * each, 20 * each])
        assert one.error == pytest.approx(0.5**EPOCHS)
        assert len(one.seconds) == EPOCHS
        assert one.seconds[-1] == pytest.approx(one.time.value)


def test_the_interval_is_that_of_the_fit() -> None:
    one = curve(race(), "numpy-loop")
    reached = one.time_to(1e-3)
    assert reached is not None
    assert reached.low == pytest.approx(one.time.low / 4)
    assert reached.high == pytest.approx(one.time.high / 4)
    assert reached.low < reached.value < reached.high


def test_a_closed_form_is_there_at_once_or_never() -> None:
    one = curve(race(), "numpy-gelsd")
    for tolerance in accuracy.TOLERANCES:
        reached = one.time_to(tolerance)
        assert reached is not None
        assert reached.value == pytest.approx(7.0)
    assert one.time_to(1e-10) is None


def test_a_fit_that_ends_further_away_than_the_reference_reaches_no_more_than_that() -> None:
    one = curve(race(ends_at=1e-4), "numpy-loop")
    reached = one.time_to(1e-3)
    assert reached is not None
    assert reached.value == pytest.approx(10.0)
    assert one.time_to(1e-6) is None
    assert min(one.errors) == pytest.approx(1e-4)


def test_an_error_that_rises_again_is_reached_when_it_has_come_down_for_good() -> None:
    row = curve(race(), "numpy-loop").row
    time = Estimate(10.0, 9.0, 12.0)
    one = ErrorCurve(row, time, np.array([1.0, 1e-4, 1.0, 1e-4, 1e-4]))
    reached = one.time_to(1e-3)
    assert reached is not None
    assert (reached.value, reached.low, reached.high) == pytest.approx((8.0, 7.2, 9.6))


def test_the_distance_to_the_truth_is_told() -> None:
    assert race().statistical == pytest.approx(0.1)


def test_of_data_that_were_read_the_truth_is_not_known() -> None:
    unknown = {"weight": None, "bias": None, "sigma": None}
    [found] = races(runs.altered(run(), WorkloadRecord, lambda w: replace(w, **unknown)))
    assert found.statistical is None


@pytest.mark.parametrize("sha256", ["cd", ""])
def test_other_data_are_no_race(sha256: str) -> None:
    made = runs.altered(
        run(), WorkloadRecord, lambda w: replace(w, sha256=sha256) if w.name == "line" else w
    )
    assert races(made) == []


def test_data_of_which_nothing_is_known_are_no_race() -> None:
    assert races(runs.altered(run(), WorkloadRecord, lambda w: replace(w, sha256=""))) == []


def test_an_older_run_without_errors_is_no_race() -> None:
    assert races(runs.run(("line-descent", "line"))) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"weight": [3.0, 4.0]},
        {"weight": []},
        {"weight": None},
        {"weight": [math.nan]},
        {"bias": None},
    ],
)
def test_a_fit_that_is_not_made_of_the_right_numbers_has_no_curve(fields: dict[str, Any]) -> None:
    made = runs.altered(
        run(), FitRecord, lambda fit: replace(fit, **fields) if "numpy-loop" in fit.entry else fit
    )
    [found] = races(made)
    assert {c.row.entry.backend for c in found.curves} == {"torch-eager", "numpy-gelsd"}


@pytest.mark.parametrize("solution", [[0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0], None])
def test_a_solution_without_a_size_gives_no_curve_of_a_descent(solution: Any) -> None:
    made = runs.altered(run(), WorkloadRecord, lambda w: replace(w, solution=solution))
    [found] = races(made)
    assert [c.row.entry.backend for c in found.curves] == ["numpy-gelsd"]
    assert found.statistical is None


def pairs() -> list[tuple[Workload, Workload]]:
    return [(w, WORKLOADS[w.stream]) for w in WORKLOADS.values() if w.stream]


@pytest.mark.parametrize(("descent", "closed"), pairs())
def test_workloads_of_one_stream_have_the_same_data(descent: Workload, closed: Workload) -> None:
    for seed in (0, 1):
        one, other = descent.make(seed), closed.make(seed)
        for name in ("X", "y", "X_test", "y_test"):
            np.testing.assert_array_equal(getattr(one.data, name), getattr(other.data, name))
    assert descent.threads == closed.threads
    assert isinstance(descent.method, GradientDescent)
    assert not isinstance(closed.method, GradientDescent)


def test_the_group_is_a_pair_whose_descent_arrives() -> None:
    """Within 1e-6 of the solution, by the exact iterate (I - lr H)^k (b_0 - b)."""
    descent, closed = select(["accuracy"])
    assert descent.stream == closed.name
    assert isinstance(descent.method, GradientDescent)
    problem = descent.make(0)
    A = np.column_stack([problem.data.X, np.ones(len(problem.data.y))])
    solution = np.linalg.lstsq(A, problem.data.y)[0]
    step = np.eye(A.shape[1]) - descent.method.learning_rate * 2 * A.T @ A / len(A)
    away = np.linalg.matrix_power(step, descent.method.epochs) @ -solution
    assert np.linalg.norm(away) < 1e-8 * np.linalg.norm(solution)
    early = np.linalg.matrix_power(step, descent.method.epochs // 5) @ -solution
    assert np.linalg.norm(early) > 1e-4 * np.linalg.norm(solution)
