"""scikit-learn, and Intel's extension of it."""

from abc import abstractmethod
from typing import Any

import numpy as np

from backends.base import TWO_POINTS, Backend, Fit, Probes
from backends.lazy import lazy

linear_model = lazy("sklearn.linear_model")
sklearnex = lazy("sklearnex.linear_model")
daal4py = lazy("daal4py")

#: Samples in a block: enough for the time of a call not to matter.
_ROWS = 1 << 16


class SklearnBackend(Backend):
    """An estimator is made, fitted and asked for `coef_` and `intercept_`."""

    framework = "sklearn.linear_model"
    requires = ("scikit-learn",)
    hidden = ("pandas",)
    blas_of = "scipy"
    methods = ("least squares",)

    @abstractmethod
    def estimator(self) -> Any:
        """A new one, not fitted."""

    def fit(self) -> Fit:
        self.model = self.estimator().fit(self.data.X, self.data.y)
        return Fit(self.model.coef_, float(self.model.intercept_))

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        X, y = np.array([[0], [1]], dtype), np.array([0, 1], dtype)
        return Probes(lambda: self.estimator().fit(X, y), TWO_POINTS)


class SklearnLinear(SklearnBackend):
    """`LinearRegression()` as it comes.

    It centers X and y and calls SciPy's `lstsq` with a rank cut-off of `tol` = 1e-6 (since
    scikit-learn 1.7), so directions in which X varies less than that are dropped.
    """

    name = "sklearn-linear"
    algorithm = "LinearRegression(): centred, LAPACK gelsd (SVD) through SciPy"
    copies = 2.5
    stability = "orthogonal"
    known_failures = dict.fromkeys(
        ("ill-conditioned", "nist-pontius", "nist-wampler?"),
        "its rank cut-off, tol=1e-6, drops the directions that vary least",
    )

    def estimator(self) -> Any:
        return linear_model.LinearRegression()

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"rank": int(self.model.rank_)}


class SklearnLinearTol0(SklearnLinear):
    """The same without a cut-off, which is right wherever the features determine the weight.

    Where they do not, nothing tells a direction of X from its rounding.
    """

    name = "sklearn-linear-tol0"
    algorithm = "LinearRegression(tol=0): centred, LAPACK gelsd (SVD) through SciPy, no cut-off"
    style = "tuned"
    known_failures = dict.fromkeys(
        ("odd-square", "odd-wide", "odd-twice", "odd-sum*"),
        "without a cut-off it takes what rounding leaves of a 0 for a direction of X",
    )

    def estimator(self) -> Any:
        return linear_model.LinearRegression(tol=0)


class SklearnRidgeCholesky(SklearnBackend):
    """The normal equations in scikit-learn; its documentation advises against alpha = 0."""

    name = "sklearn-ridge-cholesky"
    algorithm = "Ridge(alpha=0, solver='cholesky'): centred, Cholesky of X'X (normal equations)"
    copies = 1.2
    stability = "normal equations"
    style = "tuned"
    optional = True

    def estimator(self) -> Any:
        return linear_model.Ridge(alpha=0, solver="cholesky")

    def describe(self) -> dict[str, Any]:
        # If Cholesky fails, Ridge continues with another solver, and reports it here.
        return super().describe() | {"solver": self.model.solver_}


class _Sklearnex(SklearnBackend):
    """Estimators of scikit-learn-intelex, which calls oneDAL in place of LAPACK."""

    framework = "sklearnex.linear_model"
    requires = ("scikit-learn-intelex",)
    stability = "normal equations"
    copies = 0.0

    def start(self, device: str, threads: int) -> None:
        daal4py.daalinit(threads)

    def describe(self) -> dict[str, Any]:
        threads = daal4py.num_threads()
        return super().describe() | {"threads": threads, "blas": "oneMKL, within oneDAL"}


class SklearnexLinear(_Sklearnex):
    """`LinearRegression` as it comes."""

    name = "sklearnex-linear"
    algorithm = "oneDAL: Cholesky of X'X (normal equations), in blocks of rows"

    def estimator(self) -> Any:
        return sklearnex.LinearRegression()

    def describe(self) -> dict[str, Any]:
        # What oneDAL cannot do is silently left to scikit-learn, whose estimator has a rank.
        stock = hasattr(self.model, "rank_")
        return super().describe() | {
            "algorithm": SklearnLinear.algorithm if stock else self.algorithm,
            "dispatched": "scikit-learn's own LinearRegression" if stock else "oneDAL",
        }


class SklearnexIncremental(_Sklearnex):
    """`IncrementalLinearRegression`, for data that come a block at a time."""

    name = "sklearnex-incremental"
    algorithm = "oneDAL: IncrementalLinearRegression().partial_fit, X'X from blocks of rows"
    optional = True

    def estimator(self) -> Any:
        return sklearnex.IncrementalLinearRegression()

    def fit(self) -> Fit:
        X, y = self.data.X, self.data.y
        self.model = self.estimator()
        for first in range(0, len(y), _ROWS):
            self.model.partial_fit(X[first : first + _ROWS], y[first : first + _ROWS])
        # Of a single feature, it has a number in place of an array.
        return Fit(np.atleast_1d(self.model.coef_), float(self.model.intercept_))
