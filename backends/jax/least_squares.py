"""Least squares in JAX: SVD, QR, and the normal equations, each compiled as a whole."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from backends import rank_deficient as rank
from backends.base import Data, Fit, Method
from backends.jax import jax, jnp
from backends.jax.base import JaxBackend
from backends.lazy import lazy

linalg = lazy("jax.scipy.linalg")


class _JaxSolver(JaxBackend):
    methods = ("least squares",)

    @abstractmethod
    def solve(self, X: Any, y: Any) -> tuple[Any, Any]:
        """(weight, bias), and the smallest pivot or infinity: traced and compiled."""

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        # A new function each time, so that JAX compiles anew for each workload.
        # Each array that comes to the host costs time: one for all.
        self.compiled = jax.jit(lambda X, y: jnp.append(*self.solve(X, y)))

    def fit(self) -> Fit:
        rank.refuse_wide(self.X)
        self.result = self.compiled(self.X, self.y)
        found = np.asarray(self.result)
        rank.refuse_pivot(float(found[-1]), len(self.y), found.dtype)
        return Fit.of(found[:-1])


class JaxLstsq(_JaxSolver):
    """`jnp.linalg.lstsq` as it comes."""

    name = "jax-lstsq"
    algorithm = "jax.numpy.linalg.lstsq of [X 1]: SVD, rank cut-off max(n, p) eps"
    copies = 4.0
    stability = "orthogonal"
    optional = True

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.compiled = jax.jit(lambda X, y: self.solve(X, y))

    def solve(self, X: Any, y: Any) -> tuple[Any, Any]:
        """The rank in place of a pivot."""
        return _lstsq(_with_ones(X), y)

    def fit(self) -> Fit:
        found = self.compiled(self.X, self.y)
        self.result = found[0]
        return rank.checked_fit(found, _lstsq, self.X, self.y)


class JaxQR(_JaxSolver):
    """Householder QR."""

    name = "jax-qr"
    algorithm = "jax.numpy.linalg.qr of [X 1], triangular solve"
    stability = "orthogonal"
    style = "tuned"
    optional = True
    known_failures = rank.NEEDS_FULL_RANK

    def solve(self, X: Any, y: Any) -> tuple[Any, Any]:
        Q, R = jnp.linalg.qr(_with_ones(X))
        return linalg.solve_triangular(R, Q.T @ y), jnp.inf


class JaxCholesky(_JaxSolver):
    """The normal equations: fast, and good for as many digits as X'X keeps."""

    name = "jax-cholesky"
    algorithm = "Cholesky of [X 1]'[X 1] (normal equations)"
    copies = 2.0
    stability = "normal equations"
    style = "tuned"

    def solve(self, X: Any, y: Any) -> tuple[Any, Any]:
        # One product with X, and from the left: X.T @ y alone would take XLA as long as X.T @ X
        # does on the CPU.
        sums, moment = jnp.stack([jnp.ones_like(y), y]) @ X
        n = jnp.full((1, 1), len(y), X.dtype)
        gram = jnp.block([[X.T @ X, sums[:, None]], [sums[None, :], n]])
        factor = linalg.cho_factor(gram)
        pivot = (factor[0].diagonal() ** 2 / gram.diagonal()).min()
        return linalg.cho_solve(factor, jnp.append(moment, y.sum())), pivot


def _with_ones(X: Any) -> Any:
    return jnp.column_stack([X, jnp.ones(len(X), X.dtype)])


def _lstsq(A: Any, y: Any) -> tuple[Any, Any]:
    solution, _, found, _ = jnp.linalg.lstsq(A, y)
    return solution, found
