"""Odd shapes: dependent features, and targets that do not vary. They have right answers, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from backends.base import Data
from benchmarks.problems.problem import DType, Problem, Synthetic, targets

Oddity = Literal[
    "constant feature",
    "feature twice",
    "sum of two features",
    "targets of zero",
    "constant targets",
]

_LEVEL = 3.0  # of what is constant


def _constant(X: np.ndarray) -> None:
    X[:, -1] = _LEVEL


def _twice(X: np.ndarray) -> None:
    X[:, -1] = X[:, 0]


def _sum(X: np.ndarray) -> None:
    X[:, -1] = X[:, 0] + X[:, 1]  # rounded, so that it is not quite the sum


_FEATURES: dict[Oddity, Callable[[np.ndarray], None]] = {
    "constant feature": _constant,
    "feature twice": _twice,
    "sum of two features": _sum,
}
_TARGETS: dict[Oddity, float] = {"targets of zero": 0.0, "constant targets": _LEVEL}


@dataclass(frozen=True)
class Odd:
    """Independent standard normal features, with one thing that is odd."""

    oddity: Oddity
    n_samples: int = 200
    n_features: int = 5
    dtype: DType = "float32"
    sigma: float = 0.5
    n_test: int = field(default=0, init=False)

    def make(self, seed: int) -> Problem:
        """Draw features, truth and noise from `seed`."""
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((self.n_samples, self.n_features)).astype(self.dtype)
        if self.oddity in _TARGETS:
            bias = _TARGETS[self.oddity]
            y = np.full(self.n_samples, bias, self.dtype)
            return Problem(Data(X, y, X[:0], y[:0]), np.zeros(self.n_features), bias, 0.0)
        _FEATURES[self.oddity](X)
        weight, bias = rng.standard_normal(self.n_features), float(rng.standard_normal())
        y = targets(X, weight, bias, self.sigma, rng)
        return Problem(Data(X, y, X[:0], y[:0]), weight, bias, self.sigma)


#: The workloads of the group "odd" by name: what is odd, and the recipe.
SHAPES: dict[str, tuple[str, Odd | Synthetic]] = {
    "odd-single": ("one feature, three samples", Synthetic(3, 1, sigma=0.5)),
    "odd-square": ("as many features as samples", Synthetic(20, 20, sigma=0.5)),
    "odd-wide": ("more features than samples", Synthetic(20, 50, sigma=0.5)),
    "odd-constant": ("a feature that is constant", Odd("constant feature")),
    "odd-twice": ("the same feature twice", Odd("feature twice")),
    "odd-sum": (
        "a feature that is the sum of two others, but for rounding: float32 cannot tell its rank",
        Odd("sum of two features"),
    ),
    "odd-sum-float64": (
        "a feature that is the sum of two others, but for rounding, in float64",
        Odd("sum of two features", dtype="float64"),
    ),
    "odd-zero-targets": ("all targets are 0", Odd("targets of zero")),
    "odd-constant-targets": ("all targets are the same", Odd("constant targets")),
}
#: Those of dependent features.
SINGULAR = ("odd-square", "odd-wide", "odd-constant", "odd-twice", "odd-sum", "odd-sum-float64")
