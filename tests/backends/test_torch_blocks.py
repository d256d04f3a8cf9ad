"""Sums over rows, made from blocks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from operator import mul

import numpy as np
import pytest

from backends import registry
from backends.base import Data, LeastSquares

torch = pytest.importorskip("torch")

from backends.torch.blocks import Blocks  # noqa: E402
from backends.torch.doubled import Doubled  # noqa: E402


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n", "p"), [(1, 1), (3, 5), (1000, 2), (2001, 47), (700, 300)])
@pytest.mark.parametrize("threads", [1, 3])
def test_sums_are_those_of_all_rows(
    n: int, p: int, dtype: str, threads: int, set_threads: Callable[[int], None]
) -> None:
    """Whatever is left over when rows make blocks and runs, and columns tiles and strips."""
    set_threads(threads)
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((n, p)).astype(dtype) + 5, rng.standard_normal(n).astype(dtype)
    shift = np.concatenate([[0.0], np.full(p, 5.0), [0.5]])
    tensors = torch.from_numpy(X), torch.from_numpy(y)
    rows = Blocks(*tensors, shift=torch.from_numpy(shift), n_bytes=1 << 14)
    expected = np.column_stack([np.ones(n), X, y]) - shift
    u = np.finfo(dtype).eps
    for _ in range(2):  # what is left in memory of the first time does no harm
        gram = rows.gram().numpy()
        assert gram.dtype == np.float64
        np.testing.assert_allclose(np.tril(gram), np.tril(expected.T @ expected), atol=9 * u * n)
    b = rng.standard_normal(p + 1)
    gradient = rows.gradient(torch.from_numpy(b).to(rows.shift.dtype)).numpy()
    residual = expected[:, -1] - expected[:, :-1] @ b
    np.testing.assert_allclose(gradient, -expected[:, :-1].T @ residual, atol=9 * u * n * p)


def error(name: str, X: np.ndarray, y: np.ndarray) -> float:
    backend = registry.load()[name]()
    backend.start("cpu", 1)
    backend.load(Data(X, y, X[:0], y[:0]), LeastSquares())
    fit = backend.fit()
    A = np.column_stack([X, np.ones(len(y))]).astype(float)
    exact = np.linalg.lstsq(A, y.astype(float))[0]
    return float(np.linalg.norm(np.append(fit.weight, fit.bias) - exact) / np.linalg.norm(exact))


@pytest.mark.parametrize("seed", range(3))
def test_rounding_does_not_grow_with_the_number_of_blocks(seed: int) -> None:
    """As it does where float32 sums go on from block to block, and in one product of all rows."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((400_000, 5)).astype("float32")
    y = (X @ np.arange(1, 6) + 2 + rng.standard_normal(len(X))).astype("float32")
    assert error("torch-cholesky-blocks", X, y) < np.finfo("float32").eps
    assert error("torch-cholesky", X, y) > 2 * error("torch-cholesky-blocks", X, y)


@pytest.mark.parametrize("n", [1, 2, 257, 3000])
def test_doubled_products_lose_nothing_where_terms_cancel(n: int) -> None:
    """Neither in the residual nor in its products with the columns."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((n, 7)) * np.geomspace(1e-9, 1e9, 7)
    A[:, 3] = 0
    v = np.append(np.linalg.lstsq(A[:, :6], A[:, 6])[0], -1.0)  # residuals at right angles to A
    rows = [[Fraction(a) for a in row] for row in A.tolist()]
    r = [sum(map(mul, row, map(Fraction, v.tolist()))) for row in rows]
    exact = [float(sum(map(mul, column, r))) for column in zip(*rows, strict=True)]
    found = Doubled(torch.from_numpy(A)).normal_product(torch.from_numpy(v)).numpy()
    lost = 1e-20 * np.linalg.norm(A, axis=0) * float(sum(a * a for a in r)) ** 0.5
    rounded = 1e-22 * np.abs(A).T @ (np.abs(A) @ np.abs(v))
    assert (np.abs(found - exact) <= lost + rounded + 2e-16 * np.abs(exact)).all()
