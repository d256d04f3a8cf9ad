"""The reference solution agrees with exact rational arithmetic and with closed forms."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isclose

import numpy as np
import pytest

from backends.base import Data, GradientDescent
from benchmarks.gate import solution, trajectory
from benchmarks.gate.bounds import solver_bounds
from benchmarks.gate.rounding import long_dot, rounded, two_product, two_sum
from benchmarks.problems.problem import DType, Synthetic
from benchmarks.problems.workloads import WORKLOADS, select
from tests.exact import shortest

Last = Callable[[np.ndarray], np.ndarray] | None


def data_of(X: np.ndarray, y: np.ndarray) -> Data:
    return Data(X, y, X[:0], y[:0])


def exact(data: Data) -> np.ndarray:
    return shortest(data.X, data.y)


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
    # Subtracting the rounded value leaves 1e-16 of the terms; doing it twice leaves 1e-32.
    for _ in range(2):
        a, b = np.append(a, -float(rounded(long_dot(a, b)))), np.append(b, 1.0)
    expected = sum(Fraction(x) * Fraction(y) for x, y in zip(a.tolist(), b.tolist(), strict=True))
    assert isclose(rounded(long_dot(a, b)), float(expected), rel_tol=1e-9)


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
        solution.least_squares(data).coefficients, exact(data), rtol=2.0**-52
    )


def test_columns_of_very_different_size() -> None:
    data = Synthetic(40, 3, 1.0, 1e3, "float64").make(seed=1).data
    data = data_of(data.X * [1e150, 1e-150, 1.0], data.y)
    np.testing.assert_allclose(
        solution.least_squares(data).coefficients, exact(data), rtol=2.0**-52
    )


def test_float32_solution_is_far_better_than_float32() -> None:
    data = Synthetic(50, 4, 1.0, 1e3, "float32").make(seed=2).data
    np.testing.assert_allclose(solution.least_squares(data).coefficients, exact(data), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_blocks_of_rows_are_one_problem(dtype: DType) -> None:
    """Three blocks of rows, and a fourth that is not full."""
    data = Synthetic(100_000, 4, 1.0, 10.0, dtype).make(seed=3).data
    parts = solution.least_squares(data)
    A, y = solution.design(data.X), data.y.astype(float)
    whole = np.linalg.lstsq(A, y)[0]
    np.testing.assert_allclose(parts.coefficients, whole, rtol=1e-12)
    assert isclose(parts.residual_norm, np.linalg.norm(A @ whole - y), rel_tol=1e-12)
    assert isclose(parts.target_norm, np.linalg.norm(y), rel_tol=1e-12)


@pytest.mark.parametrize("n_rows", [1, 7, 100, 299, 1_000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("last", [None, lambda X: X[:, 0]], ids=["independent", "dependent"])
def test_blocks_of_any_size_are_one_problem(n_rows: int, dtype: DType, last: Last) -> None:
    """Two blocks of 299 are one row short of all."""
    data = Synthetic(599, 4, 1.0, dtype=dtype, last=last).make(seed=3).data
    whole, parts = (solution.least_squares(data, rows) for rows in (599, n_rows))
    np.testing.assert_allclose(parts.coefficients, whole.coefficients, rtol=2e-14)
    for name in ("residual_norm", "target_norm", "spread"):
        assert isclose(getattr(parts, name), getattr(whole, name), rel_tol=2e-14)
    one, other = parts.conditioning, whole.conditioning
    assert isclose(one.condition, other.condition, rel_tol=1e-12)
    assert parts.ranks == whole.ranks == ((3, 3) if last else (4, 4))


def test_a_residual_is_that_of_all_blocks() -> None:
    data = Synthetic(70_000, 3, 1.0, dtype="float32").make(seed=3).data
    b = np.array([1.0, 2.0, 3.0, 4.0])
    expected = np.linalg.norm(solution.design(data.X) @ b - data.y)
    assert isclose(solution.residual_norm(data, b), expected, rel_tol=1e-12)


@pytest.mark.parametrize("condition", [1.0, 1e3, 1e8])
def test_condition_is_the_one_asked_for(condition: float) -> None:
    problem = Synthetic(500, 5, 0.1, condition, "float64").make(seed=4)
    found = solution.least_squares(problem.data).conditioning
    assert isclose(found.condition, condition, rel_tol=1e-6)


def test_angle_between_targets_and_columns() -> None:
    # y = 3 x + 4 v, where x, v and 1 are orthogonal and of length 2: a triangle 3, 4, 5.
    x, v = np.array([1.0, 1, -1, -1]), np.array([1.0, -1, 1, -1])
    solved = solution.least_squares(data_of(x[:, None], 3 * x + 4 * v))
    found = solved.conditioning
    np.testing.assert_allclose(solved.coefficients, [3, 0], atol=1e-15)
    assert isclose(found.tangent, 4 / 3)
    assert isclose(found.cosine, 3 / 5)
    assert isclose(found.stretch, 1)


# Dependent features

RNG = np.random.default_rng(0)
FREE = RNG.standard_normal((9, 3))
#: Features (n, n_features), and the rank of the centred ones.
DEPENDENT = {
    "constant": (np.column_stack([FREE, np.full(9, 7.0)]), 3),
    "zero": (np.column_stack([FREE, np.zeros(9)]), 3),
    "all constant": (np.tile([2.0, -3.0], (9, 1)), 0),
    "twice": (FREE[:, [0, 1, 0, 2]], 3),
    "multiple": (np.outer(np.arange(9.0), [1, 3]), 1),
    "multiple and shifted": (np.outer(np.arange(9.0), [1, 4]) + np.array([0.0, 8.0]), 1),
    "multiples far apart": (np.outer(np.arange(9.0), [1, 2.0**30, 2.0**-30]), 1),
    "one hot": (np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 0, 1]], 2),
    "square": (RNG.standard_normal((4, 4)), 3),
    "wide": (RNG.standard_normal((3, 7)), 2),
    "one sample": (np.array([[2.0, 3.0]]), 0),
    "two samples": (np.array([[1.0], [1.0]]), 0),
}


def dependent(name: str, dtype: str) -> Data:
    X = DEPENDENT[name][0].astype(dtype)
    return data_of(X, np.random.default_rng(1).standard_normal(len(X)).astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DEPENDENT)
def test_of_several_minimisers_it_is_the_shortest_weight(dtype: DType, name: str) -> None:
    data = dependent(name, dtype)
    found = solution.least_squares(data)
    rank = DEPENDENT[name][1]
    assert found.ranks == (rank, rank)
    expected = exact(data)
    off = np.linalg.norm(found.coefficients - expected)
    assert off < 1e-13 * np.linalg.norm(expected)
    residual = solution.design(data.X) @ found.coefficients - data.y
    assert isclose(found.residual_norm, np.linalg.norm(residual), abs_tol=1e-14)
    assert isclose(found.target_norm, np.linalg.norm(data.y.astype(float)), rel_tol=1e-14)


@pytest.mark.parametrize("name", DEPENDENT)
def test_a_shift_of_the_features_changes_nothing_but_the_bias(name: str) -> None:
    data = dependent(name, "float64")
    shift = np.arange(1.0, 1 + data.X.shape[1]) / 4
    moved = solution.least_squares(data_of(data.X + shift, data.y)).coefficients
    still = solution.least_squares(data).coefficients
    np.testing.assert_allclose(moved[:-1], still[:-1], rtol=1e-9, atol=1e-13)
    assert isclose(moved[-1], still[-1] - shift @ still[:-1], rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("condition", [1e2, 1e8])
def test_dependent_features_cost_far_less_than_solvers_may_lose(condition: float) -> None:
    data = Synthetic(30, 3, 1.0, condition, "float64").make(seed=5).data
    data = data_of(np.column_stack([data.X, data.X[:, 1], data.X[:, 0]]), data.y)
    found = solution.least_squares(data)
    assert found.rank == 3
    expected = exact(data)
    size = np.linalg.norm(expected)
    allowed = solver_bounds(found.conditioning, "orthogonal", 1e-14).coefficients
    assert np.linalg.norm(found.coefficients - expected) < 0.01 * allowed * size


@pytest.mark.parametrize("name", ["twice", "wide", "constant"])
def test_condition_of_the_row_space_is_what_moves_the_solution(name: str) -> None:
    """The restricted condition number is that of [X W, 1], W a basis of the row space."""
    data = dependent(name, "float64")
    solved = solution.least_squares(data)
    assert solved.basis is not None
    centred = data.X - data.X.mean(axis=0)
    np.testing.assert_allclose(centred @ solved.basis @ solved.basis.T, centred, atol=1e-14)
    within = solution.design(data.X @ solved.basis)
    smallest = np.linalg.svd(within, compute_uv=False)[-1]
    found = solved.conditioning
    largest = np.linalg.norm(solution.design(data.X), 2)
    assert isclose(found.condition, largest / smallest, rel_tol=1e-12)
    assert found.deficient


def test_many_features_of_few_samples_take_no_time() -> None:
    rng = np.random.default_rng(3)
    data = data_of(rng.standard_normal((40, 3000)), rng.standard_normal(40))
    found = solution.least_squares(data)
    weight = np.linalg.pinv(data.X - data.X.mean(axis=0)) @ (data.y - data.y.mean())
    np.testing.assert_allclose(found.coefficients[:-1], weight, rtol=1e-9, atol=1e-12)


def test_a_sum_that_is_rounded_leaves_the_rank_open_in_its_dtype() -> None:
    [single, double] = select(["odd-sum", "odd-sum-float64"])
    found = solution.least_squares(single.make(0).data)
    assert (found.ranks, found.ambiguous) == ((4, 5), True)
    found = solution.least_squares(double.make(0).data)
    assert (found.ranks, found.ambiguous) == ((4, 4), False)


def test_the_unit_of_a_feature_does_not_decide_its_rank() -> None:
    X = np.column_stack([FREE[:, 0], 1e-12 * FREE[:, 1], 1e12 * FREE[:, 2]])
    for dtype in ("float32", "float64"):
        data = data_of(X.astype(dtype), FREE[:, 0].astype(dtype))
        assert solution.least_squares(data).ranks == (3, 3)


def test_all_zero_targets_have_a_zero_solution() -> None:
    X = np.arange(9.0)[:, None]
    solved = solution.least_squares(data_of(X, np.zeros(9)))
    assert not solved.coefficients.any()
    assert solved.conditioning.tangent == np.inf


def test_squared_descent_follows_the_closed_form() -> None:
    """b_k - b* = (I - lr H)^k (b_0 - b*), H = (2/n) A'A."""
    problem = Synthetic(200, 3, 0.5, 4.0, "float64").make(seed=6)
    method = GradientDescent("squared", 0.2, 30, (1.0, -2.0, 0.5), 3.0)
    found = trajectory.descent(problem.data, method)
    A = solution.design(problem.data.X)
    best = solution.least_squares(problem.data).coefficients
    step = np.eye(4) - 0.2 * 2 / 200 * A.T @ A
    for k in (0, 1, 2, 30):
        expected = best + np.linalg.matrix_power(step, k) @ (found.iterates[0] - best)
        np.testing.assert_allclose(found.iterates[k], expected, rtol=1e-12)
    before = np.mean((A @ found.iterates[29] - problem.data.y) ** 2)
    after = solution.design(problem.data.X_test) @ found.iterates[30] - problem.data.y_test
    assert isclose(found.train_losses[29], before, rel_tol=1e-12)
    assert isclose(found.test_losses[29], np.mean(after**2), rel_tol=1e-12)


def test_l1_step_by_hand() -> None:
    """Two residuals are positive. The third is exactly 0 and does not contribute."""
    data = data_of(np.array([[1.0], [2.0], [3.0]]), np.array([0.0, 1.0, 5.0]))
    found = trajectory.descent(data, GradientDescent("l1", 0.3, 1, (1.0,), 2.0))
    np.testing.assert_allclose(found.iterates[1], [1 - 0.3 * (1 + 2) / 3, 2 - 0.3 * 2 / 3])
    np.testing.assert_allclose(found.train_losses, [2.0])
    assert found.test_losses.shape == (0,)


def test_divergence_is_one_clear_line() -> None:
    data = WORKLOADS["line-descent"].make(0).data
    with pytest.raises(solution.Unsolvable, match="diverges"):
        trajectory.descent(data, GradientDescent("squared", 1e9, 200, (0.0,), 0.0))


def test_relative_errors_are_those_of_whole_vectors() -> None:
    iterates = np.array([[3.0, 4.0], [3.0, 9.0], [0.0, 0.0]])
    errors = trajectory.relative_errors(iterates, np.array([3.0, 4.0]))
    np.testing.assert_array_equal(errors, [0, 1, 1])
