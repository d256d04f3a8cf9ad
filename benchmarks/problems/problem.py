"""Problems: data, the truth behind them if it is known, and the recipes that make them.

A backend gets only `Problem.data`, never the truth. A recipe makes the same bytes for the same
seed.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from backends.base import Data, DType

#: Makes an array to be filled, from its name in `Data`, its shape and its dtype.
New = Callable[[str, tuple[int, ...], DType], np.ndarray]
#: Rows that are made, or converted to float64, at a time.
ROWS = 1 << 15
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


def blocks(n_samples: int, n_rows: int = ROWS) -> list[slice]:
    """All rows, at most `n_rows` at a time."""
    starts = range(0, n_samples, n_rows)
    return [slice(first, min(first + n_rows, n_samples)) for first in starts]


def in_memory(name: str, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """An array as usual."""
    return np.empty(shape, dtype)


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

    def make(self, seed: int, new: New = in_memory) -> Problem:
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

    def make(self, seed: int, new: New = in_memory) -> Problem:
        """Draw features, truth and noise from `seed`, and fill the arrays that `new` makes.

        Targets come from the features *as rounded* to `dtype`, which backends receive. No more than
        `ROWS` rows are in memory at a time, except in the arrays. Rounding depends on this number
        (that of U, and maybe of products), so it is the same for whoever makes the data.
        """
        n, p, rng = self.n_samples, self.n_features, np.random.default_rng(seed)
        X, X_test = new("X", (n, p), self.dtype), new("X_test", (self.n_test, p), self.dtype)
        normal = _Normal(copy.deepcopy(rng), n, p)
        if self.condition is None:
            for rows, drawn in zip(blocks(n), normal, strict=True):
                X[rows] = drawn
            rng = normal.after
            X_test[:] = rng.standard_normal(X_test.shape)
        else:
            spread = np.geomspace(1, 1 / self.condition, p)
            U = _Orthonormal(normal)
            rng = normal.after
            drawn = rng.standard_normal(X_test.shape)
            V, _ = np.linalg.qr(rng.standard_normal((p, p)))
            for rows, part in zip(blocks(n), U, strict=True):
                X[rows] = np.sqrt(n) * (part * spread) @ V.T
            X_test[:] = (drawn * spread) @ V.T
        weight, sigma = rng.standard_normal(p), self.sigma
        bias = float(rng.standard_normal())
        if self.target is not None:
            weight, bias, sigma = np.zeros(p), self.target, 0.0

        y, y_test = new("y", (n,), self.dtype), new("y_test", (self.n_test,), self.dtype)
        for features, targets in ((X, y), (X_test, y_test)):
            for rows in blocks(len(targets)):
                if self.last is not None:
                    features[rows, -1] = self.last(features[rows])
                exact = features[rows].astype(np.float64) @ weight + bias
                targets[rows] = exact + sigma * rng.standard_normal(len(exact))
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
    def make(self, seed: int, new: New = in_memory) -> Problem:
        """The same for the same seed; `new` makes the arrays, if the data do not come in some."""


class _Normal:
    """Blocks of independent standard normal numbers, (rows, n_features) each, any number of times.

    They are those of one large array that the generator would draw.
    """

    def __init__(self, rng: np.random.Generator, n_samples: int, n_features: int) -> None:
        self.start, self.n_samples, self.n_features = rng, n_samples, n_features
        self.after = rng  # the generator as it was after the last block

    def __iter__(self) -> Iterator[np.ndarray]:
        rng = copy.deepcopy(self.start)
        for rows in blocks(self.n_samples):
            yield rng.standard_normal((rows.stop - rows.start, self.n_features))
        self.after = rng


class _Orthonormal:
    """Q of the QR decomposition of random numbers, each column without its mean, in blocks.

    The QR of each block, and of all their R (TSQR: Demmel, Grigori, Hoemmen & Langou, SIAM J. Sci.
    Comput. 34, 2012). A single block is as if decomposed at once.
    """

    def __init__(self, normal: _Normal) -> None:
        self.normal = normal
        total = np.zeros(normal.n_features)
        for block in normal:
            total += block.sum(axis=0)
        self.mean = total / normal.n_samples
        triangles = [np.linalg.qr(block - self.mean, mode="r") for block in normal]
        ends = np.cumsum([len(triangle) for triangle in triangles])
        self.parts = np.split(np.linalg.qr(np.vstack(triangles))[0], ends[:-1])

    def __iter__(self) -> Iterator[np.ndarray]:
        for block, part in zip(self.normal, self.parts, strict=True):
            yield np.linalg.qr(block - self.mean)[0] @ part


def tutorial() -> Problem:
    """The PyTorch tutorial's line on [0, 2): 80 points to train, 20 to test."""
    weight, bias, n = 0.8, 0.2, 80
    X = np.arange(0, 2, 0.02).astype(np.float32)
    y = X * np.float32(weight) + np.float32(bias)
    data = Data(X[:n, None].copy(), y[:n].copy(), X[n:, None].copy(), y[n:].copy())
    return Problem(data, np.array([weight]), bias, sigma=0.0)
