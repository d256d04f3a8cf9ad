"""What torch's solvers do with features that depend on each other."""

from __future__ import annotations

import numpy as np
import pytest

from backends import registry
from backends.base import Data, Fit, LeastSquares
from backends.torch.operator import TorchCholeskyOperator

pytest.importorskip("torch")


def fit(name: str, X: np.ndarray, y: np.ndarray, threads: int = 1) -> Fit:
    backend = registry.load()[name]()
    backend.start("cpu", threads)
    backend.load(Data(X, y, X[:0], y[:0]), LeastSquares())
    return backend.fit()


def dependent(kind: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 3)) + 1
    if kind == "constant":
        X[:, 2] = 0.1
    elif kind == "twice":
        X[:, 2] = X[:, 0]
    else:
        X = X[:2]
    y = X @ [1.0, 2.0, 3.0] + 0.5 + 0.1 * rng.standard_normal(len(X))
    return X.astype(dtype), y.astype(dtype)


KINDS = pytest.mark.parametrize("kind", ["constant", "twice", "few samples"])
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


@KINDS
@DTYPES
@pytest.mark.parametrize("name", ["torch-cholesky", "torch-cholesky-blocks", "torch-qr"])
def test_a_solver_that_cannot_choose_says_so(name: str, kind: str, dtype: str) -> None:
    with pytest.raises(np.linalg.LinAlgError, match="this solver needs full rank"):
        fit(name, *dependent(kind, dtype))


@KINDS
@DTYPES
@pytest.mark.parametrize("name", ["torch-gelsy", "torch-refined"])
def test_others_choose_the_shortest_weight(name: str, kind: str, dtype: str) -> None:
    X, y = dependent(kind, dtype)
    found = fit(name, X, y)
    means = X.mean(axis=0, dtype=float), y.mean(dtype=float)
    weight = np.linalg.pinv(X - means[0], rcond=1e-6) @ (y - means[1])
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(found.weight, weight, atol=tolerance)
    np.testing.assert_allclose(found.bias, means[1] - means[0] @ weight, atol=tolerance)


@DTYPES
@pytest.mark.parametrize("p", [*range(1, 14), 23, 24, 31, 32, 33, 64, 97, 256])
def test_an_operator_takes_any_shape(p: int, dtype: str) -> None:
    """Vectors, blocks and tiles that are not full, and parts of threads that end within one."""
    rng = np.random.default_rng(p)
    for n in (p + 1, p + 10, 511, 513, (1 << 17) // p + 1_027):
        X = (rng.standard_normal((n, p)) + 9 * np.eye(n, p)).astype(dtype)
        y = X.sum(axis=1) + rng.standard_normal(n).astype(dtype)
        found = fit("torch-cholesky-operator", X, y, threads=2)
        A = np.column_stack([X.astype(float), np.ones(n)])
        expected, _, _, singular = np.linalg.lstsq(A, y.astype(float))
        error = np.linalg.norm([*found.weight, found.bias] - expected) / np.linalg.norm(expected)
        # The error of normal equations grows with the square of the condition number.
        assert error <= 100 * np.finfo(dtype).eps * (singular[0] / singular[-1]) ** 2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", [0, 300, 599])
def test_an_operator_hides_no_number_that_is_not_finite(bad: float, where: int) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((600, 3)), rng.standard_normal(600)
    y[where] = bad
    assert not np.isfinite(fit("torch-cholesky-operator", X, y).weight).any()
    X[where, 1], y[where] = bad, 0
    with pytest.raises(np.linalg.LinAlgError):
        fit("torch-cholesky-operator", X, y)


@pytest.mark.parametrize(("n", "p"), [(70_001, 5), (3_001, 90)])
def test_as_an_operator(n: int, p: int) -> None:
    """Two threads, blocks and tiles that are not full, and columns that depend on each other."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    y = X.sum(axis=1) + 6 + rng.standard_normal(n)
    backend = TorchCholeskyOperator()
    backend.start("cpu", 2)
    backend.load(Data(X, y, X[:0], y[:0]), LeastSquares())
    found = backend.fit()
    assert "operator" in backend.describe()["algorithm"]
    expected = np.linalg.lstsq(np.column_stack([X, np.ones_like(y)]), y)[0]
    np.testing.assert_allclose([*found.weight, found.bias], expected, rtol=1e-12)
    X[:, 4] = X[:, 0] - X[:, 1]
    backend.renew(Data(X, y, X[:0], y[:0]), LeastSquares())
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        backend.fit()
