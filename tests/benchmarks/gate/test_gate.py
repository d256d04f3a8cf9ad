"""Right fits pass; fits that are wrong on purpose fail, each with a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import linalg, special

from backends.base import Data, Fit, GradientDescent, LeastSquares, Stability
from benchmarks.gate import gate, least_squares, reference
from benchmarks.gate.reference import Reference
from benchmarks.problems.problem import Problem, Synthetic
from benchmarks.problems.workloads import DEFAULT, Workload, select
from benchmarks.verdict import Verdict

WORKLOADS = {workload.name: workload for workload in select(DEFAULT)}
STABILITIES: tuple[Stability, ...] = ("orthogonal", "normal equations")
DESCENTS = [name for name in WORKLOADS if isinstance(WORKLOADS[name].method, GradientDescent)]
SOLVED = [name for name in WORKLOADS if name not in DESCENTS]
NOISY = [name for name in WORKLOADS if WORKLOADS[name].make(0).sigma > 0]


@cache
def prepared(name: str, seed: int = 0) -> Reference:
    (workload,) = select([name])
    return reference.prepare(workload, workload.make(seed))


@cache
def right(name: str) -> Fit:
    """A fit in the workload's own dtype, by LAPACK or by a loop in NumPy."""
    ref = prepared(name)
    return (
        solve(ref.problem.data)
        if ref.descent is None
        else loop(ref.problem.data, ref.descent.method)
    )


def ones(X: np.ndarray) -> np.ndarray:
    return np.column_stack([X, np.ones(len(X), X.dtype)])


def solve(data: Data) -> Fit:
    b = linalg.lstsq(ones(data.X), data.y, lapack_driver="gelsy", cond=0)[0]
    assert b.dtype == data.X.dtype
    return Fit(b[:-1], float(b[-1]))


def cholesky(data: Data) -> Fit:
    A = ones(data.X)
    b = linalg.cho_solve(linalg.cho_factor(A.T @ A), A.T @ data.y)
    return Fit(b[:-1], float(b[-1]))


def loop(data: Data, method: GradientDescent) -> Fit:
    dtype = data.X.dtype.type
    A, A_test = ones(data.X), ones(data.X_test)
    b = np.array([*method.start_weight, method.start_bias], dtype)
    lr, n = dtype(method.learning_rate), dtype(len(A))
    losses: tuple[list[float], list[float]] = [], []

    def loss(r: np.ndarray) -> float:
        return float((np.abs(r) if method.loss == "l1" else r * r).mean(dtype=dtype))

    for _ in range(method.epochs):
        r = A @ b - data.y
        losses[0].append(loss(r))
        b = b - lr * (A.T @ (np.sign(r) if method.loss == "l1" else 2 * r)) / n
        losses[1].append(loss(A_test @ b - data.y_test))
    assert b.dtype == dtype
    return Fit(b[:-1], float(b[-1]), np.array(losses[0]), np.array(losses[1]))


def judged(name: str, fit: Fit, stability: Stability = "orthogonal") -> Verdict:
    verdict = gate.judge(fit, prepared(name), stability)
    assert verdict.passed == (verdict.reason == "")
    assert "\n" not in verdict.reason
    return verdict


def failed_checks(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.checks if not check.passed}


def largest(fit: Fit) -> int:
    return int(np.argmax(np.abs(fit.weight)))


# Right fits


@pytest.mark.parametrize("stability", STABILITIES)
@pytest.mark.parametrize("name", WORKLOADS)
def test_right_fits_pass(name: str, stability: Stability) -> None:
    verdict = judged(name, right(name), stability)
    assert verdict.passed, verdict.reason
    assert verdict.weight_error is not None
    assert verdict.bound is not None
    assert verdict.weight_error < verdict.bound / 3, "too little slack for other right solvers"


@pytest.mark.parametrize("name", SOLVED)
def test_normal_equations_pass_as_what_they_are(name: str) -> None:
    verdict = judged(name, cholesky(prepared(name).problem.data), "normal equations")
    assert verdict.passed, verdict.reason


def test_normal_equations_fail_where_qr_is_promised() -> None:
    fit = cholesky(prepared("ill-conditioned").problem.data)
    assert "fitted values" in failed_checks(judged("ill-conditioned", fit))


