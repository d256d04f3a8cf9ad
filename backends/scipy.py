"""SciPy: LAPACK's least-squares drivers one by one, and the normal equations."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from backends.base import TWO_POINTS, Fit, Probes
from backends.numpy import NumpyBackend, blas
from backends.rank_deficient import (
    CUTOFF,
    DEPENDENT,
    NEEDS_FULL_RANK,
    NOT_DEFINITE,
    refuse_pivot,
    refuse_wide,
    shortest,
)


class ScipyBackend(NumpyBackend):
    """What the SciPy backends share: SciPy brings a BLAS of its own."""

    framework = "scipy.linalg"
    requires = ("scipy",)
    methods = ("least squares",)

    def describe(self) -> dict[str, Any]:
        import scipy

        return super().describe() | {"version": scipy.__version__, **blas("scipy")}

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        from scipy.linalg import get_blas_funcs, lstsq

        X, y = np.array([[0, 1], [1, 1]], dtype), np.array([0, 1], dtype)
        A = np.ones((side, side), dtype, order="F")
        gemm = get_blas_funcs("gemm", (A,))
        return Probes(lambda: lstsq(X, y), TWO_POINTS, product=lambda: gemm(1, A, A))


class _ScipyLstsq(ScipyBackend):
    """`scipy.linalg.lstsq` with one driver, and a rank cut-off above what rounding leaves."""

    driver: ClassVar[str]

    def lstsq(self, A: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
        """The shortest minimiser of ||A b - y||, and the rank of A."""
        from scipy.linalg import lstsq

        cond = CUTOFF * np.finfo(A.dtype).eps
        solution, _, rank, _ = lstsq(A, y, cond, lapack_driver=self.driver)
        return solution, rank

    def fit(self) -> Fit:
        X, y = self.data.X, self.data.y
        solution, rank = self.lstsq(np.column_stack([X, np.ones_like(y)]), y)
        weight, bias = solution[:-1], solution[-1]
        if rank < len(solution):
            weight, bias = shortest(lambda A, b: self.lstsq(A, b)[0], X, y)
        self.result_dtype = str(weight.dtype)
        return Fit(weight, float(bias))


class ScipyGelsd(_ScipyLstsq):
    """SciPy's default driver."""

    name = "scipy-gelsd"
    algorithm = "LAPACK gelsd (SVD, divide and conquer) of [X 1]"
    optional = True
    driver = "gelsd"


class ScipyGelsy(_ScipyLstsq):
    """The driver that SciPy's documentation calls slightly faster on many problems."""

    name = "scipy-gelsy"
    algorithm = "LAPACK gelsy (QR with column pivoting) of [X 1]"
    optional = True
    driver = "gelsy"


class ScipyGelss(_ScipyLstsq):
    """The oldest of the three."""

    name = "scipy-gelss"
    algorithm = "LAPACK gelss (SVD, QR iteration) of [X 1]"
    optional = True
    driver = "gelss"


class ScipyGels(ScipyBackend):
    """LAPACK called by hand: `scipy.linalg.lstsq` has no driver without rank."""

    name = "scipy-gels"
    algorithm = "LAPACK gels (QR without pivoting) of [X 1]"
    style = "tuned"
    optional = True
    known_failures = NEEDS_FULL_RANK

    def fit(self) -> Fit:
        from scipy.linalg import get_lapack_funcs

        X, y = self.data.X, self.data.y
        n, p = X.shape
        refuse_wide(X)
        # In the order that LAPACK works in, or it would be copied once more.
        A = np.empty((n, p + 1), X.dtype, order="F")
        A[:, :p], A[:, p] = X, 1
        (gels,) = get_lapack_funcs(("gels",), (A,))
        _, solution, info = gels(A, y, overwrite_a=True)
        if info:
            raise np.linalg.LinAlgError(f"R is singular: {DEPENDENT}")
        solution = solution[: p + 1]
        self.result_dtype = str(solution.dtype)
        return Fit(solution[:-1], float(solution[-1]))


class ScipyCholesky(ScipyBackend):
    """The normal equations: fast, and good for as many digits as X'X keeps."""

    name = "scipy-cholesky"
    algorithm = "Cholesky of [X 1]'[X 1] (normal equations), X'X by syrk"
    stability = "normal equations"
    style = "tuned"

    def fit(self) -> Fit:
        from scipy.linalg import cho_factor, cho_solve

        # Block by block, because a copy of X with a column of ones costs more than X'X does.
        X, y = self.data.X, self.data.y
        refuse_wide(X)
        n, p = X.shape
        ones = np.ones_like(y)
        gram, moment = np.empty((p + 1, p + 1), X.dtype), np.empty(p + 1, X.dtype)
        gram[:p, :p] = X.T @ X
        gram[:p, p] = gram[p, :p] = ones @ X
        gram[p, p] = n
        moment[:p], moment[p] = y @ X, y.sum()
        diagonal = gram.diagonal().copy()
        try:
            factor = cho_factor(gram, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(NOT_DEFINITE) from error
        refuse_pivot((factor[0].diagonal() ** 2 / diagonal).min(), X.dtype)
        solution = cho_solve(factor, moment, check_finite=False)
        self.result_dtype = str(solution.dtype)
        return Fit(solution[:-1], float(solution[-1]))
