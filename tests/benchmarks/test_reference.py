"""The reference is held to exact rational arithmetic, and to what is known in closed form."""

from __future__ import annotations

from fractions import Fraction
from math import isclose

import numpy as np
import pytest

from backends.base import Data, GradientDescent
from benchmarks import reference
from benchmarks.errors import UserError
from benchmarks.precise import dot, two_product, two_sum
from benchmarks.problems import DType, Synthetic
from benchmarks.workloads import WORKLOADS


def data_of(X: np.ndarray, y: np.ndarray) -> Data:
    return Data(X, y, X[:0], y[:0])


def exact(data: Data) -> np.ndarray:
    """The least-squares solution by the normal equations in rational arithmetic, rounded once."""
    A = [[Fraction(float(x)) for x in row] + [Fraction(1)] for row in data.X]
    y = [Fraction(float(value)) for value in data.y]
    p = len(A[0])
    rows = [[sum((a[i] * a[j] for a in A), Fraction(0)) for j in range(p)] for i in range(p)]
    for i, row in enumerate(rows):
        row.append(sum((a[i] * value for a, value in zip(A, y, strict=True)), Fraction(0)))
    for i in range(p):
        rows[i] = [value / rows[i][i] for value in rows[i]]  # positive definite: no pivoting
        for k in set(range(p)) - {i}:
            rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    return np.array([float(row[p]) for row in rows])


def test_transformations_lose_nothing() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 200)) * 10.0 ** rng.integers(-30, 30, (2, 200))
    for operation, transformed in [("+", two_sum(a, b)), ("*", two_product(a, b))]:
        for x, y, high, low in zip(a, b, *transformed, strict=True):
            x, y = Fraction(float(x)), Fraction(float(y))
            assert Fraction(float(high)) + Fraction(float(low)) == (
                x + y if operation == "+" else x * y
            )


