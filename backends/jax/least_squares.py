"""Least squares in JAX: SVD, QR, and the normal equations, each compiled as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from backends.base import Data, Fit, Method
from backends.jax.base import JaxBackend
from backends.rank_deficient import NEEDS_FULL_RANK, refuse_pivot, refuse_wide, shortest

if TYPE_CHECKING:
    import jax


class JaxLstsq(JaxBackend):
    """`jnp.linalg.lstsq` as it comes."""

    name = "jax-lstsq"
    methods = ("least squares",)
    algorithm = "jax.numpy.linalg.lstsq of [X 1]: SVD, rank cut-off max(n, p) eps"
    optional = True

    def load(self, data: Data, method: Method) -> None:
        import jax
        import jax.numpy as jnp

        super().load(data, method)

        @jax.jit
        def solve(X: jax.Array, y: jax.Array) -> Any:
            solution, _, rank, _ = jnp.linalg.lstsq(_with_ones(X), y)
            return solution, rank

        self.solve = solve

    def fit(self) -> Fit:
        import jax.numpy as jnp

        self.result, rank = self.solve(self.X, self.y)
        if rank < len(self.result):
            self.result, bias = shortest(lambda A, b: jnp.linalg.lstsq(A, b)[0], self.X, self.y)
            return Fit(np.asarray(self.result), float(bias))
        solution = np.asarray(self.result)
        return Fit(solution[:-1], float(solution[-1]))


class JaxQR(JaxBackend):
    """Householder QR."""

    name = "jax-qr"
    methods = ("least squares",)
    algorithm = "jax.numpy.linalg.qr of [X 1], triangular solve"
    style = "tuned"
    optional = True
    known_failures = NEEDS_FULL_RANK

    def load(self, data: Data, method: Method) -> None:
        import jax
        import jax.numpy as jnp
        from jax.scipy.linalg import solve_triangular

        super().load(data, method)

        @jax.jit
        def solve(X: jax.Array, y: jax.Array) -> Any:
            Q, R = jnp.linalg.qr(_with_ones(X))
            return solve_triangular(R, Q.T @ y)

        self.solve = solve

    def fit(self) -> Fit:
        refuse_wide(self.X)
        self.result = self.solve(self.X, self.y)
        solution = np.asarray(self.result)
        return Fit(solution[:-1], float(solution[-1]))


class JaxCholesky(JaxBackend):
    """The normal equations: fast, and good for as many digits as X'X keeps."""

    name = "jax-cholesky"
    methods = ("least squares",)
    algorithm = "Cholesky of [X 1]'[X 1] (normal equations)"
    stability = "normal equations"
    style = "tuned"

    def load(self, data: Data, method: Method) -> None:
        import jax
        import jax.numpy as jnp
        from jax.scipy.linalg import cho_factor, cho_solve

        super().load(data, method)

        @jax.jit
        def solve(X: jax.Array, y: jax.Array) -> Any:
            # One product with X, and from the left: X.T @ y alone would take XLA as long as X.T @ X
            # does on the CPU.
            sums, moment = jnp.stack([jnp.ones_like(y), y]) @ X
            n = jnp.full((1, 1), len(y), X.dtype)
            gram = jnp.block([[X.T @ X, sums[:, None]], [sums[None, :], n]])
            factor = cho_factor(gram)
            pivot = (factor[0].diagonal() ** 2 / gram.diagonal()).min()
            return cho_solve(factor, jnp.append(moment, y.sum())), pivot

        self.solve = solve

    def fit(self) -> Fit:
        refuse_wide(self.X)
        self.result, pivot = self.solve(self.X, self.y)
        refuse_pivot(float(pivot), self.result.dtype)
        solution = np.asarray(self.result)
        return Fit(solution[:-1], float(solution[-1]))


def _with_ones(X: jax.Array) -> jax.Array:
    import jax.numpy as jnp

    return jnp.column_stack([X, jnp.ones(len(X), X.dtype)])
