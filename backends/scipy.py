"""SciPy: LAPACK's least-squares drivers one by one, and the normal equations."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from backends import rank_deficient as rank
from backends.base import TWO_POINTS, Backend, Fit, Probes
from backends.lazy import lazy
from backends.numpy import RankRevealing

linalg = lazy("scipy.linalg")

#: Rows of [X 1 y] in a block, and columns that LAPACK updates at once: both fit into a cache.
_ROWS, _COLUMNS = 1 << 12, 8


class ScipyBackend(Backend):
    """SciPy brings a BLAS of its own."""

    framework = "scipy.linalg"
    methods = ("least squares",)

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        X, y = np.array([[0, 1], [1, 1]], dtype), np.array([0, 1], dtype)
        A = np.ones((side, side), dtype, order="F")
        lstsq, gemm = linalg.lstsq, linalg.get_blas_funcs("gemm", (A,))
        return Probes(lambda: lstsq(X, y), TWO_POINTS, product=lambda: gemm(1, A, A))


class _ScipyLstsq(ScipyBackend, RankRevealing):
    """`scipy.linalg.lstsq` with one driver, and a rank cut-off above what rounding leaves."""

    optional = True
    copies = 2.5
    driver: ClassVar[str]

    def solve(self, A: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
        cond = rank.CUTOFF * np.finfo(A.dtype).eps
        solution, _, found, _ = linalg.lstsq(A, y, cond, lapack_driver=self.driver)
        return solution, found


class ScipyGelsd(_ScipyLstsq):
    """SciPy's default driver."""

    name = "scipy-gelsd"
    algorithm = "LAPACK gelsd (SVD, divide and conquer) of [X 1]"
    driver = "gelsd"


class ScipyGelsy(_ScipyLstsq):
    """The driver that SciPy's documentation calls slightly faster on many problems."""

    name = "scipy-gelsy"
    algorithm = "LAPACK gelsy (QR with column pivoting) of [X 1]"
    driver = "gelsy"


class ScipyGelss(_ScipyLstsq):
    """The oldest of the three."""

    name = "scipy-gelss"
    algorithm = "LAPACK gelss (SVD, QR iteration) of [X 1]"
    driver = "gelss"


class ScipyGels(ScipyBackend):
    """LAPACK called by hand: `scipy.linalg.lstsq` offers only drivers that find the rank."""

    name = "scipy-gels"
    algorithm = "LAPACK gels (QR without pivoting) of [X 1]"
    copies = 1.2
    stability = "orthogonal"
    style = "tuned"
    optional = True
    known_failures = rank.NEEDS_FULL_RANK

    def fit(self) -> Fit:
        X, y = self.data.X, self.data.y
        n, p = X.shape
        rank.refuse_wide(X)
        # In LAPACK's memory order, or it would be copied once more.
        A = np.empty((n, p + 1), X.dtype, order="F")
        A[:, :p], A[:, p] = X, 1
        (gels,) = linalg.get_lapack_funcs(("gels",), (A,))
        _, solution, info = gels(A, y, overwrite_a=True)
        if info:
            raise np.linalg.LinAlgError(f"R is singular: {rank.DEPENDENT}")
        return Fit.of(solution[: p + 1])


class ScipyQRBlocks(ScipyBackend):
    """R of all rows so far and the next block make the next R (TSQR).

    `tpqrt` makes use of the zeros in R (Demmel, Grigori, Hoemmen & Langou, SIAM J. Sci. Comput. 34,
    2012).
    """

    name = "scipy-qr-blocks"
    algorithm = "LAPACK tpqrt: QR of [X 1 y], updated by blocks of rows"
    stability = "orthogonal"
    style = "tuned"
    optional = True
    copies = 0.0
    known_failures = rank.NEEDS_FULL_RANK

    def fit(self) -> Fit:
        X, y = self.data.X, self.data.y
        n, p = X.shape
        rank.refuse_wide(X)
        R = np.zeros((p + 2, p + 2), X.dtype, order="F")
        (tpqrt,) = linalg.get_lapack_funcs(("tpqrt",), (R,))
        for first in range(0, n, _ROWS):
            part = X[first : first + _ROWS]
            block = np.empty((len(part), p + 2), X.dtype, order="F")
            block[:, :p], block[:, p], block[:, p + 1] = part, 1, y[first : first + _ROWS]
            columns = min(_COLUMNS, p + 2)
            R, *_ = tpqrt(0, columns, R, block, overwrite_a=True, overwrite_b=True)
        triangle, target = R[: p + 1, : p + 1], R[: p + 1, p + 1]
        rank.refuse_diagonal(triangle)
        return Fit.of(linalg.solve_triangular(triangle, target, check_finite=False))


class ScipyCholesky(ScipyBackend):
    """The normal equations: fast, and good for as many digits as X'X keeps."""

    name = "scipy-cholesky"
    algorithm = "Cholesky of [X 1]'[X 1] (normal equations), X'X by syrk"
    copies = 1.0
    stability = "normal equations"
    style = "tuned"

    def fit(self) -> Fit:
        X, y = self.data.X, self.data.y
        rank.refuse_wide(X)
        gram, moment = rank.normal_equations(np, X, y)
        return Fit.of(solve_normal_equations(gram, moment, len(y), X.dtype))


def solve_normal_equations(gram: np.ndarray, moment: np.ndarray, n: int, dtype: Any) -> np.ndarray:
    """The solution b of `gram` b = `moment`, (n_features + 1,), by Cholesky; `gram` is overwritten.

    Args:
        gram: [X 1]'[X 1], (n_features + 1, n_features + 1)
        moment: [X 1]'y, (n_features + 1,)
        n: samples.
        dtype: that they were computed in.

    Raises:
        LinAlgError: X'X is not positive definite, or nearly so.
    """
    diagonal = gram.diagonal().copy()
    # `cho_factor` and `cho_solve` call the same, but look at their arguments for as long as a small
    # fit takes. `gram.T` is in LAPACK's memory order.
    (posv,) = linalg.get_lapack_funcs(("posv",), (gram,))
    factor, solution, info = posv(gram.T, moment, lower=True, overwrite_a=True)
    if info:
        raise np.linalg.LinAlgError(rank.NOT_DEFINITE)
    rank.refuse_pivot((factor.diagonal() ** 2 / diagonal).min(), n, dtype)
    found: np.ndarray = solution
    return found
