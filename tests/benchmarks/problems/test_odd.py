"""Certified sets and odd shapes: each backend gives the right answer, or its row says why not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import ClassVar

import numpy as np
import pytest
from scipy import linalg

from backends import rank_deficient as rank
from backends import registry
from backends.base import Backend, Data, Fit, LeastSquares, Stability
from backends.description import Description
from backends.numpy import NumpyGelsd
from benchmarks.engine import catalogue
from benchmarks.engine.plan import Entry
from benchmarks.engine.process import Process
from benchmarks.gate import gate, reference
from benchmarks.gate.bounds import solver_bounds
from benchmarks.gate.reference import Reference
from benchmarks.problems.problem import Problem
from benchmarks.problems.workloads import WORKLOADS, select
from benchmarks.verdict import Verdict

ODD = [workload.name for workload in select(["odd"])]
DEPENDENT = ["odd-square", "odd-wide", "odd-constant", "odd-twice", "odd-sum-float64"]
SIZES = ["2x1", "5x5", "4x9:float64", "40x41", "3x2:sigma=0"]
BACKENDS = ["numpy-gelsd", "sklearn-linear", "torch-gelsy", "torch-cholesky"]


@cache
def prepared(name: str) -> Reference:
    [workload] = select([name])
    return reference.prepare(workload, workload.make(0))


def judged(name: str, b: np.ndarray, stability: Stability = "orthogonal") -> Verdict:
    return gate.judge(Fit(b[:-1], float(b[-1])), prepared(name), stability)


def centred(data: Data) -> np.ndarray:
    """By SVD of the centred features: the shortest weight, with a free bias."""
    mean, level = data.X.mean(axis=0), data.y.mean()
    cut = 10 * max(data.X.shape) * np.finfo(data.X.dtype).eps
    weight = linalg.lstsq(data.X - mean, data.y - level, cond=cut)[0]
    return np.append(weight, level - mean @ weight)


def with_ones(data: Data) -> np.ndarray:
    return np.column_stack([data.X, np.ones_like(data.y)])


def shortest_of_both(data: Data) -> np.ndarray:
    """The shortest (weight, bias), from a solver for [X 1] that treats the bias as a weight."""
    cut = 10 * max(data.X.shape) * np.finfo(data.X.dtype).eps
    return np.asarray(linalg.lstsq(with_ones(data), data.y, cond=cut)[0])


@pytest.mark.parametrize("name", [*ODD, *SIZES])
def test_solving_with_centred_data_passes(name: str) -> None:
    verdict = judged(name, centred(prepared(name).problem.data))
    assert verdict.passed, verdict.reason
    assert verdict.bound is None or verdict.weight_error < verdict.bound / 3


@pytest.mark.parametrize("name", ["odd-constant", "odd-wide", "odd-square", "4x9:float64"])
def test_the_shortest_weight_and_bias_is_another_minimiser(name: str) -> None:
    verdict = judged(name, shortest_of_both(prepared(name).problem.data))
    assert not verdict.passed
    assert verdict.reason.startswith("a minimiser, but not the shortest weight: longer by ")


@pytest.mark.parametrize("name", [*DEPENDENT, "odd-sum"])
def test_a_fit_that_does_not_minimise_gets_another_reason_than_a_long_one(name: str) -> None:
    b = centred(prepared(name).problem.data)
    b[0] += 0.01
    verdict = judged(name, b)
    assert not verdict.passed
    assert "not the shortest" not in verdict.reason


def test_where_the_rank_is_open_every_minimiser_passes() -> None:
    """The rank is 4 or 5: float32 data do not tell, so the gate must accept both."""
    data = prepared("odd-sum").problem.data
    double = Data(data.X.astype(float), data.y.astype(float), data.X_test, data.y_test)
    full = linalg.lstsq(with_ones(double), double.y, cond=0)[0]
    short = centred(data)
    assert np.linalg.norm(full) > 100 * np.linalg.norm(short)
    for b in (full, short):
        verdict = judged("odd-sum", b)
        assert verdict.passed
        assert [check.name for check in verdict.checks] == ["residual norm"]
        assert verdict.weight_error is None
    assert "too short to tell" in prepared("odd-sum").note


def test_a_note_says_what_is_special() -> None:
    assert prepared("odd-twice").note == (
        "the 5 features have rank 4: the right answer is the minimiser with the shortest weight"
    )
    assert prepared("odd-single").note == ""


@pytest.mark.parametrize("name", ["odd-zero-targets", "odd-constant-targets"])
def test_targets_that_do_not_vary_have_no_weight(name: str) -> None:
    level = {"odd-zero-targets": 0.0, "odd-constant-targets": 3.0}[name]
    assert judged(name, np.array([0, 0, 0, 0, 0, level])).passed
    assert not judged(name, np.array([1e-4, 0, 0, 0, 0, level])).passed


@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12])
def test_targets_that_are_orthogonal_to_the_features_have_no_coefficients(scale: float) -> None:
    """The answer is 0, so errors are relative to the size of the targets."""
    X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    data = Data(X, scale * np.array([1.0, -1, -1, 1]), X[:0], X[:0, 0])
    problem = Problem(data, None, None, None)
    ref = reference.prepare(WORKLOADS["line"], problem)
    for error, passed in [(0.0, True), (1e-16, True), (1e-12, False)]:
        b = np.full(3, scale * error)
        assert gate.judge(Fit(b[:-1], b[-1]), ref, "orthogonal").passed == passed
        assert gate.judge(Fit(b[:-1], b[-1]), ref, "normal equations").passed == passed


@pytest.mark.parametrize(("stability", "power"), [("orthogonal", 1), ("normal equations", 2)])
def test_the_bound_is_wider_by_what_the_row_space_may_tilt(
    stability: Stability, power: int
) -> None:
    eps, c = 1e-9, prepared("odd-twice").solution.conditioning
    wide = solver_bounds(c, stability, eps)
    narrow = solver_bounds(replace(c, deficient=False), stability, eps)
    assert wide.coefficients - narrow.coefficients == pytest.approx(eps * c.condition**power)
    assert wide.fitted == narrow.fitted


# Backends, without processes: the same classes, and the same gate


@cache
def backend(name: str) -> Backend:
    made = registry.load()[name]()
    made.start("cpu", 1)
    return made


def outcome(name: str, workload: str) -> tuple[bool, str]:
    """Whether a backend's fit passes, and what its row would say if not."""
    data, solver = prepared(workload).problem.data, backend(name)
    try:
        solver.load(data, LeastSquares())
        fit = solver.fit()
    except Exception as error:
        return False, f"{type(error).__name__}: {error}"
    verdict = gate.judge(fit, prepared(workload), solver.stability)
    return verdict.passed, verdict.reason