@pytest.mark.parametrize(
    "size",
    [
        "10x2",
        "300x30:condition=1e3",
        "300x30:condition=1e5:float64",
        "300x3:sigma=0",
        "300x3:sigma=1e-9",
        "5x4:float64",
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_right_fits_of_other_sizes_pass(size: str, seed: int) -> None:
    ref = prepared(size, seed)
    data = ref.problem.data
    for fit, stability in [(solve(data), STABILITIES[0]), (cholesky(data), STABILITIES[1])]:
        verdict = gate.judge(fit, ref, stability)
        assert verdict.passed, verdict.reason


def test_state_in_which_the_tutorial_ended_passes() -> None:
    """The document ended in (0.8005, 0.2043), which is not where a loop in NumPy ends."""
    fit = right("tutorial")
    weight, bias = np.array([0.8005]), 0.2043
    data = prepared("tutorial").problem.data
    assert fit.test_losses is not None
    test = fit.test_losses.copy()
    test[-1] = np.abs(data.X_test @ weight + bias - data.y_test).mean()
    # The losses that the document prints at epoch 400.
    assert fit.train_losses is not None
    train = fit.train_losses.copy()
    train[400], test[400] = 0.004712129943072796, 0.01894279755651951
    verdict = judged("tutorial", Fit(weight, bias, train, test))
    assert verdict.passed, verdict.reason


def test_sums_in_the_worst_order_pass() -> None:
    """Term by term in float32: right, but with the largest rounding errors."""
    ref = prepared("20000x3")
    A, y = ones(ref.problem.data.X), ref.problem.data.y
    gram = np.cumsum(A[:, :, None] * A[:, None, :], axis=0)[-1]
    b = np.linalg.solve(gram, np.cumsum(A * y[:, None], axis=0)[-1])
    verdict = gate.judge(Fit(b[:-1], float(b[-1])), ref, "normal equations")
    assert verdict.passed, verdict.reason


@pytest.mark.parametrize("samples", [20, 1000])
@pytest.mark.parametrize("loss", ["l1", "squared"])
@pytest.mark.parametrize("rate", [0.03, 0.001])  # rounding adds up most in small steps
@pytest.mark.parametrize("seed", range(3))
def test_other_descents_pass(samples: int, loss: Any, rate: float, seed: int) -> None:
    method = GradientDescent(loss, rate, 300, (-0.1, 0.3, 0.7), 0.5)
    recipe = Synthetic(samples, 3, sigma=0.5)
    problem = recipe.make(seed)
    ref = reference.prepare(Workload("w", "", recipe, method), problem)
    verdict = gate.judge(loop(problem.data, method), ref, "orthogonal")
    assert verdict.passed, verdict.reason


def test_no_test_samples() -> None:
    method = GradientDescent("squared", 0.1, 20, (0.0,), 0.0)
    problem = WORKLOADS["line-descent"].make(0)
    data = replace(problem.data, X_test=np.empty((0, 1), "f4"), y_test=np.empty(0, "f4"))
    workload = replace(WORKLOADS["line-descent"], method=method)
    ref = reference.prepare(workload, replace(problem, data=data))
    fit = loop(problem.data, method)
    for losses in (None, np.empty(0), np.full(20, np.nan)):
        assert gate.judge(replace(fit, test_losses=losses), ref, "orthogonal").passed
    wrong = replace(fit, weight=fit.weight + 1e-3)
    assert not gate.judge(wrong, ref, "orthogonal").passed


# Wrong numbers


@pytest.mark.parametrize("stability", STABILITIES)
@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.parametrize("factor", [-1.0, 1.001, 0.0], ids=["sign", "off by 1e-3", "zero"])
def test_one_wrong_weight_fails(name: str, factor: float, stability: Stability) -> None:
    fit = right(name)
    weight = fit.weight.copy()
    weight[largest(fit)] *= factor
    assert not judged(name, replace(fit, weight=weight), stability).passed


@pytest.mark.parametrize("stability", STABILITIES)
@pytest.mark.parametrize("name", WORKLOADS)
def test_wrong_bias_fails(name: str, stability: Stability) -> None:
    """By 1e-2, since normal equations may lose 1e-3 in float32 on 500 features."""
    fit = right(name)
    assert not judged(name, replace(fit, bias=fit.bias + 1e-2), stability).passed


@pytest.mark.parametrize("stability", STABILITIES)
@pytest.mark.parametrize("name", NOISY)
def test_the_truth_without_fitting_fails(name: str, stability: Stability) -> None:
    """The truth passes the statistical check perfectly; the numerical checks find it out."""
    problem = prepared(name).problem
    fit = replace(right(name), weight=problem.weight, bias=problem.bias)
    verdict = judged(name, fit, stability)
    assert "coefficients" in failed_checks(verdict)
    assert "coefficients against the truth" not in failed_checks(verdict)


@pytest.mark.parametrize("stability", STABILITIES)
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_fit_of_the_test_split_fails(name: str, stability: Stability) -> None:
    ref = prepared(name)
    data = ref.problem.data
    swapped = Data(data.X_test, data.y_test, data.X, data.y)
    fit = solve(swapped) if ref.descent is None else loop(swapped, ref.descent.method)
    assert not judged(name, fit, stability).passed


@pytest.mark.parametrize("name", SOLVED)
def test_far_from_the_truth_fails(name: str) -> None:
    """Only the statistical check notices that the targets do not come from the truth."""
    ref = prepared(name)
    moved = replace(ref.problem, bias=ref.problem.bias + ref.problem.sigma)
    verdict = gate.judge(right(name), replace(ref, problem=moved), "orthogonal")
    assert failed_checks(verdict) == {"coefficients against the truth"}


@pytest.mark.parametrize(("epochs", "converged"), [(100, True), (5, False)])
def test_descent_is_held_to_the_truth_once_it_has_converged(epochs: int, converged: bool) -> None:
    workload = WORKLOADS["line-descent"]
    assert isinstance(workload.method, GradientDescent)
    method = replace(workload.method, epochs=epochs)
    problem = workload.make(0)
    ref = reference.prepare(replace(workload, method=method), problem)
    verdict = gate.judge(loop(problem.data, method), ref, "orthogonal")
    assert verdict.passed
    held = "coefficients against the truth" in {check.name for check in verdict.checks}
    assert held == converged


def test_statistical_check_refuses_as_often_as_it_says() -> None:
    """Its statistic has the distribution of chi-squared, and its bound is a quantile of it."""
    recipe = Synthetic(60, 4, sigma=0.3)
    statistics = []
    for seed in range(400):
        problem = recipe.make(seed)
        ref = reference.prepare(Workload("w", "", recipe, LeastSquares()), problem)
        verdict = gate.judge(solve(problem.data), ref, "orthogonal")
        [check] = [one for one in verdict.checks if one.name == "coefficients against the truth"]
        assert check.bound == pytest.approx(special.chdtri(5, least_squares.SIGNIFICANCE), rel=1e-2)
        statistics.append(check.error)
    for share in (0.2, 0.5, 0.8):
        refused = np.sum(statistics > special.chdtri(5, share))
        assert abs(refused - 400 * share) < 4 * (400 * share * (1 - share)) ** 0.5  # binomial


def test_where_rounding_leaves_no_digit_nothing_is_judged() -> None:
    ref = prepared("300x30:condition=1e5")
    fit = solve(ref.problem.data)
    for one in (fit, replace(fit, weight=-fit.weight)):
        verdict = gate.judge(one, ref, "normal equations")
        assert (verdict.passed, verdict.judged, verdict.bound) == (False, False, np.inf)
        assert "no digit" in verdict.reason
        assert verdict.reason.startswith("R² ")
    # What is no number is wrong all the same.
    assert gate.judge(replace(fit, bias=np.nan), ref, "normal equations").judged


# Wrong trajectories

Losses = Callable[[np.ndarray], np.ndarray]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(np.zeros_like, id="zero"),
        pytest.param(lambda losses: np.full_like(losses, losses[-1]), id="made up"),
        pytest.param(lambda losses: np.append(losses[1:], losses[-1]), id="one epoch early"),
        pytest.param(lambda losses: np.append(losses[0], losses[:-1]), id="one epoch late"),
        pytest.param(lambda losses: losses * 1.001, id="off by 1e-3"),
        pytest.param(np.sort, id="reversed"),
    ],
)
@pytest.mark.parametrize("curve", ["train_losses", "test_losses"])
@pytest.mark.parametrize("name", DESCENTS)
def test_wrong_losses_fail(name: str, curve: str, change: Losses) -> None:
    fit = right(name)
    wrong: Any = {curve: change(getattr(fit, curve))}
    verdict = judged(name, replace(fit, **wrong))
    assert curve.replace("_", " ") in failed_checks(verdict)


