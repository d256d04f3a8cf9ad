"""Features that do not determine the weight: the shortest one is asked for, or a plain refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from backends import rank_deficient as rank
from backends.base import Data, LeastSquares
from backends.scipy import ScipyQRBlocks
from backends.worker.messages import method_to_json
from benchmarks.engine.answers import First
from benchmarks.engine.worker import WorkerFailed

if TYPE_CHECKING:
    from tests.backends.conftest import Served

Fitting = Callable[[str, np.ndarray, np.ndarray], First]

#: Backends that find out by themselves that the columns of [X 1] depend on each other.
REVEALING = ["numpy-gelsd", "scipy-gelsd", "scipy-gelsy", "scipy-gelss", "jax-lstsq"]

RNG = np.random.default_rng(5)
FEATURES = RNG.standard_normal((40, 3)) + 2
CASES = {
    "a column twice": np.column_stack([FEATURES, FEATURES[:, 0]]),
    "the sum of two columns": np.column_stack([FEATURES, FEATURES[:, 0] + FEATURES[:, 1]]),
    "a constant column": np.column_stack([FEATURES, np.full(40, 0.1)]),
    "nothing but a constant column": np.full((40, 1), 0.1),
    "fewer samples than features": RNG.standard_normal((5, 9)) + 2,
    "as many samples as features": RNG.standard_normal((6, 6)) + 2,
}


@pytest.fixture
def fit(served: Served, tmp_path: Path) -> Fitting:
    """Fits a backend and returns what its worker answers."""

    def fit(name: str, X: np.ndarray, y: np.ndarray) -> First:
        worker = served.worker(name)
        for array, values in {"X": X, "y": y, "X_test": X[:0], "y_test": y[:0]}.items():
            np.save(tmp_path / f"{array}.npy", values)
        worker.ask("load", folder=str(tmp_path), method=method_to_json(LeastSquares()))
        first: First = worker.ask("first")
        return first

    return fit


def _targets(X: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(6).standard_normal(len(X))
    return np.asarray(X @ np.arange(1, X.shape[1] + 1) - 3 + 0.1 * noise)


def _shortest(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """By the pseudo-inverse of the centred data, in float64, with a generous cut-off."""
    return np.asarray(np.linalg.pinv(X - X.mean(axis=0), rcond=1e-6) @ (y - y.mean()))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", REVEALING)
def test_of_several_weights_the_shortest_is_found(fit: Fitting, name: str, case: str) -> None:
    X = CASES[case]
    y = _targets(X)
    found = fit(name, X, y).fit
    # The pseudo-inverse cannot tell a constant column that was centred from a small one.
    expected = np.zeros(1) if X.shape[1] == 1 else _shortest(X, y)
    np.testing.assert_allclose(found.weight, expected, atol=1e-9)
    assert found.bias == pytest.approx(y.mean() - X.mean(axis=0) @ expected, abs=1e-9)


@pytest.mark.parametrize("name", REVEALING)
def test_float32_stays_float32(fit: Fitting, name: str) -> None:
    X = CASES["a column twice"].astype(np.float32)
    y = _targets(X).astype(np.float32)
    answer = fit(name, X, y)
    assert answer.description["dtype"] == "float32"
    np.testing.assert_allclose(answer.fit.weight, _shortest(X.astype(float), y), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["scipy-cholesky", "jax-cholesky"])
def test_cholesky_refuses(fit: Fitting, name: str, case: str, dtype: type) -> None:
    X = CASES[case].astype(dtype)
    with pytest.raises(WorkerFailed, match=r"LinAlgError: .* needs full rank"):
        fit(name, X, _targets(X).astype(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["scipy-cholesky", "jax-cholesky", "torch-cholesky"])
def test_cholesky_refuses_a_constant_column_of_whatever_value(
    fit: Fitting, name: str, dtype: type
) -> None:
    """How much rounding leaves of the pivot depends on the value: up to 12 eps here."""
    for value in np.linspace(0.01, 1.99, 9):
        X = np.column_stack([FEATURES, np.full(40, value)]).astype(dtype)
        with pytest.raises(WorkerFailed, match=r"LinAlgError: .* needs full rank"):
            fit(name, X, _targets(X).astype(dtype))


@pytest.mark.parametrize(("dtype", "condition"), [(np.float32, 3e2), (np.float64, 3e6)])
@pytest.mark.parametrize("name", ["scipy-cholesky", "jax-cholesky", "torch-cholesky"])
def test_cholesky_does_not_refuse_what_it_can_solve(
    fit: Fitting, name: str, dtype: type, condition: float
) -> None:
    rng = np.random.default_rng(7)
    X = rng.standard_normal((2000, 3))
    X[:, 2] = X[:, 1] + X[:, 2] / condition
    found = fit(name, X.astype(dtype), X[:, 0].astype(dtype)).fit
    assert found.weight[0] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "name", ["scipy-gels", "scipy-cholesky", "jax-qr", "jax-cholesky", "statsmodels-qr"]
)
def test_a_solver_for_full_rank_refuses_fewer_samples_than_columns(fit: Fitting, name: str) -> None:
    X = CASES["fewer samples than features"]
    with pytest.raises(WorkerFailed, match="5 samples of 9 features"):
        fit(name, X, _targets(X))


def test_the_rows_without_mean_are_the_centred_ones_turned() -> None:
    X = CASES["a constant column"]
    centred, rows = X - X.mean(axis=0), rank.without_mean(X)
    assert len(rows) == len(X) - 1
    np.testing.assert_allclose(rows.T @ rows, centred.T @ centred, atol=1e-12)
    assert not rows[:, -1].any(), "a constant column must become exactly 0"


@pytest.mark.parametrize("n", [50, 10_000])
def test_qr_by_blocks_refuses_dependent_columns_and_is_right_otherwise(n: int) -> None:
    """Less than a block of rows, and some."""
    X = np.random.default_rng(0).standard_normal((n, 3))
    y = X @ [1.0, 2.0, 3.0] + 4
    backend = ScipyQRBlocks()
    backend.load(Data(X, y, X[:0], y[:0]), LeastSquares())
    found = backend.fit()
    np.testing.assert_allclose([*found.weight, found.bias], [1, 2, 3, 4], rtol=1e-12)
    X = np.column_stack([X, X[:, 0]])
    backend.load(Data(X, y, X[:0], y[:0]), LeastSquares())
    with pytest.raises(np.linalg.LinAlgError, match="depend on each other"):
        backend.fit()
