"""Problems are as announced, and users find workloads by what they type."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backends.base import GradientDescent, LeastSquares
from backends.worker.messages import ARRAYS, sha256
from benchmarks.errors import UserError
from benchmarks.problems.problem import Problem, Synthetic
from benchmarks.problems.workloads import DEFAULT, FULL, WORKLOADS, Workload, select

SMALL = Synthetic(n_samples=400, n_features=5, sigma=0.1, dtype="float64")


def digest(problem: Problem) -> str:
    return sha256(problem.data)


@pytest.mark.parametrize("recipe", [SMALL, replace(SMALL, condition=1e3)])
def test_a_seed_gives_the_same_bytes_and_another_seed_others(recipe: Synthetic) -> None:
    assert digest(recipe.make(5)) == digest(recipe.make(5))
    assert digest(recipe.make(5)) != digest(recipe.make(6))


def test_each_workload_draws_from_a_stream_of_its_own() -> None:
    one, other = (Workload(name, "", SMALL, LeastSquares()) for name in ("one", "other"))
    assert digest(one.make(0)) == digest(one.make(0))
    assert len({digest(w.make(seed)) for w in (one, other) for seed in (0, 1)}) == 4


def test_the_tutorial_is_the_same_whatever_the_seed() -> None:
    workload = WORKLOADS["tutorial"]
    data = workload.make(0).data
    assert digest(workload.make(0)) == digest(workload.make(1))
    assert (data.X.shape, data.y.shape) == ((80, 1), (80,))
    assert (data.X_test.shape, data.y_test.shape) == ((20, 1), (20,))
    assert data.X.dtype == data.y.dtype == np.float32
    np.testing.assert_allclose(data.X_test[:, 0], np.arange(1.6, 2, 0.02), rtol=1e-6)
    np.testing.assert_allclose(data.y, 0.8 * data.X[:, 0] + 0.2, rtol=1e-6)


@pytest.mark.parametrize("condition", [1.0, 1e2, 1e6])
def test_the_condition_number_is_the_one_asked_for(condition: float) -> None:
    X = replace(SMALL, condition=condition).make(3).data.X
    with_intercept = np.column_stack([X, np.ones(len(X))])
    assert np.linalg.cond(with_intercept) == pytest.approx(condition, rel=1e-6)


@pytest.mark.parametrize("condition", [None, 30.0])
def test_the_truth_is_recovered_from_the_data(condition: float | None) -> None:
    """By chi-squared of the fit: 6 on average, and above 40 once in two million times."""
    problem = replace(SMALL, condition=condition).make(4)
    A = np.column_stack([problem.data.X, np.ones(SMALL.n_samples)])
    fit = np.linalg.lstsq(A, problem.data.y)[0]
    off = A @ (fit - np.append(problem.weight, problem.bias))
    assert 0 < off @ off / SMALL.sigma**2 < 40
    residual = problem.data.y - A @ fit
    assert np.std(residual) == pytest.approx(SMALL.sigma, rel=0.15)
    test = problem.data.X_test @ problem.weight + problem.bias - problem.data.y_test
    assert np.sqrt(np.mean(test**2)) == pytest.approx(SMALL.sigma, rel=0.3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_without_noise_the_targets_are_the_truth_rounded_once(dtype: str) -> None:
    recipe = replace(SMALL, sigma=0.0, dtype=dtype)  # type: ignore[arg-type]
    problem = recipe.make(0)
    exact = problem.data.X.astype(np.float64) @ problem.weight + problem.bias
    np.testing.assert_array_equal(problem.data.y, exact.astype(dtype))


@pytest.mark.parametrize(
    ("n_samples", "n_test"), [(2, 1), (4, 1), (400, 100), (40_000, 10_000), (10**9, 10_000)]
)
def test_the_test_split_is_a_fifth_but_not_too_large(n_samples: int, n_test: int) -> None:
    assert Synthetic(n_samples, 1, sigma=1.0).n_test == n_test


@pytest.mark.parametrize("name", ["tutorial", "line", "line-descent", "wide", "ill-conditioned"])
def test_arrays_have_the_announced_shapes_and_type_and_size(name: str) -> None:
    workload = WORKLOADS[name]
    recipe, data = workload.recipe, workload.make(0).data
    assert data.X.shape == (recipe.n_samples, recipe.n_features)
    assert data.X_test.shape == (recipe.n_test, recipe.n_features)
    assert (data.y.shape, data.y_test.shape) == ((recipe.n_samples,), (recipe.n_test,))
    arrays = [getattr(data, array) for array in ARRAYS]
    assert all(array.dtype == recipe.dtype and array.flags.c_contiguous for array in arrays)
    assert workload.bytes == sum(array.nbytes for array in arrays)


def test_a_group_selects_its_workloads() -> None:
    default = [name for name, workload in WORKLOADS.items() if workload.group == "default"]
    assert [workload.name for workload in select(DEFAULT)] == default
    assert [workload.name for workload in select(FULL)] == [*WORKLOADS]


def test_names_and_globs_select_in_order_and_once() -> None:
    assert [w.name for w in select(["wide", "line*", "line"])] == ["wide", "line-descent", "line"]
    assert [w.name for w in select(["*"])] == list(WORKLOADS)
    assert select([]) == []


@pytest.mark.parametrize(
    ("text", "recipe"),
    [
        ("5000x10", Synthetic(5000, 10, sigma=1.0)),
        ("5000x10:float64", Synthetic(5000, 10, sigma=1.0, dtype="float64")),
        ("5000x10:float32:sigma=0", Synthetic(5000, 10, sigma=0.0)),
        (
            "5000x10:float64:sigma=0.1:condition=1e3",
            Synthetic(5000, 10, sigma=0.1, condition=1e3, dtype="float64"),
        ),
        (
            "5000x10:condition=1e3:sigma=.1:float64",
            Synthetic(5000, 10, sigma=0.1, condition=1e3, dtype="float64"),
        ),
    ],
)
def test_a_size_is_a_workload(text: str, recipe: Synthetic) -> None:
    [workload] = select([text])
    assert (workload.name, workload.recipe, workload.method) == (text, recipe, LeastSquares())


@pytest.mark.parametrize("size", ["60x4", "60x4:condition=3", "9x4", "400x3:float64"])
def test_a_size_with_steps_is_a_descent_that_arrives_on_the_same_data(size: str) -> None:
    closed, descent = select([size, f"{size}:steps=10000"])
    assert digest(closed.make(0)) == digest(descent.make(0))
    assert isinstance(descent.method, GradientDescent)
    data = descent.make(0).data
    A = np.column_stack([data.X, np.ones(len(data.y))]).astype(np.float64)
    b, rate = np.zeros(A.shape[1]), 2 * descent.method.learning_rate / len(A)
    for _ in range(descent.method.epochs):
        b = b - rate * A.T @ (A @ b - data.y)
    np.testing.assert_allclose(b, np.linalg.lstsq(A, data.y)[0], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tutoral", "did you mean 'tutorial'"),
        ("nothing-like-it-*", "there are: tutorial"),
        ("1x1", "at least 2 samples"),
        ("10x0", "1 feature"),
        ("10x10:condition=2", "condition needs more samples than features"),
        ("10x10:steps=5", "steps needs more samples than features"),
        ("10x2:steps=0", "steps must be a whole number from 1 to 10,000"),
        ("10x2:steps=2.5", "steps must be"),
        ("10x2:steps=1e3", "steps must be"),
        ("10x2:float16", "unknown option 'float16'"),
        ("10x2:noise=1", "unknown option 'noise=1'"),
        ("10x2:sigma=-1", "sigma must be a number of at least 0"),
        ("10x2:sigma=much", "sigma must be"),
        ("10x2:sigma=nan", "sigma must be"),
        ("10x2:condition=0.5", "condition must be a number of at least 1"),
        ("10x2:condition=inf", "condition must be"),
    ],
)
def test_unknown_workloads_and_options_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        select(["line", text])
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
