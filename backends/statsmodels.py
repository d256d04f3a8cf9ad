"""statsmodels: `OLS(...).fit()`, which also makes what its statistics will need."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from backends.base import TWO_POINTS, Fit, Probes
from backends.numpy import NumpyBackend
from backends.rank_deficient import NEEDS_FULL_RANK, refuse_wide, shortest


class _StatsmodelsOLS(NumpyBackend):
    """It calls NumPy's LAPACK, so that threads and BLAS are NumPy's."""

    framework = "statsmodels.regression.linear_model"
    requires = ("statsmodels",)
    methods = ("least squares",)
    optional = True
    how: ClassVar[str]

    def ols(self, A: np.ndarray, y: np.ndarray) -> Any:
        """The results of a fit without intercept."""
        from statsmodels.regression.linear_model import OLS

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of lacking rank, which `fit` asks for by itself
            return OLS(y, A).fit(method=self.how)

    def fit(self) -> Fit:
        X, y = self.data.X, self.data.y
        # Not `add_constant`, which makes float32 data float64.
        results = self.ols(np.column_stack([X, np.ones_like(y)]), y)
        weight, bias = results.params[:-1], results.params[-1]
        if results.model.rank <= X.shape[1]:
            weight, bias = shortest(lambda A, b: self.ols(A, b).params, X, y)
        self.result_dtype = str(weight.dtype)
        return Fit(weight, float(bias))

    def describe(self) -> dict[str, Any]:
        import statsmodels

        return super().describe() | {"version": statsmodels.__version__}

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        X, y = np.array([[0, 1], [1, 1]], dtype), np.array([0, 1], dtype)
        return Probes(lambda: self.ols(X, y), TWO_POINTS)


class StatsmodelsPinv(_StatsmodelsOLS):
    """Its default."""

    name = "statsmodels-pinv"
    algorithm = "OLS.fit(method='pinv'): pseudo-inverse of [X 1] by SVD"
    how = "pinv"


class StatsmodelsQR(_StatsmodelsOLS):
    """QR, but the pseudo-inverse is made as well: its covariances need it."""

    name = "statsmodels-qr"
    algorithm = "OLS.fit(method='qr'): QR of [X 1], and its pseudo-inverse besides"
    known_failures = NEEDS_FULL_RANK
    how = "qr"

    def fit(self) -> Fit:
        refuse_wide(self.data.X)
        return super().fit()