EXPLAINED = (
    "a minimiser, but not the shortest weight",
    "coefficients are off by",
    "fitted values are off by",
    "residual norm is off by",
    "each coefficient is off by",
    "loses feature ",
    "leave no digit",
    "rounding alone may reach",
    rank.NOT_DEFINITE,
    rank.DEPENDENT,
)


@pytest.mark.parametrize("workload", [w.name for w in select(["nist", "odd", *SIZES])])
@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_is_right_or_its_row_says_why_not(name: str, workload: str) -> None:
    passed, reason = outcome(name, workload)
    assert passed or any(explanation in reason for explanation in EXPLAINED), reason


@pytest.mark.parametrize("workload", [w.name for w in select(["nist"])])
@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_that_fails_certified_data_is_known_to(name: str, workload: str) -> None:
    passed, reason = outcome(name, workload)
    entry = Entry(WORKLOADS[workload], catalogue.known()[name], Process(name, "cpu", 1))
    assert passed or entry.known_failure, reason


def test_scikit_learn_drops_directions_that_qr_keeps() -> None:
    """On NIST's Wampler1 it has almost no correct digit, and others have nine."""

    def least(name: str) -> float:
        ref, solver = prepared("nist-wampler1"), backend(name)
        solver.load(ref.problem.data, LeastSquares())
        digits = gate.judge(solver.fit(), ref, "orthogonal").digits
        assert digits is not None
        return digits.least

    assert least("sklearn-linear") < 1
    assert least("numpy-gelsd") > 8


def test_a_known_failure_may_be_named_by_a_glob_or_by_the_workload() -> None:
    class Glob(NumpyGelsd):
        name = "glob"
        known_failures: ClassVar[dict[str, str]] = {"nist-wampler?": "drops digits"}

    class Normal(Glob):
        name = "normal"
        stability = "normal equations"

    def known(kind: type[Backend], workload: str) -> str:
        described = Description.of(kind, "here")
        return Entry(WORKLOADS[workload], described, Process(kind.name, "cpu", 1)).known_failure

    assert known(Glob, "nist-wampler1") == "drops digits"
    assert known(Glob, "nist-norris") == ""
    assert "no digit" in known(Normal, "nist-filip")
    assert "singular" in known(Normal, "odd-twice")
    assert known(Glob, "odd-twice") == ""
