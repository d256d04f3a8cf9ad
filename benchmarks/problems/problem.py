"""Problems: data, the truth behind them if it is known, and the recipes that make them.

A backend gets only `Problem.data`, never the truth. A recipe makes the same bytes for the same
seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from backends.base import Data

DType = Literal["float32", "float64"]
#: Squares of numbers beyond these, summed over many rows, overflow in float64, or vanish.
_LARGEST, _SMALLEST = 1e140, 1e-140


@dataclass(frozen=True)
class Problem:
    """`y = X weight + bias + sigma * standard normal noise`.

    For data read from a file, weight, bias and sigma are None: the truth is unknown.
    """

    data: Data
    weight: np.ndarray | None = None  # (n_features,), float64
    bias: float | None = None
    sigma: float | None = None  # 0 means exact up to rounding
    #: Published least-squares coefficients, (n_features + 1,), bias last.
    certified: np.ndarray | None = None
    names: tuple[str, ...] = ()  # of the features; empty if they have none


def extreme(values: np.ndarray) -> tuple[int, str] | None:
    """The row of a number that is too large or too small to compute with, and what is wrong.

    A column may hold smaller numbers beside ordinary ones.
    """
    if not values.size:
        return None
    sizes = np.abs(values)
    row = int(np.argmax(sizes))
    if float(sizes[row]) > _LARGEST:
        return row, f"{values[row]:g} is so large that its square overflows (a missing value?)"
    if 0 < float(sizes[row]) < _SMALLEST:
        return row, f"{values[row]:g} is so small that its square vanishes, and it is the largest"
    return None


@dataclass(frozen=True, eq=False)
class Given:
    """A problem without randomness, the same for every seed."""

    problem: Problem

    @property
    def n_samples(self) -> int:
        return len(self.problem.data.y)

    @property
    def n_features(self) -> int:
        return int(self.problem.data.X.shape[1])

    @property
    def n_test(self) -> int:
        return len(self.problem.data.y_test)

    @property
    def dtype(self) -> DType:
        return "float32" if self.problem.data.X.dtype == np.float32 else "float64"

    def make(self, seed: int) -> Problem:
        return self.problem


@dataclass(frozen=True)
class Synthetic:
    """Random features of a chosen condition number, with Gaussian noise.

    Without `condition` the features are independent standard normal. With it, the training
    features are `sqrt(n) U diag(s) V'`: the columns of U are orthonormal and have mean 0, V is a
    random rotation, and s falls geometrically from 1 to 1/condition. `condition` is then the
    2-norm condition number of [X, 1], the design matrix with an intercept.
    """

    n_samples: int
    n_features: int
    sigma: float
    condition: float | None = None
    dtype: DType = "float32"
    last: Callable[[np.ndarray], np.ndarray | float] | None = None  # replaces the last feature
    target: float | None = None  # of all samples: weight and noise are then 0
    tested: bool = True  # whether there are test samples

    @property
    def n_test(self) -> int:
        """A fifth of all rows, as in the tutorial, but at most 10,000."""
        return min(max(self.n_samples // 4, 1), 10_000) if self.tested else 0

    def make(self, seed: int) -> Problem:
        """Draw features, truth and noise from `seed`.

        Targets come from the features *as rounded* to `dtype`, which backends receive.
        """
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((self.n_samples, self.n_features))
        X_test = rng.standard_normal((self.n_test, self.n_features))
        if self.condition is not None:
            spread = np.geomspace(1, 1 / self.condition, self.n_features)
            V, _ = np.linalg.qr(rng.standard_normal((self.n_features, self.n_features)))
            U, _ = np.linalg.qr(X - X.mean(axis=0))
            X = np.sqrt(self.n_samples) * (U * spread) @ V.T
            X_test = (X_test * spread) @ V.T
        weight, sigma = rng.standard_normal(self.n_features), self.sigma
        bias = float(rng.standard_normal())
        if self.target is not None:
            weight, bias, sigma = np.zeros(self.n_features), self.target, 0.0

        X, X_test = X.astype(self.dtype), X_test.astype(self.dtype)
        if self.last is not None:
            X[:, -1], X_test[:, -1] = self.last(X), self.last(X_test)
        y = _targets(X, weight, bias, sigma, rng)
        y_test = _targets(X_test, weight, bias, sigma, rng)
        return Problem(Data(X, y, X_test, y_test), weight, bias, sigma)


class Recipe(Protocol):
    """How the problem of a workload is made, and what is known of it before."""

    @property
    def n_samples(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    @property
    def n_test(self) -> int: ...
    @property
    def dtype(self) -> DType: ...
    def make(self, seed: int) -> Problem:
        """The same for the same seed."""


def _targets(
    X: np.ndarray, weight: np.ndarray, bias: float, sigma: float, rng: np.random.Generator
) -> np.ndarray:
    """`X weight + bias` and noise, computed in float64 and rounded to the dtype of X."""
    noise = sigma * rng.standard_normal(len(X))
    return np.asarray((X.astype(np.float64) @ weight + bias + noise).astype(X.dtype))


def tutorial() -> Problem:
    """The PyTorch tutorial's line on [0, 2): 80 points to train, 20 to test."""
    weight, bias, n = 0.8, 0.2, 80
    X = np.arange(0, 2, 0.02).astype(np.float32)
    y = X * np.float32(weight) + np.float32(bias)
    data = Data(X[:n, None].copy(), y[:n].copy(), X[n:, None].copy(), y[n:].copy())
    return Problem(data, np.array([weight]), bias, sigma=0.0)