@pytest.mark.parametrize("name", DESCENTS)
@pytest.mark.parametrize(
    "other",
    [
        {"learning_rate": 1.001},
        {"learning_rate": 2.0},
        {"start_bias": 1e-4},
        {"loss": None},
    ],
    ids=["lr * 1.001", "lr * 2", "start", "loss"],
)
def test_another_method_fails(name: str, other: dict[str, Any]) -> None:
    ref = prepared(name)
    assert ref.descent is not None
    method = ref.descent.method
    changes: dict[str, Any] = {
        "learning_rate": method.learning_rate * other.get("learning_rate", 1.0),
        "start_bias": method.start_bias + other.get("start_bias", 0.0),
    }
    if "loss" in other:
        changes["loss"] = "squared" if method.loss == "l1" else "l1"
    assert not judged(name, loop(ref.problem.data, replace(method, **changes))).passed


@pytest.mark.parametrize("name", DESCENTS)
@pytest.mark.parametrize("epochs", [0, 1, -1], ids=["none", "one", "one too few"])
def test_fewer_epochs_fail(name: str, epochs: int) -> None:
    ref = prepared(name)
    assert ref.descent is not None
    method = ref.descent.method
    epochs = epochs if epochs >= 0 else method.epochs - 1
    verdict = judged(name, loop(ref.problem.data, replace(method, epochs=epochs)))
    assert "train_losses has shape" in verdict.reason


