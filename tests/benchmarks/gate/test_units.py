"""The units of a feature decide nothing: everyday tables, in the units that people have.

Each table is like one on which nonsense once passed: public series in dollars, Unix milliseconds,
counters, large offsets in float32, near twins.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from backends import registry
from backends.base import Backend, Data, Fit, LeastSquares, Stability
from benchmarks.gate import gate, reference
from benchmarks.gate.bounds import NO_DIGIT
from benchmarks.gate.reference import Reference
from benchmarks.problems.problem import Problem
from benchmarks.problems.table import table
from benchmarks.problems.workloads import WORKLOADS
from benchmarks.verdict import Verdict

#: Householder QR and Cholesky of a matrix: stable column by column.
BY_COLUMNS = ("scipy-gels", "scipy-cholesky", "torch-qr", "torch-cholesky-blocks", "torch-refined")
#: QR, and a solver that centres first: a shift costs them no more digits than it must.
SHIFTED = ("scipy-gels", "torch-qr", "torch-refined")


@cache
def backend(name: str) -> Backend:
    made = registry.load()[name]()
    made.start("cpu", 1)
    return made


def prepared(X: np.ndarray, y: np.ndarray, names: tuple[str, ...] = ()) -> Reference:
    X = np.ascontiguousarray(X)
    problem = Problem(Data(X, y, X[:0], y[:0]), names=names)
    return reference.prepare(WORKLOADS["ill-conditioned"], problem)


def judged(name: str, ref: Reference) -> Verdict:
    solver = backend(name)
    solver.load(ref.problem.data, LeastSquares())
    verdict = gate.judge(solver.fit(), ref, solver.stability)
    # What a bound excludes nothing of is never right.
    assert not verdict.passed or verdict.bound is None or verdict.bound < NO_DIGIT
    for check in verdict.checks:
        assert check.passed == (check.error <= check.bound and check.judged)
    return verdict


def dollars() -> Reference:
    """What a country earns, its population and a share of it: 1e13, 1e8 and 0.05."""
    rng = np.random.default_rng(0)
    gdp, people = rng.lognormal(30, 0.5, 150), rng.lognormal(18, 0.5, 150)
    share = 0.1 * rng.random(150)
    y = 70 + 4e-13 * gdp + 1e-8 * people - 30 * share + 0.3 * rng.standard_normal(150)
    return prepared(np.column_stack([gdp, people, share]), y, ("gdp", "people", "share"))


def milliseconds() -> Reference:
    """One sample a minute, in Unix milliseconds, beside an ordinary feature."""
    rng = np.random.default_rng(1)
    time, a = 1_735_689_600_000 + 60_000.0 * np.arange(90), rng.standard_normal(90)
    y = 2e-6 * (time - time[0]) - 3 * a + 0.01 * rng.standard_normal(90)
    return prepared(np.column_stack([time, a]), y, ("t_ms", "a"))


def counter() -> Reference:
    """A counter of packets about to overflow 32 bits."""
    rng = np.random.default_rng(2)
    packets, a = 2.0**32 - rng.integers(0, 5_000, 200), rng.standard_normal(200)
    y = 1e-3 * packets + a + 0.1 * rng.standard_normal(200)
    return prepared(np.column_stack([packets, a]), y, ("packets", "a"))


def offset() -> Reference:
    """Two features in float32, one of them a hundred thousand times the other."""
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.standard_normal(2_000), 7e4 + 7e4 * rng.standard_normal(2_000)])
    y = X[:, 0] + 4e-9 * X[:, 1] + 1.5 * rng.standard_normal(2_000)
    return prepared(X.astype(np.float32), y.astype(np.float32), ("u", "v"))


TABLES = {"dollars": dollars, "milliseconds": milliseconds, "counter": counter, "offset": offset}


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_solvers_by_columns_are_right_in_everyday_units(make: Callable[[], Reference]) -> None:
    ref = make()
    for name in BY_COLUMNS:
        verdict = judged(name, ref)
        assert verdict.passed or not verdict.judged, (name, verdict.reason)
        if name in SHIFTED:
            assert verdict.passed, (name, verdict.reason)
            assert verdict.r2 == pytest.approx(verdict.best_r2)


@pytest.mark.parametrize(
    ("make", "name", "lost"),
    [
        (dollars, "numpy-gelsd", "'share'"),
        (dollars, "sklearn-linear", "'share'"),
        (milliseconds, "sklearn-linear", "'a'"),
        (offset, "torch-gelsy", "'u'"),
    ],
)
def test_who_drops_a_feature_because_of_its_units_fails_and_is_told_what_to_do(
    make: Callable[[], Reference], name: str, lost: str
) -> None:
    verdict = judged(name, make())
    assert not verdict.passed
    assert verdict.judged
    assert verdict.r2 is not None
    assert verdict.best_r2 is not None
    assert verdict.r2 < verdict.best_r2 - 0.02
    assert verdict.reason.startswith(f"loses {lost}: R² {verdict.r2:.4g} of {verdict.best_r2:.4g}")
    assert "scale or centre the features" in verdict.reason


def test_twins_that_float32_hardly_tells_apart_are_not_judged_by_normal_equations() -> None:
    rng = np.random.default_rng(4)
    one = rng.standard_normal(200_000)
    # Closer twins would be refused for their pivot by some processors, and not by others.
    X = np.column_stack([one, one + 5e-3 * rng.standard_normal(len(one))]).astype(np.float32)
    y = (X @ [1.0, 2.0] + rng.standard_normal(len(one))).astype(np.float32)
    ref = prepared(X, y)
    verdict = judged("torch-cholesky", ref)
    assert (verdict.passed, verdict.judged) == (False, False)
    assert "no digit" in verdict.reason
    assert judged("torch-refined", ref).passed


@pytest.mark.parametrize("seed", range(200))
def test_neither_scale_nor_shift_of_a_column_changes_a_verdict(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(10, 400)), int(rng.integers(1, 8))
    X = rng.standard_normal((n, p)) @ (np.eye(p) + 0.3 * rng.standard_normal((p, p)))
    y = X @ rng.standard_normal(p) + rng.standard_normal() + 0.3 * rng.standard_normal(n)
    units, shift = 10.0 ** rng.uniform(-12, 12, p), 1e10 * rng.uniform(-1, 1, p)
    plain, scaled = prepared(X, y), prepared(X * units, y)
    shifted = prepared((X + shift) * units, y)
    for name in BY_COLUMNS:
        assert judged(name, plain).passed
        assert judged(name, scaled).passed, name
        if name in SHIFTED:
            assert judged(name, shifted).passed, name


@pytest.mark.parametrize("stability", ["orthogonal", "normal equations"])
@pytest.mark.parametrize("column", range(3))
def test_a_feature_that_matters_little_may_not_be_lost(column: int, stability: Stability) -> None:
    """Its part of all coefficients together is less than the bound for an SVD in these units."""
    rng = np.random.default_rng(5)
    X, weight, units = rng.standard_normal((20_000, 3)), np.ones(3), np.ones(3)
    weight[column], units[column - 1] = 1e-6, 1e9
    y = X @ weight + 1e-7 * rng.standard_normal(len(X))
    ref = prepared(X * units, y)
    b = ref.solution.coefficients.copy()
    assert gate.judge(Fit(b[:-1], b[-1]), ref, stability).passed
    b[column] = 0
    verdict = gate.judge(Fit(b[:-1], b[-1]), ref, stability)
    assert not verdict.passed
    assert verdict.r2 is not None


def test_the_names_of_a_table_are_those_of_its_features(tmp_path: Path) -> None:
    path = tmp_path / "here.csv"
    path.write_text("a,word,y,b\n1,x,2,3\n2,y,3,5\n4,z,1,1\n")
    assert table.workload(path, "y").make(0).names == ("a", "b")
