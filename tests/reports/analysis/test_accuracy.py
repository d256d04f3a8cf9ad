"""Time to accuracy on a trajectory that is known: the error halves with every epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backends.base import GradientDescent
from benchmarks.problems.workloads import WORKLOADS, Workload, select
from benchmarks.runfile import Record
from reports.analysis import accuracy
from reports.analysis import rows as results
from reports.analysis.accuracy import Path, Race
from tests.reports import runs

EPOCHS = 40
SOLUTION = np.array([3.0, 4.0])


def run(ends_at: float | None = None) -> list[Record]:
    """One descent of 40 epochs and one closed form, both on the same data; exact times.

    Epochs take 1 s in numpy-loop and 2 s in torch-eager; numpy-gelsd takes 7 s and is off by 1e-9.
    """
    records = runs.run(("line-descent", "line"), only=("numpy-loop", "torch-eager", "numpy-gelsd"))
    times = {"numpy-loop": 1.0 * EPOCHS, "torch-eager": 2.0 * EPOCHS, "numpy-gelsd": 7.0}
    halving = 0.5 ** np.arange(EPOCHS + 1)
    last = halving[-1] if ends_at is None else ends_at
    for record in records:
        if record["record"] == "workload":
            record |= {"weight": [3.0], "bias": 4.5, "solution": SOLUTION.tolist()}
            if record["name"] == "line-descent":
                record["descent_errors"] = halving.tolist()
        if record["record"] == "fit":
            record |= {"weight": [3.0], "bias": 4.0 + 5 * last}
        if record["record"] == "sample":
            record["seconds"] = times[record["entry"].split("/")[1]]
        if record["record"] == "verdict" and record["entry"].startswith("line/"):
            record["weight_error"] = 1e-9
    return records


def race(**options: Any) -> Race:
    records = run(**options)
    [found] = accuracy.races(records, results.rows(records))
    return found


def path(found: Race, backend: str) -> Path:
    [one] = [path for path in found.paths if path.row.backend == backend]
    return one


def test_errors_are_relative_distances() -> None:
    iterates = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 4.5]])
    np.testing.assert_allclose(accuracy.errors(iterates, SOLUTION), [1.0, 0.0, 0.1])


def test_a_descent_reaches_a_tolerance_after_its_epochs() -> None:
    """2**-10 is the first power of a half below 1e-3, and 2**-20 below 1e-6."""
    found = race()
    for backend, each in (("numpy-loop", 1.0), ("torch-eager", 2.0)):
        one = path(found, backend)
        reached = [one.time_to(tolerance) for tolerance in accuracy.TOLERANCES]
        assert [r and r.value for r in reached] == pytest.approx([10 * each, 20 * each])
        assert one.error == pytest.approx(0.5**EPOCHS)
        assert len(one.seconds) == EPOCHS
        assert one.seconds[-1] == pytest.approx(one.row.seconds_median)


def test_the_interval_is_that_of_the_fit() -> None:
    one = path(race(), "numpy-loop")
    reached = one.time_to(1e-3)
    assert reached is not None
    assert one.row.seconds_low is not None
    assert one.row.seconds_high is not None
    assert reached.low == pytest.approx(one.row.seconds_low / 4)
    assert reached.high == pytest.approx(one.row.seconds_high / 4)
    assert reached.low < reached.value < reached.high


def test_a_closed_form_is_there_at_once_or_never() -> None:
    one = path(race(), "numpy-gelsd")
    for tolerance in accuracy.TOLERANCES:
        reached = one.time_to(tolerance)
        assert reached is not None
        assert reached.value == pytest.approx(7.0)
    assert one.time_to(1e-10) is None


def test_a_fit_that_ends_further_away_than_the_reference_reaches_no_more_than_that() -> None:
    one = path(race(ends_at=1e-4), "numpy-loop")
    reached = one.time_to(1e-3)
    assert reached is not None
    assert reached.value == pytest.approx(10.0)
    assert one.time_to(1e-6) is None
    assert min(one.errors) == pytest.approx(1e-4)


def test_an_error_that_rises_again_is_reached_when_it_has_come_down_for_good() -> None:
    row = path(race(), "numpy-loop").row
    one = Path(row, np.arange(1.0, 6.0), np.array([1.0, 1e-4, 1.0, 1e-4, 1e-4]))
    reached = one.time_to(1e-3)
    assert reached is not None
    assert reached.value == pytest.approx(4 / 5 * row.seconds_median)  # type: ignore[operator]


def test_the_distance_to_the_truth_is_told() -> None:
    assert race().statistical == pytest.approx(0.1)


def test_of_data_that_were_read_the_truth_is_not_known() -> None:
    records = run()
    for record in records:
        if record["record"] == "workload":
            record |= {"weight": None, "bias": None, "sigma": None}
    [found] = accuracy.races(records, results.rows(records))
    assert found.statistical is None


def test_other_data_are_no_race() -> None:
    records = run()
    next(r for r in records if r["record"] == "workload" and r["name"] == "line")["sha256"] = "cd"
    assert accuracy.races(records, results.rows(records)) == []


def test_an_older_run_without_errors_is_no_race() -> None:
    records = runs.run(("line-descent", "line"))
    assert accuracy.races(records, results.rows(records)) == []


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