@pytest.mark.parametrize("name", DESCENTS)
def test_right_losses_with_the_start_fail(name: str) -> None:
    ref = prepared(name)
    assert ref.descent is not None
    start = ref.descent.method
    fit = replace(right(name), weight=np.array(start.start_weight), bias=start.start_bias)
    assert "coefficients" in failed_checks(judged(name, fit))


def test_the_tutorial_is_sharp_before_it_circles() -> None:
    """Losses are known to about 1e-5 until a rounding error can first change a sign.

    That is at epoch 231, where one residual is within 4e-6 of 0.
    """
    ref = prepared("tutorial")
    assert ref.descent is not None
    assert ref.descent.bounds.circling is not None
    assert ref.descent.bounds.circling > 300
    assert ref.descent.bounds.train_losses[:230].max() < 1e-5
    assert ref.descent.bounds.test_losses[:230].max() < 4e-5


def test_the_tutorials_own_table() -> None:
    fit = right("tutorial")
    assert fit.train_losses is not None
    losses = fit.train_losses.copy()
    losses[300] += 4e-6
    assert failed_checks(judged("tutorial", replace(fit, train_losses=losses))) == {
        "printed losses"
    }


def test_away_from_the_optimum_fails() -> None:
    """The bias is more than one step away, and the last loss is changed to match."""
    fit, data = right("tutorial"), prepared("tutorial").problem.data
    assert fit.test_losses is not None
    test = fit.test_losses.copy()
    weight, bias = np.array([0.8]), 0.2 + 0.0101
    test[-1] = np.abs(data.X_test @ weight + bias - data.y_test).mean()
    verdict = judged("tutorial", Fit(weight, bias, fit.train_losses, test))
    assert failed_checks(verdict) == {"coefficients against the optimum"}


# Malformed fits


@pytest.mark.parametrize(
    "value",
    [
        None,
        "1.5",
        "nan",
        ["a"],
        [None],
        [[1.0]],
        [],
        [1.0, 2.0, 3.0],
        [[1.0], [2.0, 3.0]],
        [1j],
        [True],
        {"a": 1},
        [10**400],
        np.nan,
        [np.nan],
        [np.inf],
        [1e308],
        object(),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("line", "weight"),
        ("line", "bias"),
        ("line-descent", "weight"),
        ("line-descent", "bias"),
        ("line-descent", "train_losses"),
        ("line-descent", "test_losses"),
    ],
)
def test_hostile_values_are_refused_with_a_reason(name: str, field: str, value: Any) -> None:
    wrong: Any = {field: value}
    verdict = judged(name, replace(right(name), **wrong))
    assert not verdict.passed
    assert field in verdict.reason or verdict.checks


@pytest.mark.filterwarnings("error")
def test_absurdly_large_values_fail_quietly() -> None:
    # 1e151 has a square in float64; divided by the noise, 1e-3, it has none.
    for name, value in (("line", 1e308), ("line-descent", 1e308), ("ill-conditioned", 1e151)):
        fit = right(name)
        assert not judged(name, replace(fit, weight=np.full(fit.weight.shape, value))).passed


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", WORKLOADS)
def test_not_finite_fails(name: str, bad: float) -> None:
    fit = right(name)
    weight = np.array(fit.weight)
    weight[-1] = bad
    for wrong in (replace(fit, weight=weight), replace(fit, bias=bad)):
        assert "NaN or infinite" in judged(name, wrong).reason


def test_reason_says_what_how_much_and_why() -> None:
    fit = right("line")
    reason = judged("line", replace(fit, weight=fit.weight + 1)).reason
    assert reason.startswith("R² -0.3455 of 0.7579; coefficients are off by ")
    assert "more than the bound " in reason
    assert "Higham" in reason


def test_zero_targets() -> None:
    X = np.linspace(-1, 1, 9)[:, None]
    problem = Problem(Data(X, np.zeros(9), X, np.zeros(9)), np.zeros(1), 0.0, 0.0)
    ref = reference.prepare(WORKLOADS["line"], problem)
    assert gate.judge(Fit(np.zeros(1), 0.0), ref, "orthogonal").passed
    assert not gate.judge(Fit(np.zeros(1), 1e-9), ref, "orthogonal").passed
