"""statsmodels: `OLS(...).fit()`, which also computes what its statistics will need."""

import warnings
from typing import Any, ClassVar

import numpy as np

from backends import rank_deficient as rank
from backends.base import TWO_POINTS, Fit, Probes
from backends.lazy import lazy
from backends.numpy import RankRevealing

linear_model = lazy("statsmodels.regression.linear_model")


class _StatsmodelsOLS(RankRevealing):
    """It calls NumPy's LAPACK. `add_constant` is not used: it makes float32 data float64."""

    framework = "statsmodels.regression.linear_model"
    blas_of = "numpy"
    optional = True
    how: ClassVar[str]

    def solve(self, A: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about lacking rank, which `fit` checks itself
            results = linear_model.OLS(y, A).fit(method=self.how)
        return results.params, results.model.rank

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        X, y = np.array([[0, 1], [1, 1]], dtype), np.array([0, 1], dtype)
        return Probes(lambda: self.solve(X, y), TWO_POINTS)


class StatsmodelsPinv(_StatsmodelsOLS):
    """Its default."""

    name = "statsmodels-pinv"
    algorithm = "OLS.fit(method='pinv'): pseudo-inverse of [X 1] by SVD"
    copies = 10.0
    how = "pinv"


class StatsmodelsQR(_StatsmodelsOLS):
    """QR, but the pseudo-inverse is computed as well: its covariances need it."""

    name = "statsmodels-qr"
    algorithm = "OLS.fit(method='qr'): QR of [X 1], and its pseudo-inverse besides"
    copies = 11.0
    known_failures = rank.NEEDS_FULL_RANK
    how = "qr"

    def fit(self) -> Fit:
        rank.refuse_wide(self.data.X)
        return super().fit()