@pytest.mark.parametrize("n", [1, 2, 7, 64, 501])
def test_dot_is_right_when_all_leading_digits_cancel(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.standard_normal((2, n))
    # Its own rounded value, subtracted, leaves a sum 1e-16 times its terms; twice, 1e-32.
    for _ in range(2):
        a, b = np.append(a, -float(dot(a, b))), np.append(b, 1.0)
    expected = sum(Fraction(x) * Fraction(y) for x, y in zip(a.tolist(), b.tolist(), strict=True))
    assert isclose(dot(a, b), float(expected), rel_tol=1e-9)


@pytest.mark.parametrize("sigma", [0.0, 1.0, 100.0])
@pytest.mark.parametrize(
    ("condition", "offset"),
    [(1.0, 0.0), (1e4, 0.0), (1e7, 0.0), (1e10, 0.0), (1e13, 0.0), (1.0, 1e4), (1e7, 1e4)],
)
def test_float64_solution_is_exact_to_unit_roundoff(
    sigma: float, condition: float, offset: float
) -> None:
    data = Synthetic(30, 3, sigma, condition, "float64").make(seed=5).data
    data = data_of(data.X + offset, data.y)
    np.testing.assert_allclose(
        reference.least_squares(data).coefficients, exact(data), rtol=2.0**-52
    )


def test_columns_of_very_different_size() -> None:
    data = Synthetic(40, 3, 1.0, 1e3, "float64").make(seed=1).data
    data = data_of(data.X * [1e150, 1e-150, 1.0], data.y)
    np.testing.assert_allclose(
        reference.least_squares(data).coefficients, exact(data), rtol=2.0**-52
    )


def test_float32_solution_is_far_better_than_float32() -> None:
    data = Synthetic(50, 4, 1.0, 1e3, "float32").make(seed=2).data
    np.testing.assert_allclose(reference.least_squares(data).coefficients, exact(data), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_of_rows_change_nothing(dtype: DType, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Synthetic(1000, 4, 1.0, 10.0, dtype).make(seed=3).data
    whole = reference.least_squares(data)
    monkeypatch.setattr(reference, "_ROWS", 64)
    parts = reference.least_squares(data)
    np.testing.assert_allclose(parts.coefficients, whole.coefficients, rtol=1e-13)
    assert isclose(parts.residual_norm, whole.residual_norm, rel_tol=1e-13)


@pytest.mark.parametrize("condition", [1.0, 1e3, 1e8])
def test_condition_is_the_one_asked_for(condition: float) -> None:
    problem = Synthetic(500, 5, 0.1, condition, "float64").make(seed=4)
    found = reference.conditioning(reference.least_squares(problem.data))
    assert isclose(found.condition, condition, rel_tol=1e-6)


def test_angle_between_targets_and_columns() -> None:
    # y = 3 x + 4 v with x, v and 1 orthogonal, and all of length 2: a right triangle 3, 4, 5.
    x, v = np.array([1.0, 1, -1, -1]), np.array([1.0, -1, 1, -1])
    solution = reference.least_squares(data_of(x[:, None], 3 * x + 4 * v))
    found = reference.conditioning(solution)
    np.testing.assert_allclose(solution.coefficients, [3, 0], atol=1e-15)
    assert isclose(found.tangent, 4 / 3)
    assert isclose(found.cosine, 3 / 5)
    assert isclose(found.stretch, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("X", [np.ones((9, 1)), np.zeros((9, 1)), np.outer(range(9), [1, 3]),
                               np.random.default_rng(0).standard_normal((3, 4))])  # fmt: skip
def test_dependent_columns_are_one_clear_line(dtype: DType, X: np.ndarray) -> None:
    X = X.astype(dtype)
    with pytest.raises(UserError, match="linearly dependent"):
        reference.least_squares(data_of(X, np.arange(len(X)).astype(dtype)))


def test_all_zero_targets_have_a_zero_solution() -> None:
    X = np.arange(9.0)[:, None]
    solution = reference.least_squares(data_of(X, np.zeros(9)))
    assert not solution.coefficients.any()
    assert reference.conditioning(solution).tangent == np.inf


def test_squared_descent_follows_the_closed_form() -> None:
    """b_k - b* = (I - lr H)^k (b_0 - b*), H = (2/n) A'A."""
    problem = Synthetic(200, 3, 0.5, 4.0, "float64").make(seed=6)
    method = GradientDescent("squared", 0.2, 30, (1.0, -2.0, 0.5), 3.0)
    found = reference.descent(problem.data, method)
    A = reference.design(problem.data.X)
    best = reference.least_squares(problem.data).coefficients
    step = np.eye(4) - 0.2 * 2 / 200 * A.T @ A
    for k in (0, 1, 2, 30):
        expected = best + np.linalg.matrix_power(step, k) @ (found.iterates[0] - best)
        np.testing.assert_allclose(found.iterates[k], expected, rtol=1e-12)
    before = np.mean((A @ found.iterates[29] - problem.data.y) ** 2)
    after = reference.design(problem.data.X_test) @ found.iterates[30] - problem.data.y_test
    assert isclose(found.train_losses[29], before, rel_tol=1e-12)
    assert isclose(found.test_losses[29], np.mean(after**2), rel_tol=1e-12)


def test_l1_step_by_hand() -> None:
    """Two residuals above 0, one of exactly 0, which has no part in the step."""
    data = data_of(np.array([[1.0], [2.0], [3.0]]), np.array([0.0, 1.0, 5.0]))
    found = reference.descent(data, GradientDescent("l1", 0.3, 1, (1.0,), 2.0))
    np.testing.assert_allclose(found.iterates[1], [1 - 0.3 * (1 + 2) / 3, 2 - 0.3 * 2 / 3])
    np.testing.assert_allclose(found.train_losses, [2.0])
    assert found.test_losses.shape == (0,)


def test_divergence_is_one_clear_line() -> None:
    data = WORKLOADS["line-descent"].make(0).data
    with pytest.raises(UserError, match="diverges"):
        reference.descent(data, GradientDescent("squared", 1e9, 200, (0.0,), 0.0))
