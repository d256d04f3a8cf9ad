"""Problems: data with a known truth, made once from a seed; or data that were read.

The truth never leaves the parent process: a backend is given `Problem.data` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from backends.base import Data

DType = Literal["float32", "float64"]


@dataclass(frozen=True)
class Problem:
    """`y = X weight + bias + sigma * standard normal noise`, and who knows it.

    Of data that were not made here but read, weight, bias and sigma are None: nobody knows them.
    """

    data: Data
    weight: np.ndarray | None  # (n_features,), float64
    bias: float | None
    sigma: float | None  # 0 means exact up to rounding
    #: The coefficients of least squares as an authority has published them, (n_features + 1,),
    #: bias last; None where nobody has.
    certified: np.ndarray | None = None


class Recipe(Protocol):
    """How a problem is made; `make` gives the same bytes for the same seed."""

    @property
    def n_samples(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    @property
    def n_test(self) -> int: ...
    @property
    def dtype(self) -> DType: ...
    def make(self, seed: int) -> Problem: ...


@dataclass(frozen=True)
class Tutorial:
    """The PyTorch tutorial's line: 100 points on [0, 2), the first 80 train, the last 20 test."""

    dtype: DType = "float32"
    n_samples: int = 80
    n_features: int = 1
    n_test: int = 20
    weight: float = 0.8
    bias: float = 0.2

    def make(self, seed: int) -> Problem:
        """The same points whatever the seed: nothing in them is random."""
        dtype = np.dtype(self.dtype).type
        X = np.arange(0, 2, 0.02).astype(self.dtype)
        y = X * dtype(self.weight) + dtype(self.bias)
        n = self.n_samples
        data = Data(X[:n, None].copy(), y[:n].copy(), X[n:, None].copy(), y[n:].copy())
        return Problem(data, np.array([self.weight]), self.bias, sigma=0.0)


@dataclass(frozen=True)
class Synthetic:
    """Random features of a chosen condition number, with Gaussian noise.

    Without `condition` the features are independent standard normal. With it, the training
    features are `sqrt(n) U diag(s) V'` with orthonormal columns of mean 0 in U, a random rotation
    V, and s falling geometrically from 1 to 1/condition: that is the 2-norm condition number of
    [X, 1], the matrix that least squares with an intercept has to deal with.
    """

    n_samples: int
    n_features: int
    sigma: float
    condition: float | None = None
    dtype: DType = "float32"

    @property
    def n_test(self) -> int:
        """A fifth of all rows, as in the tutorial, but never more than 10,000."""
        return min(max(self.n_samples // 4, 1), 10_000)

    def make(self, seed: int) -> Problem:
        """Draw features, truth and noise from `seed`.

        The targets come from the features *as rounded* to `dtype`, so that the truth holds for
        exactly the numbers that the backends receive.
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
        weight = rng.standard_normal(self.n_features)
        bias = float(rng.standard_normal())

        X, X_test = X.astype(self.dtype), X_test.astype(self.dtype)
        y = targets(X, weight, bias, self.sigma, rng)
        y_test = targets(X_test, weight, bias, self.sigma, rng)
        return Problem(Data(X, y, X_test, y_test), weight, bias, self.sigma)


def targets(
    X: np.ndarray, weight: np.ndarray, bias: float, sigma: float, rng: np.random.Generator
) -> np.ndarray:
    """`X weight + bias` and noise, computed in float64 and rounded to the dtype of X."""
    noise = sigma * rng.standard_normal(len(X))
    return np.asarray((X.astype(np.float64) @ weight + bias + noise).astype(X.dtype))
